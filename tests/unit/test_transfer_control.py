"""The positive control of other datasets: what passes, and that each number that fails is named."""

import polars as pl
import pytest

from culture_neurons.validation.transfer_control import check_transfer

KEYS = {"split": 0, "rate": 0.01, "intervention": "ablate"}


def check(general=0.1, own=-60.0, cross=0.2, scorer="cas"):
    """Check two models, of which the second has these numbers."""
    verdicts, transfer = [], []
    for model, numbers in (("first", (0.0, -70.0, 0.0)), ("second", (general, own, cross))):
        keys = {"model": model, "scorer": scorer, **KEYS}
        verdicts.append(keys | {"on_general": numbers[0]})
        for outcome, scale in (("accuracy", 1), ("logp", 0.01)):
            row = {"other_dataset": "new_pictures", "outcome": outcome}
            row |= {"self": scale * numbers[1], "cross": scale * numbers[2]}
            transfer.append(keys | row)
    return check_transfer(pl.DataFrame(verdicts), pl.DataFrame(transfer))


def test_a_line_per_model_and_scorer_that_passes():
    passed, failed = check()
    assert failed == []
    assert passed[1] == (
        "second, cas: change of general questions 0.1 points, self on new pictures -60 points, "
        "cross on new pictures 0.2 points"
    )


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"general": -1.2}, "change of general questions is -1.2 points, expected -1 to 1 points"),
        ({"general": None}, "change of general questions is unknown, expected -1 to 1 points"),
        ({"own": -39.0}, "self on new pictures is -39 points, expected -100 to -40 points"),
        ({"cross": 2.5}, "cross on new pictures is 2.5 points, expected -2 to 2 points"),
    ],
)
def test_a_number_beyond_its_limits_is_named(numbers, message):
    passed, failed = check(**numbers)
    assert len(passed) == 1
    assert failed == [f"second, cas: {message}"]


def test_tables_without_the_planted_masks_and_who_finds_them_fail():
    assert check(scorer="lap") == ([], ["no masks of planted or cas are in the tables"])
