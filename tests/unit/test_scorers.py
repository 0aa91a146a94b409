"""Scorers against hand-worked numbers, and LAPE against the published algorithm."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from culture_neurons.identify.entropy import activity_entropy
from culture_neurons.identify.scoring import (
    ScorerError,
    frame_scores,
    load_scorer,
    rank_scores,
    score_neurons,
)
from culture_neurons.identify.selection import select_neurons
from culture_neurons.identify.statistics import Statistics, StatisticsError
from culture_neurons.neurons import NeuronAxis
from culture_neurons.scorers.cas import cas
from culture_neurons.scorers.conact import conact
from culture_neurons.scorers.lap import lap
from culture_neurons.scorers.lape import lape
from culture_neurons.scorers.lape_matched import lape_matched
from culture_neurons.scorers.mad import mad

NAMES = tuple("abcdefghijklmnopqrstuvwxyz")


def make_statistics(active, tokens, total=None):
    """Statistics of one layer from K (cultures, neurons), T, and S."""
    active = np.asarray(active)
    total = np.zeros(active.shape) if total is None else np.asarray(total, float)
    return Statistics(
        cultures=NAMES[: len(active)],
        axis=NeuronAxis(active.shape[1:]),
        tokens=np.asarray(tokens),
        active=active,
        total=total,
        total_squares=np.zeros(active.shape),
    )


def test_lap_is_k_over_t_or_s_over_t():
    statistics = make_statistics([[5, 10], [0, 4]], [10, 8], [[1.0, 2.0], [4.0, -8.0]])
    assert lap(statistics, statistic="probability").tolist() == [[0.5, 1.0], [0.0, 0.5]]
    assert lap(statistics, statistic="mean").tolist() == [[0.1, 0.2], [0.5, -1.0]]


def test_lap_by_size_is_the_root_of_q_over_t():
    squares = np.array([[90.0, 2.5], [8.0, 32.0]])
    statistics = replace(make_statistics([[5, 10], [0, 4]], [10, 8]), total_squares=squares)
    assert lap(statistics, statistic="rms").tolist() == [[3.0, 0.5], [1.0, 2.0]]


def test_cas_of_sizes_is_the_lead_relative_to_the_mean():
    # Means 4, 2, 0 and -4, -2, 0 over cultures: |mean| is 2, the leads are 2 of a and 2 of c.
    statistics = make_statistics([[1, 1]] * 3, [10] * 3, [[40, -40], [20, -20], [0, 0]])
    found = cas(statistics, statistic="mean")
    assert np.allclose(found, [[1, 0], [0, 0], [0, 1]], atol=1e-5)
    # rms 3, 1, 2 and 30, 10, 20: as far ahead, though ten times as large.
    squares = np.array([[90.0, 9000.0], [10.0, 1000.0], [40.0, 4000.0]])
    statistics = replace(statistics, total_squares=squares)
    assert np.allclose(cas(statistics, statistic="rms"), [[0.5, 0.5], [0, 0], [0, 0]], atol=1e-5)
    assert np.array_equal(conact(statistics, statistic="rms"), cas(statistics, statistic="rms"))


def test_mad_takes_another_statistic():
    squares = np.array([[90.0], [10.0]])
    statistics = replace(make_statistics([[8], [2]], [10, 10]), total_squares=squares)
    found = mad(statistics, variant="diff", activity_floor=None, statistic="rms")
    assert np.allclose(found, [[2.0], [-2.0]])
    found = mad(statistics, variant="diff", activity_floor=None, statistic="probability")
    assert np.allclose(found, [[0.6], [-0.6]])


def test_where_nothing_is_counted_there_is_no_probability():
    statistics = make_statistics([[0, 0], [0, 0]], [10, 10], [[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(StatisticsError, match="no activation probability; expected a scorer of"):
        cas(statistics)
    assert np.array_equal(statistics.activity, statistics.mean)
    counted = make_statistics([[0, 1], [0, 0]], [10, 10])
    assert np.array_equal(counted.activity, counted.probability)


def test_cas_is_the_lead_of_the_best_culture_and_zero_elsewhere():
    # P of three cultures on three neurons: a clear lead, a tie, a silent neuron.
    statistics = make_statistics([[9, 5, 0], [2, 5, 0], [4, 1, 0]], [10, 10, 10])
    expected = [[0.5, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    assert np.allclose(cas(statistics), expected)
    assert np.array_equal(conact(statistics), cas(statistics))


def test_a_neuron_of_two_cultures_is_seen_by_some_scorers():
    """Ten cultures: a neuron of one, a neuron of the first two, one that is active for all."""
    active = np.ones((10, 3), int)
    active[0], active[1] = (9, 9, 9), (1, 9, 9)
    active[2:, 2] = 9
    statistics = make_statistics(active, [10] * 10, active / 10)
    lead = cas(statistics)
    assert lead[0].tolist() == pytest.approx([0.8, 0.0, 0.0])  # and none for the second culture
    # lap sees the size for each culture alone, and nothing of the others.
    assert lap(statistics, statistic="probability")[0].tolist() == [0.9, 0.9, 0.9]
    # mad gives it to both, below a neuron of one culture: 3 and 2 standard deviations.
    deviation = mad(statistics, variant="z", activity_floor=0.5)
    assert deviation[0].tolist() == pytest.approx([3.0, 2.0, 0.0], abs=1e-3)
    assert deviation[1, 1] == deviation[0, 1]
    # lape gives it to both as well; lape_matched, where they tie, to nobody.
    spread = lape(statistics, quantile=0.5)
    assert spread[0, 1] == spread[1, 1] > -np.inf
    assert lape_matched(statistics, quantile=0.5)[:2, 1].max() == -np.inf


def test_mad_variants_on_hand_worked_means():
    # One neuron with means 1, 2, 6: mean 3, deviations -2, -1, 3, population std sqrt(14 / 3).
    statistics = make_statistics([[1], [1], [1]], [1, 1, 1], [[1.0], [2.0], [6.0]])
    std = np.sqrt(14 / 3)
    wanted = {
        "z": np.array([-2, -1, 3]) / (std + 1e-6),
        "diff": np.array([1 - 4, 2 - 3.5, 6 - 1.5]),
        "rel": np.array([-2, -1, 3]) / (3 + 1e-6),
        "abs": np.array([2, 1, 3]) / 2,
    }
    for variant, values in wanted.items():
        found = mad(statistics, variant=variant, activity_floor=None)[:, 0]
        assert np.allclose(found, values, rtol=1e-12), variant


def test_mad_floor_leaves_out_nearly_silent_neurons():
    # P of neuron 0 is tiny; the median of all P lies between the two neurons.
    statistics = make_statistics([[1, 50], [0, 60]], [100, 100], [[1.0, 5.0], [0.0, 6.0]])
    scores = mad(statistics, variant="z", activity_floor=0.5)
    assert np.isneginf(scores[:, 0]).all()
    assert np.isfinite(scores[:, 1]).all()
    assert np.isfinite(mad(statistics, variant="z", activity_floor=None)).all()


def test_entropy_of_uniform_single_and_silent_neurons():
    statistics = make_statistics([[4, 8, 0], [4, 0, 0]], [8, 8])
    _, entropy, _ = activity_entropy(statistics, 0.5)
    assert entropy == pytest.approx([np.log(2), 0.0, 0.0], abs=1e-7)


def test_lape_bar_is_the_kth_smallest_counted_from_one():
    # Ten values of P: 0.1 .. 1.0; round(0.95 * 10) = 10 under Python's rounding of 9.5 to even.
    statistics = make_statistics([np.arange(1, 6), np.arange(6, 11)], [10, 10])
    assert activity_entropy(statistics, 0.95)[2] == np.float32(1.0)
    assert activity_entropy(statistics, 0.5)[2] == np.float32(0.5)


def published_lape(counts, tokens, rate, quantile):
    """LAPE as published (Tang et al. 2024), written anew in torch: list over classes of sets."""
    over_zero = torch.tensor(counts).permute(1, 2, 0)  # (layers, width, classes)
    probability = over_zero / torch.tensor(tokens)
    share = probability / probability.sum(dim=-1, keepdim=True)
    share[torch.isnan(share)] = 0
    logs = torch.where(share > 0, share.log(), 0)
    entropy = -torch.sum(share * logs, dim=-1)
    flat = probability.flatten()
    bar = flat.kthvalue(round(len(flat) * quantile)).values.item()
    entropy[(probability > bar).sum(dim=-1) == 0] = torch.inf
    chosen = torch.topk(entropy.flatten(), round(entropy.numel() * rate), largest=False).indices
    rows, columns = chosen // entropy.size(1), chosen % entropy.size(1)
    picked = probability[rows, columns]  # (chosen, classes)
    return [
        {(int(rows[i]), int(columns[i])) for i in torch.where(picked[:, c] > bar)[0]}
        for c in range(over_zero.size(-1))
    ]


@pytest.mark.parametrize("seed", range(5))
def test_lape_masks_equal_the_published_algorithm(seed):
    generator = np.random.default_rng(seed)
    classes, layers, width = 7, 4, 250
    tokens = generator.integers(40_000, 60_000, classes)
    # Sparse selectivity plus unique low digits: no ties at any boundary.
    counts = generator.integers(0, 20_000, (classes, layers, width))
    counts *= generator.random(counts.shape) < 0.6
    axis, flat = NeuronAxis((width,) * layers), counts.reshape(classes, -1)
    statistics = Statistics(NAMES[:classes], axis, tokens, flat, np.zeros(1), np.zeros(1))
    scores = lape(statistics, quantile=0.95).astype(np.float32)
    masks = select_neurons(frame_scores(NAMES[:classes], axis, scores), 10, "overall", None)
    found = [
        set(masks.filter(culture=culture).select("layer", "neuron").iter_rows())
        for culture in NAMES[:classes]
    ]
    expected = published_lape(counts, tokens, 0.01, 0.95)
    assert found == expected
    assert len(set.union(*expected)) > 0


def test_lape_matched_gives_each_neuron_to_its_most_active_culture():
    generator = np.random.default_rng(0)
    statistics = make_statistics(generator.integers(0, 100, (3, 40)), [100, 100, 100])
    scores = lape_matched(statistics, quantile=0.5)
    owners = np.isfinite(scores).sum(axis=0)
    assert owners.max() == 1
    eligible = np.isfinite(scores).any(axis=0)
    best = statistics.probability.argmax(axis=0)
    assert (np.isfinite(scores).argmax(axis=0)[eligible] == best[eligible]).all()
    assert eligible.any()


@pytest.mark.parametrize("quantile", [0.2, None])
def test_a_tie_belongs_to_nobody(quantile):
    # Always active; two cultures alike; equal but for rounding; one leads; silent.
    active = [[90, 60, 30, 60, 0], [90, 60, 30, 20, 0], [90, 10, 30, 10, 0]]
    statistics = make_statistics(active, [90, 90, 90])
    scores = lape_matched(statistics, quantile=quantile)
    assert np.isfinite(scores).sum(axis=0).tolist() == [0, 0, 0, 1, 0]
    assert np.isfinite(scores[:, 3]).tolist() == [True, False, False]
    lead = score_neurons(statistics, cas, {})
    assert lead.max(axis=0).tolist() == pytest.approx([0, 0, 0, 40 / 90, 0])
    chosen = select_neurons(
        frame_scores(statistics.cultures, statistics.axis, lead), 5, "per_culture", 0
    )
    assert chosen.select("culture", "neuron").rows() == [("a", 3)]


def test_the_largest_entropy_is_of_no_culture_whatever_its_rounding():
    tokens = np.array([1000, 3000, 7000])
    thirds = np.outer(tokens, [1 / 3, 2 / 3, 1.0])  # P is equal over cultures, in float32 nearly
    active = np.round(thirds + np.array([[0], [0], [1]])).astype(int)
    scores = lape_matched(make_statistics(active, tokens), quantile=None)
    assert not np.isfinite(scores).any()


def test_without_a_bar_every_active_neuron_that_a_culture_leads_counts():
    generator = np.random.default_rng(1)
    statistics = make_statistics(generator.integers(0, 50, (3, 200)), [100, 101, 103])
    barred, free = (lape_matched(statistics, quantile=quantile) for quantile in (0.9, None))
    led = (statistics.probability == statistics.probability.max(axis=0)).sum(axis=0) == 1
    assert (np.isfinite(free).any(axis=0) == led).all()
    kept = np.isfinite(barred)
    assert 0 < kept.sum() < np.isfinite(free).sum()
    assert (barred[kept] == free[kept]).all()


@pytest.mark.parametrize("name", ["lap", "lape", "lape_matched", "mad", "cas"])
def test_permuting_cultures_permutes_the_scores_and_changes_nothing_else(name):
    options = {
        "lap": {"statistic": "probability"},
        "mad": {"variant": "z", "activity_floor": 0.5},
        "cas": {},
    }.get(name, {"quantile": 0.9})
    generator = np.random.default_rng(3)
    counts = generator.integers(1, 10_000, (5, 120))
    axis = NeuronAxis((60, 60))
    statistics = Statistics(NAMES[:5], axis, np.full(5, 10_000), counts, counts / 3, counts / 5)
    order = generator.permutation(5)
    permuted = Statistics(
        tuple(NAMES[i] for i in order),
        axis,
        statistics.tokens[order],
        counts[order],
        statistics.total[order],
        statistics.total_squares[order],
    )
    scorer = load_scorer(name)
    scores = score_neurons(statistics, scorer, options)
    again = score_neurons(permuted, scorer, options)
    np.testing.assert_allclose(again, scores[order], rtol=1e-6)
    for row, index in enumerate(order):
        top = np.argsort(-scores[index], kind="stable")[:3]
        assert np.array_equal(top, np.argsort(-again[row], kind="stable")[:3])


def test_ranks_break_ties_by_layer_then_neuron():
    scores = np.array([[1.0, 3.0, 3.0, 2.0]], dtype=np.float32)
    assert rank_scores(scores).tolist() == [[3, 0, 1, 2]]


def test_ranks_are_those_of_a_stable_sort_of_any_floats():
    rng = np.random.default_rng(0)
    for _ in range(50):
        scores = rng.integers(-5, 5, (3, 200)).astype(np.float32) / 3
        for odd in (-np.inf, np.inf, -0.0, 0.0, 1e-42, -1e-42, 3.4e38):
            scores[rng.random(scores.shape) < 0.05] = odd
        for culture, ranks in zip(scores, rank_scores(scores), strict=True):
            order = sorted(range(200), key=lambda place: (-culture[place], place))
            assert ranks[order].tolist() == list(range(200))


def test_a_scorer_that_returns_nan_or_another_shape_is_refused():
    statistics = make_statistics([[1, 2], [3, 4]], [5, 5])

    def broken(_statistics):
        return np.full((2, 2), np.nan)

    def flat(_statistics):
        return np.zeros((2, 1, 2))

    with pytest.raises(ScorerError, match=r"broken: returned 4 NaN"):
        score_neurons(statistics, broken, {})
    with pytest.raises(ScorerError, match=r"flat: returned shape \(2, 1, 2\)"):
        score_neurons(statistics, flat, {})
