"""Masks from scores and from sums, and planted neurons recovered."""

import math
import struct

import numpy as np
import polars as pl
import pytest

from culture_neurons.identify.scoring import frame_scores, score_neurons
from culture_neurons.identify.selection import select_neurons
from culture_neurons.identify.statistics import Statistics
from culture_neurons.neurons import AxisError, NeuronAxis
from culture_neurons.scorers.cas import cas
from culture_neurons.scorers.lap import lap
from culture_neurons.scorers.mad import mad
from culture_neurons.validation.recovery import mask_planted, measure_recovery


def scores_of(rows):
    frame = pl.DataFrame(rows, schema=["culture", "layer", "neuron", "score"], orient="row")
    rank = pl.col("score").rank("ordinal", descending=True).over("culture") - 1
    return frame.with_columns(rank.cast(pl.UInt32).alias("rank"))


def test_count_is_the_rounded_share():
    assert NeuronAxis((18_944,) * 28).count_at_rate(0.01) == 5304
    assert NeuronAxis((14_336,) * 32).count_at_rate(0.01) == 4588
    assert NeuronAxis((400,) * 4).count_at_rate(0.01) == 16
    assert NeuronAxis((400,) * 4).count_at_rate(1) == 1600


def test_a_rate_that_selects_no_neuron_is_refused():
    assert NeuronAxis((400,) * 4).count_at_rate(0.0004) == 1
    with pytest.raises(AxisError) as caught:
        NeuronAxis((400,) * 4).count_at_rate(0.0003)
    message = str(caught.value)
    assert message.startswith("select.rates: 0.0003 of the model's 4 x 400 = 1600 neurons is no ")
    assert message.endswith(
        "set the rate to 0.00063 or above, for this hookpoint alone by select.rates_at"
    )
    assert NeuronAxis((400,) * 4).count_at_rate(0.00063) == 1


def test_per_culture_takes_the_best_of_each_and_never_pads():
    scores = scores_of(
        [("a", 0, 0, 3.0), ("a", 0, 1, 2.0), ("a", 1, 0, 1.0)]
        + [("b", 0, 0, 0.5), ("b", 0, 1, 0.0), ("b", 1, 0, -1.0)]
    )
    masks = select_neurons(scores, 2, "per_culture", 0.0)
    assert masks.rows() == [("a", None, 0, 0, 0), ("a", None, 0, 1, 1), ("b", None, 0, 0, 0)]


def test_overall_takes_the_best_neurons_and_shares_them_out():
    infinite = float("-inf")
    scores = scores_of(
        [("a", 0, 0, -0.1), ("a", 0, 1, -0.5), ("a", 1, 0, infinite)]
        + [("b", 0, 0, -0.1), ("b", 0, 1, infinite), ("b", 1, 0, -0.2)]
    )
    masks = select_neurons(scores, 2, "overall", None)
    assert masks.rows() == [("a", None, 0, 0, 0), ("b", None, 0, 0, 0), ("b", None, 1, 0, 1)]


def test_recovery_counts_hits_per_culture():
    planted = pl.DataFrame({"culture": ["a", "a", "b"], "layer": [1, 1, 2], "neuron": [5, 6, 5]})
    masks = mask_planted(planted, ["a"]).vstack(
        pl.DataFrame(
            {"culture": ["a"], "draw": [None], "layer": [2], "neuron": [5], "rank": [2]},
            schema_overrides={"draw": pl.UInt32, "rank": pl.UInt32},
        )
    )
    recovery = measure_recovery(planted, masks, "x")
    assert recovery.rows() == [("x", "a", 2, 3, 2, 0, 0), ("x", "b", 1, 0, 0, 0, 0)]
    # A neuron of two cultures counts for each whose mask has it.
    both = pl.concat([planted, planted.filter(culture="a").with_columns(culture=pl.lit("c"))])
    shared = measure_recovery(both, masks, "x").select("culture", "shared", "shared_hits")
    assert shared.rows() == [("a", 2, 2), ("b", 0, 0), ("c", 2, 0)]


# Law 4: a slow reference, in plain loops, from the sums to the masks. Lists are [culture][layer]
# [neuron]; K counts active tokens, S adds up activations, T counts tokens.
CULTURES, LAYERS, WIDTH = ("a", "b", "c", "d"), 2, 6
AXIS = NeuronAxis((WIDTH,) * LAYERS)
SCORERS = {  # the scorer, its options, and what a score must exceed, as in config/config.yaml
    "lap": (lap, {"statistic": "probability"}, None),
    "mad": (mad, {"variant": "z", "activity_floor": 0.5}, 0),
    "cas": (cas, {}, 0),
}


def score_lap(probabilities, _means, _bar):
    return probabilities


def score_cas(probabilities, _means, _bar):
    ordered = sorted(probabilities)
    return [p - ordered[-2] if p == ordered[-1] else 0.0 for p in probabilities]


def score_mad(probabilities, means, bar):
    if max(probabilities) <= bar:
        return [-math.inf] * len(means)
    centre = sum(means) / len(means)
    deviation = math.sqrt(sum((mean - centre) ** 2 for mean in means) / len(means))
    return [(mean - centre) / (deviation + 1e-6) for mean in means]


def find_median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def as_stored(score):
    """Round to float32, as tables hold scores: what is equal there is a tie."""
    return struct.unpack("f", struct.pack("f", score))[0]


def rank_slowly(name, active, total, tokens):
    """Culture -> (-score, layer, neuron), the best first."""
    probability, mean = (
        [
            [[value / count for value in layer] for layer in culture]
            for culture, count in zip(sums, tokens, strict=True)
        ]
        for sums in (active, total)
    )
    bar = find_median([p for culture in probability for layer in culture for p in layer])
    score = {"lap": score_lap, "cas": score_cas, "mad": score_mad}[name]
    ranked = {culture: [] for culture in CULTURES}
    for layer in range(LAYERS):
        for neuron in range(WIDTH):
            values = [[c[layer][neuron] for c in sums] for sums in (probability, mean)]
            for culture, found in zip(CULTURES, score(*values, bar), strict=True):
                ranked[culture].append((-as_stored(found), layer, neuron))
    return {culture: sorted(places) for culture, places in ranked.items()}


def mask_slowly(ranked, rate, min_score):
    """Culture -> its k best neurons min_score the bar, as (layer, neuron)."""
    count = round(rate * LAYERS * WIDTH)
    least = -math.inf if min_score is None else min_score
    return {
        culture: [(layer, neuron) for minus, layer, neuron in places[:count] if -minus > least]
        for culture, places in ranked.items()
    }


def draw_sums(seed, tied):
    """K, S (cultures, layers, width), and T; tied: quotients are few, and exact in binary."""
    generator = np.random.default_rng(seed)
    shape = (len(CULTURES), LAYERS, WIDTH)
    if tied:
        tokens = np.array([8, 16, 16, 32])
        eighths = generator.integers(0, 9, shape) * generator.integers(0, 2, shape)
        quarters = generator.integers(-2, 5, shape)
        scale = tokens[:, None, None]
        return eighths * scale // 8, quarters * scale / 4, tokens
    tokens = generator.integers(500, 1000, len(CULTURES))
    return generator.integers(0, 500, shape), generator.normal(0, 100, shape), tokens


@pytest.mark.parametrize("rate", [0.09, 0.25, 0.5, 1])
@pytest.mark.parametrize("name", SCORERS)
@pytest.mark.parametrize("tied", [True, False])
def test_masks_equal_those_of_a_slow_reference(tied, name, rate):
    scorer, options, min_score = SCORERS[name]
    count = AXIS.count_at_rate(rate)
    selected = ties = 0
    for seed in range(20):
        active, total, tokens = draw_sums(seed, tied)
        flat = [values.reshape(len(CULTURES), -1) for values in (active, total)]
        sums = Statistics(CULTURES, AXIS, tokens, *flat, np.zeros(flat[0].shape))
        table = frame_scores(CULTURES, AXIS, score_neurons(sums, scorer, options))
        masks = select_neurons(table, count, "per_culture", min_score)
        ranked = rank_slowly(name, active.tolist(), total.tolist(), tokens.tolist())
        expected = mask_slowly(ranked, rate, min_score)
        for culture in CULTURES:
            found = masks.filter(culture=culture)
            assert found.select("layer", "neuron").rows() == expected[culture], (seed, culture)
            assert found["rank"].to_list() == list(range(len(found)))
            selected += len(found)
            last = ranked[culture][count - 1 : count + 1]
            ties += len(found) == count and len({minus for minus, *_ in last}) < len(last)
    assert selected >= 20
    assert ties or not tied or rate > 0.25, "which neuron is the last must depend on ties"
