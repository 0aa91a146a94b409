"""What a config's study consists of: names, selectors, controls; what model jobs ask for."""

import copy
from pathlib import Path

import pytest

from planning.config import complete_config
from planning.model_jobs import list_resources, name_hub_cache
from planning.study import Study

ROOT = Path(__file__).resolve().parents[2]
DEMO = "results/demo/checkpoints"
CONFIG = {
    "dataset": {"source": "owner/data", "cultures": "config/demo_cultures.tsv"},
    "models": [
        {"name": "demo", "checkpoint": f"{DEMO}/tiny-pangea", "answers": "all"},
        {"name": "bare", "checkpoint": f"{DEMO}/tiny-pangea-unplanted-seed2"},
        {"name": "hub", "checkpoint": "owner/tiny-pangea"},
    ],
    "cells": {"folds": 4, "splits": [2, 0]},
    "extract": {"shards": 2},
    "score": {
        "scorers": [
            {"name": "mine", "scorer": "lap", "options": {"statistic": "mean"}},
            {"name": "lape", "options": {"quantile": 0.95}, "pool": "overall"},
        ]
    },
    "select": {
        "rates": [0.05, 0.001],
        "other_questions": 7,
        "imported": [{"name": "published", "files": {"hub": "README.md"}, "cultures": ["AVL"]}],
        "combined": [
            {"name": "both", "of": "mine", "within": ["lape"]},
            {"name": "own", "of": "both", "without": ["published"]},
        ],
        "controls": [
            {"name": "random", "kind": "random", "draws": 30, "other_questions": 2},
            {"name": "layers", "kind": "random_layer", "seed": 4, "other_questions": None}
            | {"own_questions": 9},
            {"name": "shuffled", "kind": "permuted"},
        ],
    },
    "intervene": [{"name": "double", "kind": "scale", "strength": 1}],
    "steer": [{"name": "up", "kind": "add", "strengths": [1, 2.5], "max_loss": 0.5}],
}


@pytest.fixture(scope="module")
def completed():
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return complete_config(CONFIG, ROOT)


@pytest.fixture
def study(completed):
    return Study(copy.deepcopy(completed))


def test_names_are_those_of_paths_in_the_config_s_order(study):
    assert list(study.models) == ["demo", "bare", "hub"]
    assert list(study.scorers) == ["mine", "lape"]
    assert study.all_scorers == ["mine", "lape", "published", "both", "own", "planted"]
    assert study.interventions["double"]["strength"] == 1
    assert study.steering["up"]["strengths"] == [1.0, 2.5]
    assert type(study.steering["up"]["strengths"][0]) is float
    # What only chooses among answers is no setting of the job that gives them.
    assert "max_loss" not in study.steering["up"]
    assert study.max_loss == {"up": 0.5}
    assert study.splits == ["split2", "split0"]
    assert study.rates == {"r0.05": 0.05, "r0.001": 0.001}
    assert study.shards == ["1-of-2", "2-of-2"]
    assert study.reference == {"split": 2, "rate": 0.05}


def test_a_rate_written_as_a_whole_number_is_a_share_like_others(completed):
    config = copy.deepcopy(completed)
    config["select"]["rates"] = [1, 0.5]
    rates = Study(config).rates
    assert rates == {"r1": 1.0, "r0.5": 0.5}
    assert {type(rate) for rate in rates.values()} == {float}
    assert type(Study(config).reference["rate"]) is float


def test_which_answers_count_is_no_part_of_a_model(study):
    assert study.counted == {"demo": "all", "bare": "correct", "hub": "correct"}
    for model in study.models.values():
        assert "answers" not in model
        assert model["dtype"] == "bfloat16"


def test_demo_models_are_known_by_their_folder_and_planted_ones_by_their_name(study):
    assert study.get_demo_model("demo") == ("tiny-pangea", "planted", 0)
    assert study.get_demo_model("bare") == ("tiny-pangea", "unplanted", 2)
    assert study.get_demo_model("hub") is None
    for hookpoint, planted in (
        ("mlp.gate_act", ["demo"]),
        ("mlp.neuron", ["demo"]),
        ("attn.head", []),
    ):
        assert [name for name in study.models if study.has_plants(name, hookpoint)] == planted


def test_a_model_has_the_masks_that_were_imported_for_it_and_its_own_planted_ones(study):
    assert study.get_candidates("demo") == ["mine", "lape", "both"]
    assert study.get_scorers("demo", "mlp.gate_act") == ["mine", "lape", "both", "planted"]
    assert study.get_scorers("bare", "mlp.gate_act") == ["mine", "lape", "both"]
    # What is made of imported masks exists where they do.
    assert study.get_scorers("hub", "mlp.gate_act") == ["mine", "lape", "published", "both", "own"]


def test_random_masks_are_shared_where_sizes_are_equal_and_masks_alone_are_not_permuted(study):
    assert study.get_controls("mine") == {
        "random": "random",
        "layers": "layers_of_mine",
        "shuffled": "shuffled_of_mine",
    }
    assert study.get_controls("lape") == {
        "random": "random_of_lape",
        "layers": "layers_of_lape",
        "shuffled": "shuffled_of_lape",
    }
    for masks in ("published", "both", "own", "planted"):
        assert study.get_controls(masks) == {
            "random": f"random_of_{masks}",
            "layers": f"layers_of_{masks}",
        }


def test_every_selector_of_a_control_is_listed_once_by_how_it_is_drawn(study):
    assert study.list_selectors(permuted=True) == ["shuffled_of_mine", "shuffled_of_lape"]
    drawn = ["random", *(f"random_of_{name}" for name in study.all_scorers if name != "mine")]
    drawn += [f"layers_of_{name}" for name in study.all_scorers]
    assert sorted(study.list_selectors(permuted=False)) == sorted(drawn)
    assert [selector for selector in drawn if study.is_shared(selector)] == ["random"]


def test_a_control_is_described_by_what_changes_its_masks(study):
    assert study.get_control("random_of_planted") == {
        "name": "random",
        "kind": "random",
        "draws": 30,
        "seed": 0,
    }
    assert study.get_control("layers_of_mine")["seed"] == 4
    assert study.control_selectors["layers_of_mine"] == ("layers", "mine")


def test_a_selector_s_scorer_is_itself_or_the_one_that_it_controls(study):
    assert study.get_scorer("mine") is study.scorers["mine"]
    assert study.get_scorer("shuffled_of_lape") is study.scorers["lape"]
    assert study.get_scorer("shuffled_of_mine")["scorer"] == "lap"


@pytest.mark.parametrize(
    ("selector", "count", "own"),
    [
        *(("mine", 7, None), ("planted", 7, None), ("published", 7, None)),
        *(("random", 2, None), ("layers_of_mine", None, 9)),
    ],
)
def test_scorers_and_controls_are_asked_their_own_numbers_of_questions(selector, count, own, study):
    assert study.limit_questions(selector) == {"other_questions": count, "own_questions": own}


def test_a_model_job_asks_for_more_at_each_attempt_and_for_a_gpu_on_cuda_alone(completed):
    resources = list_resources(completed["compute"] | {"memory_mb": 100, "runtime_minutes": 7})
    assert [resources["mem_mb"](None, attempt) for attempt in (1, 2, 3)] == [100, 200, 400]
    assert [resources["runtime"](None, attempt=attempt) for attempt in (1, 2)] == [7, 14]
    assert resources["gpu"] == 1
    assert resources["batch_tokens"] == 16384
    assert list_resources(completed["compute"] | {"device": "cpu"})["gpu"] == 0


def test_no_resource_is_none_which_snakemake_would_not_take(completed):
    assert name_hub_cache({"hub_cache": None}) == ""
    assert name_hub_cache({"hub_cache": "a folder"}) == "a folder"
    assert None not in list_resources(completed["compute"]).values()


def test_models_of_one_checkpoint_lend_each_other_masks(monkeypatch):
    monkeypatch.chdir(ROOT)
    config = copy.deepcopy(CONFIG)
    config["models"].append(CONFIG["models"][0] | {"name": "native", "prompt": "native"})
    lent = {"name": "lent", "of": "mine", "models": {"demo": "native", "native": "demo"}}
    aside = {**lent, "name": "aside", "evaluate": False}
    config["select"]["imported"] += [lent, aside]
    study = Study(complete_config(config, ROOT))
    assert (study.get_lender("lent", "demo"), study.get_lender("published", "hub")) == (
        "native",
        None,
    )
    assert study.lent == ["lent"]  # those that are asked
    assert study.list_lent() == [("lent", "demo"), ("lent", "native")]
    assert "lent" in study.get_candidates("native")
    assert "lent" not in study.get_candidates("hub")


def test_other_datasets_are_told_apart_by_their_cultures(monkeypatch):
    monkeypatch.chdir(ROOT)
    general = {"source": "owner/general"}
    transfer = {"source": "owner/other", "cultures": "config/demo_cultures.tsv"}
    config = CONFIG | {"other_datasets": {"general": general, "new": transfer}}
    study = Study(complete_config(config, ROOT))
    assert study.list_other_datasets(cultures=True) == ["new"]
    assert study.list_other_datasets(cultures=False) == ["general"]


def test_patches_of_pictures_are_a_scope_of_their_own(study):
    text = study.get_scopes("attn.head")
    assert text["stored"] == {"image": ["image"], "text": ["question", "options"]}
    assert (text["scored"], text["compared"]) == (["image", "text"], [])
    for hookpoint in ("vision.mlp", "vision.head", "projector.act"):
        scopes = study.get_scopes(hookpoint)
        assert scopes == {"stored": {"picture": ["image"]}, "scored": ["picture"], "compared": []}


def test_a_hookpoint_may_have_rates_of_its_own():
    config = complete_config(
        {
            "dataset": {"source": "owner/data", "cultures": "config/demo_cultures.tsv"},
            "models": [{"name": "a", "checkpoint": "b/c"}],
            "extract": {"hookpoints": ["mlp.gate_act", "mlp.neuron"]},
            "select": {"rates": [0.01], "rates_at": {"mlp.neuron": [0.02, 0.01]}},
        },
        ROOT,
    )
    study = Study(config)
    assert study.get_rates("mlp.gate_act") == ["r0.01"]
    assert study.get_rates("mlp.neuron") == ["r0.02", "r0.01"]
    assert study.rates == {"r0.01": 0.01, "r0.02": 0.02}
