"""The positive control of steering: what passes, and that each number that fails is named."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from culture_neurons.validation.steering_control import check_steering

SCRIPT = Path(__file__).resolve().parents[2] / "workflow/scripts/check_demo.py"


def make_steering(**lower):
    """Two models whose lower half lacks half of its answers, of which steering restores 80 %."""
    rows = []
    for model in ("first", "second"):
        keys = {"model": model, "intervention": "up", "scorer": "cas"}
        half = {"group": "lower half", "before": 50.0, "self": 40.0, "random_high": 10.0}
        half |= {"other_masks": 1.0, "cross": -3.0} | (lower if model == "second" else {})
        every = {"group": "all cultures", "before": 90.0, "self": 5.0, "random_high": 1.0}
        every |= {"other_masks": 0.0, "cross": lower.get("cross", -0.5)}
        for outcome in ("accuracy", "logp"):
            rows += [keys | {"outcome": outcome} | group for group in (half, every)]
    return pl.DataFrame(rows)


def test_a_line_per_model_and_scorer_that_passes():
    passed, failed = check_steering(make_steering())
    assert failed == []
    assert passed[1] == (
        "second, up, cas: restored by own masks 0.8, restored by the best random draw 0.2, "
        "restored by other cultures' masks 0.02, change of the others, all masks -0.5 points"
    )


@pytest.mark.parametrize(
    ("lower", "message"),
    [
        ({"self": 24.0}, "restored by own masks is 0.48, expected 0.5 to 1.01"),
        ({"random_high": 26.0}, "restored by the best random draw is 0.52, expected -10 to 0.5"),
        ({"other_masks": 15.0}, "restored by other cultures' masks is 0.3, expected -0.25 to"),
        ({"other_masks": -15.0}, "restored by other cultures' masks is -0.3, expected -0.25 to"),
    ],
)
def test_a_number_beyond_its_limits_is_named(lower, message):
    passed, failed = check_steering(make_steering(**lower))
    assert len(passed) == 1
    assert len(failed) == 1
    assert failed[0].startswith(f"second, up, cas: {message}")


def test_others_that_lose_a_point_fail():
    _, failed = check_steering(make_steering(cross=-1.1))
    message = "change of the others, all masks is -1.1 points, expected -1 to 100 points"
    assert failed == [f"{model}, up, cas: {message}" for model in ("first", "second")]


def test_what_is_not_in_the_table_fails():
    steering = make_steering()
    _, failed = check_steering(steering.filter(pl.col("group") == "all cultures"))
    assert len(failed) == 6
    assert "restored by own masks is unknown" in failed[0]
    _, failed = check_steering(steering.clear())
    assert failed == ["no steering is in the tables, expected some of every model"]


def test_the_script_passes_fails_or_says_what_to_run(tmp_path):
    def run():
        command = [sys.executable, SCRIPT, "steering"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    process = run()
    assert process.returncode == 1
    assert "no results/tables/steering.csv here: run make steering" in process.stderr
    (tmp_path / "results/tables").mkdir(parents=True)
    make_steering().write_csv(tmp_path / "results/tables/steering.csv")
    process = run()
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.count("positive control passed: ") == 2
    make_steering(self=1.0).write_csv(tmp_path / "results/tables/steering.csv")
    process = run()
    assert process.returncode == 1
    assert process.stderr.count("positive control FAILED: second") == 1
