"""The control of components: what passes, and that each number that fails is named."""

import polars as pl
import pytest

from culture_neurons.validation.components_control import check_components

FOUND = {"precision": 0.9, "recall": 1.0, "self": -40.0, "cross": 0.1}
SHOWN = "own culture loses more, beyond exchanged, random"
ROW = {
    "scorer": "cas_rms",
    "checkpoint": "results/demo/checkpoints/tiny-pangea-heads",
    "model": "m",
}


def check(found=None, elsewhere="not shown: self within random", **changes):
    there = ROW | {"hookpoint": "attn.head", "verdict": SHOWN} | FOUND | (found or {}) | changes
    none = dict.fromkeys(("precision", "recall"))
    other = ROW | {"hookpoint": "mlp.gate_act", "verdict": elsewhere, "self": -1.0, "cross": 0.0}
    rows = [there, other | none | changes, there | {"checkpoint": "org/real-model", "recall": None}]
    return check_components(pl.DataFrame(rows))


def test_a_line_per_model_and_hookpoint_that_passes():
    passed, failed = check()
    assert failed == []
    assert passed == [
        "m at attn.head: precision 0.9, recall 1, self -40 points, cross 0.1 points, shown 1",
        "m at mlp.gate_act: shown 0",
    ]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"precision": 0.7}, "precision is 0.7, expected 0.8 to 1"),
        ({"recall": None}, "recall is unknown, expected 0.8 to 1"),
        ({"self": -5.0}, "self is -5 points, expected -100 to -15 points"),
        ({"cross": -3.0}, "cross is -3 points, expected -2 to 2 points"),
        ({"verdict": "not shown: no control"}, "shown is 0, expected 1 to 1"),
    ],
)
def test_a_number_beyond_its_limits_is_named(found, message):
    passed, failed = check(found)
    assert (len(passed), len(failed)) == (1, 1)
    assert failed[0] == f"m at attn.head: {message}"


def test_what_is_shown_where_nothing_was_planted_fails():
    _, failed = check(elsewhere=SHOWN)
    assert failed == ["m at mlp.gate_act: shown is 1, expected 0 to 0"]


def test_planted_mlp_neurons_are_expected_at_both_of_their_hookpoints():
    _, failed = check(checkpoint="results/demo/checkpoints/tiny-pangea")
    assert "m at attn.head: shown is 1, expected 0 to 0" in failed
    assert "m at mlp.gate_act: recall is unknown, expected 0.8 to 1" in failed


def test_heads_behind_a_planted_tower_may_matter():
    assert check(checkpoint="results/demo/checkpoints/tiny-pangea-vision")[0] == [
        "m at mlp.gate_act: shown 0"
    ]


def test_tables_without_the_scorer_fail():
    assert check(scorer="lap") == ([], ["no masks of cas_rms are in the tables"])
