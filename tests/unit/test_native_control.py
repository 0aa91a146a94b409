"""The positive control of two prompts: what passes, and that each number that fails is named."""

import polars as pl
import pytest

from culture_neurons.validation.native_control import check_native

USUAL = {"answers": 0.97, "overlap": 0.9, "self": -0.7, "self_lent": -0.8}
RELATED = {"overlap": 0.0, "cross_beyond": 0.001}


def check(of="cas", related=None, **numbers):
    """Check two models, of which the second has these numbers."""
    prompts, relations = [], []
    for model, changed, told in (("first", {}, {}), ("second", numbers, related or {})):
        for measure, value in (USUAL | changed).items():
            keys = {"model": model, "of": of, "by": "all", "measure": measure, "value": value}
            outcomes = [None] if measure == "overlap" else ["accuracy", "logp"]
            prompts += [keys | {"outcome": outcome} for outcome in outcomes]
        for measure, value in (RELATED | told).items():
            keys = {"model": model, "scorer": "cas", "measure": measure, "value": value}
            outcomes = [None] if measure == "overlap" else ["accuracy", "logp"]
            relations += [
                keys | {"outcome": outcome, "relation": relation}
                for outcome in outcomes
                for relation in ("same language", "neither")
            ]
    frames = (pl.DataFrame(rows, infer_schema_length=None) for rows in (prompts, relations))
    return check_native(*frames)


def test_a_line_per_model_that_passes():
    passed, failed = check()
    assert failed == []
    assert passed[1] == (
        "second: accuracy 97 %, masks in common 0.9, self -70 points, self under the other "
        "prompt's masks -80 points, masks in common with cultures of the language 0, cross on "
        "these, less than on others 0.1 points"
    )


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"answers": 0.5}, "accuracy is 50 %, expected 90 to 100 %"),
        ({"overlap": 0.7}, "masks in common is 0.7, expected 0.75 to 1"),
        ({"self": -0.3}, "self is -30 points, expected -100 to -40 points"),
        ({"self_lent": -0.3}, "self under the other prompt's masks is -30 points, expected"),
        ({"related": {"overlap": 0.1}}, "masks in common with cultures of the language is 0.1"),
        ({"related": {"cross_beyond": -0.03}}, "cross on these, less than on others is -3"),
    ],
)
def test_a_number_beyond_its_limits_is_named(numbers, message):
    passed, failed = check(**numbers)
    assert len(passed) == len(failed) == 1
    assert failed[0].startswith(f"second: {message}")


def test_tables_without_lent_masks_fail():
    message = "no masks of cas that models lent each other are in the tables"
    assert check(of="lap") == ([], [message])
