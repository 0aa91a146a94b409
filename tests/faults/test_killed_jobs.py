"""kill -9 of a job at a random moment: nothing half-written is taken, and a rerun gives the bytes.

Each seed kills the job of another rule, so that every rule of the workflow is killed once.
"""

import contextlib
import csv
import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from dry_runs import PROJECT, run_snakemake
from small_study import CONFIG, RUN, STUDY, find_jobs, make

RULES = sorted(
    rule
    for path in (PROJECT / "workflow/rules").glob("*.smk")
    for rule in re.findall(r"^rule (\w+):", path.read_text(), flags=re.MULTILINE)
)
MASKS = f"results/masks/{STUDY}/r0.01"
STEERED = f"{STUDY}/r0.01/up"
FIGURES, PLACE = "results/figures", "mlp.gate_act/split0/r0.01/ablate"
DOSES = "results/figures/doses/mlp.gate_act/split0/r0.01/up"
OF_OTHER = {  # of a config of its own
    "select_permuted": f"{MASKS}/permuted_of_lap.parquet",
    "combine_masks": f"{MASKS}/rest.parquet",
    "choose_strengths": f"results/strengths/{STEERED}/conact.parquet",
    "measure_doses": f"results/doses/{STEERED}/conact.parquet",
    "plot_doses": f"{DOSES}/logp/conact/tiny-llava.png",
    "compare_prompts": f"results/prompts/{STUDY}/r0.01/ablate/lent.parquet",
    "plot_prompts": f"{FIGURES}/prompts/{PLACE}/logp/lent/tiny-llava.png",
    # Of cultures that share nothing; asked for by path alone.
    "measure_relations": f"results/relations/{STUDY}/r0.01/ablate/conact.parquet",
    "plot_relations": f"{FIGURES}/relations/{PLACE}/logp/tiny-llava.png",
}
OTHER = (*RUN[:-1], "other.yaml")
EXPORTED = f"results/exports/{STUDY}/r0.01/conact.pth"  # made by request alone
SENSITIVITY = "results/figures/sensitivity/mlp.gate_act"
FIGURES_OF_MORE = {  # wanted of two models, rates, splits, or hookpoints on
    "plot_components": f"{FIGURES}/components/split0/ablate/accuracy/conact.png",
    "plot_depth": f"{FIGURES}/depth/split0/conact.png",
    "plot_models": f"{SENSITIVITY}/models.png",
    "plot_rates": f"{SENSITIVITY}/ablate/accuracy/rates.png",
    "plot_splits": f"{SENSITIVITY}/ablate/accuracy/splits.png",
}


@pytest.fixture(scope="module")
def study(finished_study, tmp_path_factory):
    """A copy of the finished study with what a study of one model and one control lacks."""
    folder = tmp_path_factory.mktemp("kills") / "a study"
    shutil.copytree(finished_study, folder)
    config = yaml.safe_load((folder / "tests/configs/one_model.yaml").read_text())
    config["select"] = {
        "controls": [
            {"name": "random", "kind": "random"},
            {"name": "permuted", "kind": "permuted", "draws": 2},
        ],
        "combined": [{"name": "rest", "of": "conact", "without": ["lap"]}],
        "imported": [{"name": "lent", "of": "conact", "models": {"tiny-llava": "native"}}],
    }
    del config["other_datasets"]  # which have no native questions
    config["models"].append(config["models"][0] | {"name": "native", "prompt": "native"})
    config["steer"] = [{"name": "up", "kind": "scale", "strengths": [-1.0, 1.0]}]
    (folder / "other.yaml").write_text(yaml.safe_dump(config))
    for target in OF_OTHER.values():
        make(folder, target, *OTHER)
    make(folder, EXPORTED, *FIGURES_OF_MORE.values(), *RUN)
    return folder


@pytest.fixture(scope="module")
def outputs(study):
    """Rule -> its outputs."""
    listing = run_snakemake(study, "--summary", *CONFIG)
    assert listing.returncode == 0, listing.stderr
    found = {rule: [target] for rule, target in OF_OTHER.items()}
    found["export_masks"] = [EXPORTED]
    found |= {rule: [figure] for rule, figure in FIGURES_OF_MORE.items()}
    for row in csv.DictReader(listing.stdout.splitlines(), delimiter="\t"):
        found.setdefault(row["rule"], []).append(row["output_file"])
    return found


def hash_results(folder):
    """Hash everything that a rule makes, figures and checkpoints too."""
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (folder / "results").rglob("*")
        if path.is_file()
        and not {"logs", "benchmarks"} & set(path.parts)
        and not path.name.startswith(".")  # the rest of a killed writer, which nothing reads
    }


def read_seconds(folder, rule):
    """Read how long a rule's undisturbed job took."""
    files = (folder / "results/benchmarks").glob(f"{rule}*/**/*.tsv")
    first = next(files, folder / f"results/benchmarks/{rule}.tsv")
    with first.open() as file:
        return float(next(csv.DictReader(file, delimiter="\t"))["s"])


def choose_run(rule):
    return OTHER if rule in OF_OTHER else RUN


def kill_job(folder, rule, target, delay):
    """Run a target and kill its job `delay` seconds after its start; False if it came too late."""
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", target, *choose_run(rule)],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not (jobs := find_jobs(folder, rule)) and process.poll() is None:
        time.sleep(0.01)
    assert jobs, f"{rule} has not been run for {target}"
    time.sleep(delay)
    with contextlib.suppress(ProcessLookupError):
        os.kill(jobs[0], signal.SIGKILL)
    return process.wait() != 0


@pytest.mark.parametrize(("seed", "rule"), list(enumerate(RULES)), ids=RULES)
def test_a_job_killed_at_a_random_moment_is_run_again_to_the_same_bytes(study, outputs, seed, rule):
    generator = random.Random(seed)
    target = generator.choice(outputs[rule])
    expected = hash_results(study)
    (study / target).unlink()
    delay = generator.uniform(0, read_seconds(study, rule))
    while not kill_job(study, rule, target, delay):  # done before it could be killed
        assert hash_results(study) == expected
        (study / target).unlink()
        delay /= 2
    left = hash_results(study)
    assert Path(target) not in left
    assert left.items() < expected.items()  # what is there is whole
    make(study, target, *choose_run(rule))
    assert hash_results(study) == expected


def test_every_rule_is_killed_and_there_are_twenty_seeds_or_more():
    assert len(RULES) >= 20
    assert "extract_activations" in RULES


def test_nothing_is_left_to_do_after_all_that(study):
    rest = run_snakemake(study, "--dry-run", *CONFIG)
    assert "Nothing to be done" in rest.stdout + rest.stderr
