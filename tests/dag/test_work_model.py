"""The work model's estimates count the jobs that Snakemake plans."""

import re
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from dry_runs import PROJECT, copy_project, plan

from culture_neurons.identify.random_control import draw_control
from culture_neurons.identify.statistics import Statistics
from culture_neurons.neurons import NeuronAxis
from planning.config import complete_config
from planning.study import Study


@pytest.fixture(scope="module", params=["paper", "native"])
def config(request):
    return f"config/{request.param}.yaml"


@pytest.fixture(scope="module")
def stages(config):
    """(model, stage) -> (jobs, share of start-up in per cent), as the command prints them."""
    process = subprocess.run(
        [sys.executable, PROJECT / "benchmarks/work_model.py", "--config", PROJECT / config],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = re.findall(
        r"^\| (\S+): (\w+) \| (\d+) \|.*\| ([0-9.]+) % \|$", process.stdout, flags=re.MULTILINE
    )
    return {(model, stage): (int(jobs), float(share)) for model, stage, jobs, share in rows}


def test_the_jobs_are_those_that_are_planned(config, stages, tmp_path):
    folder = copy_project(tmp_path / "project")  # without the results of whoever tests
    planned = Counter()
    for rule, wildcards in plan(folder, "--configfile", config):
        if rule in ("answer_questions", "extract_activations", "intervene"):
            planned[re.search(r"model=([^,]+)", wildcards).group(1), rule] += 1
    assert len(planned) == 3 * len({model for model, _ in stages})
    assert {key: jobs for key, (jobs, _) in stages.items()} == planned


def test_a_control_s_masks_are_those_that_are_drawn(monkeypatch):
    monkeypatch.syspath_prepend(PROJECT / "benchmarks")
    from work_model import list_selectors

    axis = NeuronAxis((40, 40))
    cultures = ["a", "b", "c"]
    ones = np.ones((3, 80))
    statistics = Statistics(cultures, axis, np.ones(3), ones, ones, ones)
    drawn = list(draw_control("random", statistics, [], 8, draws=5, seed=0))
    control = {"name": "random", "kind": "random", "draws": 5, "other_questions": 2}
    config = {
        "dataset": {"source": "owner/data", "cultures": "config/demo_cultures.tsv"},
        "models": [{"name": "m", "checkpoint": "owner/name"}],
        "score": {"scorers": [{"name": "cas"}]},
        "select": {"controls": [control]},
    }
    monkeypatch.chdir(PROJECT)
    study = Study(complete_config(config, PROJECT))
    (own, shared) = list_selectors(study, "m", len(cultures), 30, 30)
    assert (own.masks, own.questions) == (3, 30)
    assert (shared.masks, shared.questions) == (len(drawn), 10 + 2 * 2)


def test_start_up_is_less_than_a_tenth_of_every_model_job(stages):
    assert max(share for _, share in stages.values()) < 10


def test_a_mask_on_pictures_costs_its_own_encoding_and_nothing_more(monkeypatch):
    monkeypatch.syspath_prepend(PROJECT / "benchmarks")
    from work_model import ModelCost, list_masked

    config = {
        "dataset": {"source": "owner/data", "cultures": "config/demo_cultures.tsv"},
        "models": [{"name": "m", "checkpoint": "owner/name"}],
        "extract": {"hookpoints": ["mlp.gate_act", "vision.mlp", "attn.head"]},
        "score": {"scorers": [{"name": "cas", "options": {"statistic": "rms"}}]},
        "select": {"controls": [{"name": "random", "kind": "random", "draws": 3}]},
    }
    monkeypatch.chdir(PROJECT)
    config = complete_config(config, PROJECT)
    costs = {"name": "m", "neurons": 10, "image_tokens": 100, "all_weights": 1.0}
    fields = dict.fromkeys(ModelCost.__dataclass_fields__, 1.0) | costs
    model = ModelCost(**fields | {"vision_operations": 7.0})

    def count(hookpoint):
        ((_, _, operations),) = list_masked(config, model, hookpoint, 4, 40.0, 20.0)
        return operations

    assert count("attn.head") == count("mlp.gate_act")
    masks = 4 + 4 * 3  # of each culture, and three draws for each; each on all of 20 pictures
    assert count("vision.mlp") - count("mlp.gate_act") == pytest.approx(7 * 20 * (masks - 2))
