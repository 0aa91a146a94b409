"""Masks from scores, random masks, and planted neurons recovered."""

import numpy as np
import polars as pl
from scipy import stats

from culture_neurons.controls import draw_random
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


def test_random_masks_have_their_sizes_without_replacement_and_are_reproducible():
    masks = draw_random([3, 7, 0, 3], draws=20, layers=2, width=10, seed=1)
    assert len(masks) == 40
    for name, mask in masks.items():
        size = int(name.split("/")[0])
        assert mask.height == size
        assert mask.select("layer", "neuron").is_duplicated().sum() == 0
        assert mask["layer"].max() < 2
        assert mask["neuron"].max() < 10
    again = draw_random([3], draws=25, layers=2, width=10, seed=1)
    assert again["3/19"].equals(masks["3/19"])
    assert not draw_random([3], 1, 2, 10, seed=2)["3/0"].equals(masks["3/0"])


def test_random_masks_are_uniform_over_all_neurons():
    masks = draw_random([10], draws=2000, layers=2, width=20, seed=0)
    drawn = pl.concat(masks.values())
    counts = np.zeros(40)
    for layer, neuron in drawn.select("layer", "neuron").iter_rows():
        counts[20 * layer + neuron] += 1
    # Draws without replacement vary less than a multinomial, so the test is conservative.
    assert stats.chisquare(counts).pvalue > 0.001
    assert counts.min() > 400


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
