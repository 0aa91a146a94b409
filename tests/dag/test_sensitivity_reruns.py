"""What measuring sensitivity plans: no pass of a model but for what the study itself asks."""

import shutil
from pathlib import Path

import pytest
from dry_runs import edit, plan, rules_of, touch_results

AGREEMENT = {
    "measure_reliability",
    "plot_halves",
    "plot_layer_agreement",
    "plot_samples",
    "plot_scopes",
    "plot_variants",
    "summarise_sensitivity",
}
MODEL_JOBS = {"train_demo_model", "answer_questions", "extract_activations", "intervene"}


@pytest.fixture(scope="module")
def measured_once(finished_once, tmp_path_factory):
    """The finished demo with its sensitivity, by touching made-up outputs; what that planned."""
    folder = tmp_path_factory.mktemp("measured") / "study"
    shutil.copytree(finished_once, folder)
    edit(folder, "measure: false", "measure: true")
    jobs = plan(folder)
    touch_results(folder)
    return folder, jobs


@pytest.fixture
def measured(measured_once, tmp_path):
    return Path(shutil.copytree(measured_once[0], tmp_path / "my study"))


def test_the_default_demo_measures_no_sensitivity(finished):
    rules = rules_of(plan(finished, "--forceall"))
    assert not rules & (AGREEMENT | {"compare_models", "measure_categories", "plot_categories"})


def test_sensitivity_of_a_finished_study_runs_no_model(measured_once):
    _, jobs = measured_once
    assert rules_of(jobs) == AGREEMENT | {
        "build_report",
        "compare_models",
        "measure_categories",
        "plot_models",
        "plot_categories",
    }
    counts = {rule: sum(r == rule for r, _ in jobs) for rule in rules_of(jobs)}
    models, scorers, outcomes = 3, 5, 2
    assert counts["measure_reliability"] == models * scorers
    assert counts["measure_categories"] == models
    assert counts["plot_categories"] == outcomes
    agreement = [rule for rule in counts if rule.startswith("plot_") and rule != "plot_categories"]
    assert {counts[rule] for rule in agreement} == {1}


def test_settings_of_sensitivity_rerun_their_measures_alone(measured):
    for old, new in (
        ("  draws: 10\n", "  draws: 20\n"),
        ("  seed: 0\n  # Masks of these sets", "  seed: 1\n  # Masks of these sets"),
        ("    - [text]\n", ""),
    ):
        edit(measured, old, new)
    assert rules_of(plan(measured)) == AGREEMENT | {"build_report"}


def test_a_variant_reruns_its_scorer_alone(measured):
    usual = "options: {variant: rel, activity_floor: 0.5}"
    edit(measured, usual, "options: {variant: z, activity_floor: 0.9}")
    jobs = plan(measured)
    assert rules_of(jobs) == AGREEMENT | {"build_report"}
    for rule, wildcards in jobs:
        if rule == "measure_reliability":
            assert wildcards.endswith("scorer=mad")
    assert sum(rule == "measure_reliability" for rule, _ in jobs) == 3


def test_another_rate_or_split_runs_its_own_masks_only(measured):
    edit(measured, "rates: [0.01]", "rates: [0.01, 0.02]")
    edit(measured, "splits: [0]", "splits: [0, 2]")
    jobs = plan(measured)
    assert not rules_of(jobs) & (MODEL_JOBS - {"intervene"})
    for rule, wildcards in jobs:
        if rule == "intervene":
            assert "rate=r0.02" in wildcards or "split=split2" in wildcards, wildcards
    assert sum(rule in ("plot_rates", "plot_splits") for rule, _ in jobs) == 4  # outcomes
    assert "plot_categories" not in rules_of(jobs)


def test_which_answers_count_asks_nothing_again(finished):
    edit(finished, "answers: correct", "answers: all")
    jobs = plan(finished)
    assert {"fill_cells", "extract_activations", "intervene"} <= rules_of(jobs)
    assert "answer_questions" not in rules_of(jobs)
    for rule, wildcards in jobs:
        if rule in ("fill_cells", *MODEL_JOBS):
            assert "tiny-qwen2.5-vl" in wildcards, (rule, wildcards)
