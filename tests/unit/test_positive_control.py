"""The demo's positive control: what passes, and that each number that fails is named."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from culture_neurons.validation.positive_control import check_control

SCRIPT = Path(__file__).resolve().parents[2] / "workflow/scripts/check_demo.py"
MODELS = ("tiny-qwen2.5-vl", "tiny-llava-v1.6-mistral", "tiny-pangea")


def make_verdicts():
    """Make verdicts that pass, with a scorer that finds nothing and a model without plants."""
    rows = [
        (model, model, 0.01, *scorer)
        for model in MODELS
        for scorer in (
            ("cas", 98.5, -70.0, 0.2, -1.3, 0.0, 0.9, 0.9),
            ("lap", 98.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
            ("planted", 98.5, -75.0, -0.1, -1.4, 0.01, None, None),
        )
    ]
    rows.append(("bare", "tiny-pangea-unplanted-seed1", 0.01, "cas", 90.0, *[0.0] * 4, None, None))
    rows.append(
        ("tiny-pangea", "tiny-pangea", 0.05, "planted", 98.5, -99.0, -50.0, -9.0, -9.0, None, None)
    )
    names = ["model", "checkpoint", "rate", "scorer", "accuracy", "self", "cross"]
    names += ["logp_self", "logp_cross"]
    return pl.DataFrame(rows, [*names, "precision", "recall"], orient="row")


def make_ranks():
    rows = [
        (model, 0.01, culture, outcome, measure, control, mean)
        for model in MODELS
        for culture, outcome, measure, control, mean in (
            (None, "accuracy", "self", "random", 0.001),
            (None, "accuracy", "cross_by_mask", "random", -0.009),
            (None, "accuracy", "gap", "random", 0.5),
            (None, "accuracy", "self", "permuted", -0.3),
            ("AVL", "accuracy", "self", "random", -0.2),
            (None, "logp", "self", "random", -2.0),
        )
    ]
    names = ["model", "rate", "culture", "outcome", "measure", "control", "control_mean"]
    return pl.DataFrame(rows, names, orient="row")


def change(table, column, value, **where):
    """Set a column of some rows."""
    rows = pl.all_horizontal(pl.col(name) == wanted for name, wanted in where.items())
    changed = pl.when(rows).then(pl.lit(value, table.schema[column])).otherwise(column)
    return table.with_columns(changed.alias(column))


def test_a_line_per_planted_model_that_passes():
    passed, failed = check_control(make_verdicts(), make_ranks())
    assert failed == []
    assert [line.split(":")[0] for line in passed] == sorted(MODELS)
    assert passed[0].endswith(
        ": accuracy 98.5 %, self of planted masks -75 points, cross of planted masks -0.1 points, "
        "logp self of planted masks -1.4 nats, logp cross of planted masks 0.01 nats, "
        "precision of cas 0.9, recall of cas 0.9, mean change under random masks -0.9 points"
    )


@pytest.mark.parametrize(
    ("column", "scorer", "value", "message"),
    [
        ("accuracy", None, 94.9, "accuracy is 94.9 %, expected 95 to 100 %"),
        ("self", "planted", -39.5, "self of planted masks is -39.5 points, expected -100 to -40"),
        ("cross", "planted", 1.5, "cross of planted masks is 1.5 points, expected -1 to 1 points"),
        ("cross", "planted", -1.5, "cross of planted masks is -1.5 points, expected -1 to 1"),
        (
            "logp_self",
            "planted",
            -1.0,
            "logp self of planted masks is -1 nats, expected -1.6 to -1.1",
        ),
        (
            "logp_cross",
            "planted",
            0.1,
            "logp cross of planted masks is 0.1 nats, expected -0.05 to",
        ),
        ("precision", "cas", 0.8, "precision of cas is 0.8, expected 0.85 to 1"),
        ("recall", "cas", None, "recall of cas is unknown, expected 0.85 to 1"),
    ],
)
def test_a_number_beyond_its_limits_is_named(column, scorer, value, message):
    where = {"model": "tiny-pangea", "rate": 0.01} | ({"scorer": scorer} if scorer else {})
    verdicts = change(make_verdicts(), column, value, **where)
    passed, failed = check_control(verdicts, make_ranks())
    assert len(passed) == 2
    assert len(failed) == 1
    assert failed[0].startswith(f"tiny-pangea: {message}")


@pytest.mark.parametrize("mean", [-0.02, 0.02])
def test_random_masks_that_change_accuracy_fail(mean):
    ranks = change(make_ranks(), "control_mean", mean, measure="self", control="random")
    _, failed = check_control(make_verdicts(), ranks)
    assert failed[0].endswith(
        f"mean change under random masks is {100 * mean:g} points, expected -1 to 1 points"
    )
    assert len(failed) == 3


def test_what_is_not_in_the_tables_fails():
    verdicts = make_verdicts().filter(pl.col("model") != "tiny-pangea")
    _, failed = check_control(verdicts, make_ranks())
    assert failed == ["tiny-pangea: is not in the study, expected it with planted neurons"]
    verdicts = make_verdicts().filter(pl.col("scorer") != "cas")
    _, failed = check_control(verdicts, make_ranks().clear())
    assert len(failed) == 9
    assert failed[0].endswith("precision of cas is not in the tables, expected 0.85 to 1")
    assert "mean change under random masks is not in the tables" in failed[2]


def run_script(folder):
    return subprocess.run(
        [sys.executable, SCRIPT], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_script_passes_fails_or_says_what_to_run(tmp_path):
    process = run_script(tmp_path)
    assert process.returncode == 1
    assert "no results/tables/verdicts.csv" in process.stderr
    assert "run make demo" in process.stderr
    tables = tmp_path / "results/tables"
    tables.mkdir(parents=True)
    make_ranks().write_csv(tables / "ranks.csv")
    make_verdicts().write_csv(tables / "verdicts.csv")
    process = run_script(tmp_path)
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.count("positive control passed: tiny-") == 3
    broken = change(make_verdicts(), "self", -1.0, scorer="planted", rate=0.01)
    broken.write_csv(tables / "verdicts.csv")
    process = run_script(tmp_path)
    assert process.returncode == 1
    assert process.stderr.count("positive control FAILED: tiny-") == 3
