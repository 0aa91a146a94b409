"""What other datasets plan: their own jobs beside a finished study, and no job of the study's."""

import shutil
from pathlib import Path

import pytest
from dry_runs import edit, plan, rules_of, touch_results

ENTRIES = """
  general:
    source: results/demo/general.parquet
    columns: {category: null, texts: {english: {question: Question, options: Options}}}
  new: {source: results/demo/new_pictures.parquet, cultures: config/demo_cultures.tsv}
"""
MEASURED = {"measure_transfer", "measure_damage"}
TOLD = {"plot_elsewhere", "write_tables", "build_report"}


@pytest.fixture(scope="module")
def asked_once(finished_once, tmp_path_factory):
    """The finished demo with two other datasets, by touching made-up outputs; what that planned."""
    folder = tmp_path_factory.mktemp("asked") / "study"
    shutil.copytree(finished_once, folder)
    edit(folder, "other_datasets: {}", f"other_datasets: {ENTRIES}")
    jobs = plan(folder)
    touch_results(folder)
    return folder, jobs


@pytest.fixture
def asked(asked_once, tmp_path):
    return Path(shutil.copytree(asked_once[0], tmp_path / "my study"))


def test_another_dataset_runs_nothing_of_a_finished_study_again(asked_once):
    _, jobs = asked_once
    prepared = {"make_demo_dataset", "prepare_other_dataset", "ask_elsewhere"}
    assert rules_of(jobs) == prepared | MEASURED | TOLD
    made = [wildcards for rule, wildcards in jobs if rule == "make_demo_dataset"]
    assert sorted(made) == ["demo_dataset=general", "demo_dataset=new_pictures"]
    # Two datasets, three models, five scorers and the planted neurons: masks of no control.
    assert len([rule for rule, _ in jobs if rule == "ask_elsewhere"]) == 2 * 3 * 6


def test_what_counts_as_unchanged_is_a_matter_of_words(asked):
    edit(asked, "unchanged: {accuracy: 0.02", "unchanged: {accuracy: 0.03")
    assert rules_of(plan(asked)) == TOLD


def test_another_statistic_runs_no_model(asked):
    path = asked / "workflow/scripts/culture_neurons/evaluate/damage.py"
    path.write_text(path.read_text() + "# an edit\n")
    assert rules_of(plan(asked)) == {"measure_damage"} | TOLD


def test_one_dataset_s_settings_are_its_own(asked):
    edit(asked, "config/demo_cultures.tsv}", "config/demo_cultures.tsv, per_culture: 9}")
    jobs = plan(asked)
    assert rules_of(jobs) == {"ask_elsewhere", "measure_transfer"} | TOLD
    asking = [wildcards for rule, wildcards in jobs if rule == "ask_elsewhere"]
    assert all("other_dataset=new" in wildcards for wildcards in asking)


def test_a_scorer_s_edit_asks_its_own_masks_alone(asked):
    path = asked / "workflow/scripts/culture_neurons/scorers/cas.py"
    path.write_text(path.read_text() + "# an edit\n")
    asking = [wildcards for rule, wildcards in plan(asked) if rule == "ask_elsewhere"]
    assert len(asking) == 2 * 3
    assert all("scorer=cas" in wildcards for wildcards in asking)
