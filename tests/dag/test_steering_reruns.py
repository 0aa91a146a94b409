"""What steering plans: its own jobs beside a finished study, and no model to choose anew."""

import shutil
from pathlib import Path

import pytest
from dry_runs import edit, plan, rules_of, touch_results

ENTRY = "{name: up, kind: scale, strengths: [-1, 1, 2], max_loss: 0.05}"
CHOSEN = {"choose_strengths", "measure_doses", "measure_effects", "compare_scorers", "plot_doses"}
TOLD = {"write_tables", "build_report"}


@pytest.fixture(scope="module")
def steered_once(finished_once, tmp_path_factory):
    """The finished demo with steering, by touching made-up outputs; what that planned."""
    folder = tmp_path_factory.mktemp("steered") / "study"
    shutil.copytree(finished_once, folder)
    edit(folder, "steer: []", f"steer: [{ENTRY}]")
    jobs = plan(folder)
    touch_results(folder)
    return folder, jobs


@pytest.fixture
def steered(steered_once, tmp_path):
    return Path(shutil.copytree(steered_once[0], tmp_path / "my study"))


def test_steering_of_a_finished_study_runs_nothing_else_again(steered_once):
    _, jobs = steered_once
    assert rules_of(jobs) == CHOSEN | TOLD | {"steer"}
    for rule, wildcards in jobs - {(rule, "") for rule in TOLD}:
        assert "intervention=up" in wildcards, (rule, wildcards)
    steered = [wildcards for rule, wildcards in jobs if rule == "steer"]
    # Of each model 5 scorers, the planted neurons, and the controls of all, lape, and these.
    assert len(steered) == 3 * 9


def test_another_bound_chooses_anew_and_runs_no_model(steered):
    edit(steered, "max_loss: 0.05}", "max_loss: 0.5}")
    assert rules_of(plan(steered)) == CHOSEN | TOLD


def test_another_way_of_choosing_runs_no_model(steered):
    path = steered / "workflow/scripts/culture_neurons/evaluate/steering.py"
    path.write_text(path.read_text() + "# an edit\n")
    assert rules_of(plan(steered)) == CHOSEN | TOLD


def test_another_strength_steers_anew(steered):
    edit(steered, "strengths: [-1, 1, 2]", "strengths: [-1, 1, 3]")
    assert rules_of(plan(steered)) == CHOSEN | TOLD | {"steer"}


def test_a_figure_s_edit_draws_it_alone(steered):
    path = steered / "workflow/scripts/culture_neurons/plots/doses.py"
    path.write_text(path.read_text() + "# an edit\n")
    assert rules_of(plan(steered)) == {"plot_doses", "build_report"}
