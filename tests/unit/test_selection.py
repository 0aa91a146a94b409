"""Masks from scores, and planted neurons recovered."""

import polars as pl

from culture_neurons.recovery import measure_recovery
from culture_neurons.selection import count_neurons, mask_planted, select_neurons


def scores_of(rows):
    frame = pl.DataFrame(rows, schema=["culture", "layer", "neuron", "score"], orient="row")
    rank = pl.col("score").rank("ordinal", descending=True).over("culture") - 1
    return frame.with_columns(rank.cast(pl.UInt32).alias("rank"))


def test_count_is_the_rounded_share():
    assert count_neurons(0.01, 28, 18_944) == 5304
    assert count_neurons(0.01, 32, 14_336) == 4588
    assert count_neurons(0.01, 4, 400) == 16


def test_per_culture_takes_the_best_of_each_and_never_pads():
    scores = scores_of(
        [("a", 0, 0, 3.0), ("a", 0, 1, 2.0), ("a", 1, 0, 1.0)]
        + [("b", 0, 0, 0.5), ("b", 0, 1, 0.0), ("b", 1, 0, -1.0)]
    )
    masks = select_neurons(scores, 2, "per_culture", 0.0)
    assert masks.rows() == [("a", "a", 0, 0, 0), ("a", "a", 0, 1, 1), ("b", "b", 0, 0, 0)]


def test_overall_takes_the_best_neurons_and_shares_them_out():
    infinite = float("-inf")
    scores = scores_of(
        [("a", 0, 0, -0.1), ("a", 0, 1, -0.5), ("a", 1, 0, infinite)]
        + [("b", 0, 0, -0.1), ("b", 0, 1, infinite), ("b", 1, 0, -0.2)]
    )
    masks = select_neurons(scores, 2, "overall", None)
    assert masks.rows() == [("a", "a", 0, 0, 0), ("b", "b", 0, 0, 0), ("b", "b", 1, 0, 1)]


def test_recovery_counts_hits_per_culture():
    planted = pl.DataFrame({"culture": ["a", "a", "b"], "layer": [1, 1, 2], "neuron": [5, 6, 5]})
    masks = mask_planted(planted, ["a"]).vstack(
        pl.DataFrame(
            {"mask": ["a"], "culture": ["a"], "layer": [2], "neuron": [5], "rank": [2]},
            schema_overrides={"rank": pl.UInt32},
        )
    )
    recovery = measure_recovery(planted, masks, "x")
    assert recovery.rows() == [("x", "a", 2, 3, 2), ("x", "b", 1, 0, 0)]
