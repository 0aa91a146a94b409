"""Controls: exact sizes and strata, uniform draws, and permutations that lose and add nothing."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
from scipy import stats

from culture_neurons.identify.permuted_control import permute_labels, select_permuted
from culture_neurons.identify.random_control import draw_control, make_strata
from culture_neurons.identify.scoring import frame_scores, score_neurons
from culture_neurons.identify.selection import select_neurons
from culture_neurons.identify.shards import merge_statistics, read_cells
from culture_neurons.identify.statistics import Cells, Statistics, add_cells
from culture_neurons.neurons import SUMS, NeuronAxis
from culture_neurons.scorers.lap import lap
from culture_neurons.storage.tables import write_table

LAYERS, WIDTH = 3, 40
AXIS = NeuronAxis((WIDTH,) * LAYERS)
CULTURES = ("a", "b", "c")


def make_statistics(seed=0):
    active = np.random.default_rng(seed).integers(0, 1000, (len(CULTURES), len(AXIS)))
    return Statistics(CULTURES, AXIS, np.full(3, 1000), active, active * 1.0, active * 1.0)


STATISTICS = make_statistics()


def make_masks(neurons):
    """The scorer's masks: culture -> (layer, neuron) pairs."""
    rows = [(c, layer, neuron) for c, pairs in neurons.items() for layer, neuron in pairs]
    schema = {"culture": pl.String, "layer": pl.UInt16, "neuron": pl.UInt32}
    return pl.DataFrame(rows, schema=schema, orient="row")


def count_rows(masks):
    """Neurons of each mask: (culture, draw) -> number."""
    return {
        (culture, draw): number
        for culture, draw, number in masks.group_by("culture", "draw", maintain_order=True)
        .len()
        .iter_rows()
    }


MASKS = make_masks(
    {"a": [(0, 1), (0, 2), (2, 7)], "b": [(1, n) for n in range(9)] + [(2, 0)], "c": []}
)


def draw(kind, draws=20, masks=MASKS, seed=1, count=5):
    scorer = [] if masks is None else [masks]
    return pl.concat(draw_control(kind, STATISTICS, scorer, count, draws, seed))


def find_decile(culture, layer, neuron):
    """Decile of a neuron's activity in its layer, by counting."""
    activity = STATISTICS.active[CULTURES.index(culture)].reshape(LAYERS, WIDTH)[layer]
    bounds = [np.quantile(activity, tenth / 10) for tenth in range(1, 10)]
    return sum(activity[neuron] > bound for bound in bounds)


DESCRIPTIONS = {
    "random": lambda _culture, _layer, _neuron: None,
    "random_layer": lambda _culture, layer, _neuron: layer,
    "random_activity": lambda culture, layer, neuron: (layer, find_decile(culture, layer, neuron)),
}


@pytest.mark.parametrize("kind", DESCRIPTIONS)
def test_a_draw_has_as_many_neurons_of_each_stratum_as_the_mask(kind):
    drawn = draw(kind)
    assert list(count_rows(drawn)) == [(c, d) for c in "ab" for d in range(20)]  # c is empty
    describe = DESCRIPTIONS[kind]

    def count(frame, culture):
        return Counter(describe(culture, *pair) for pair in frame.rows())

    for (culture, _), frame in drawn.group_by("culture", "draw"):
        pairs = frame.select("layer", "neuron")
        assert not pairs.is_duplicated().any()
        wanted = MASKS.filter(culture=culture).select("layer", "neuron")
        assert count(pairs, culture) == count(wanted, culture)
    pairs = [drawn.filter(culture="b", draw=d).select("layer", "neuron").rows() for d in (0, 1)]
    assert pairs[0] != pairs[1]


@pytest.mark.parametrize("kind", DESCRIPTIONS)
def test_draws_are_uniform_within_each_stratum(kind):
    draws = 1500
    drawn = draw(kind, draws).filter(culture="b")
    counts = np.zeros((LAYERS, WIDTH))
    for layer, neuron, number in drawn.group_by("layer", "neuron").len().iter_rows():
        counts[layer, neuron] = number
    stratum = make_strata(kind, STATISTICS)["b"].reshape(LAYERS, WIDTH)
    mask = MASKS.filter(culture="b")
    taken = Counter(
        stratum[layer, neuron] for layer, neuron in mask.select("layer", "neuron").rows()
    )
    for index in np.unique(stratum):
        members = stratum == index
        assert counts[members].sum() == draws * taken[index]
        share = taken[index] / members.sum()
        if 0 < share < 1:
            # n of N without replacement: counts vary (N - n) / (N - 1) as much as a multinomial's.
            spread = (members.sum() - taken[index]) / (members.sum() - 1)
            chi = ((counts[members] - draws * share) ** 2 / (draws * share)).sum() / spread
            assert stats.chi2.sf(chi, members.sum() - 1) > 0.001
            assert stats.chi2.cdf(chi, members.sum() - 1) > 0.001


def test_a_shared_control_has_masks_of_each_culture():
    shared = draw("random", masks=None)
    names = [(culture, number) for culture in STATISTICS.cultures for number in range(20)]
    assert count_rows(shared) == dict.fromkeys(names, 5)
    drawn = {
        frozenset(f.select("layer", "neuron").rows()) for _, f in shared.group_by("culture", "draw")
    }
    assert len(drawn) == len(names)  # none is used for two cultures
    for _, frame in shared.group_by("culture", "draw"):
        assert not frame.select("layer", "neuron").is_duplicated().any()
    assert shared["layer"].n_unique() == LAYERS
    assert shared["neuron"].max() < WIDTH


def test_draws_are_reproducible_and_more_keep_the_earlier_ones():
    few, many = draw("random_layer", 3), draw("random_layer", 5)
    assert many.filter(pl.col("draw") < 3).equals(few)
    assert not draw("random_layer", 3, seed=2).equals(few)
    without_a = draw("random_layer", 3, masks=MASKS.filter(culture="b"))
    assert without_a.equals(few.filter(culture="b"))


# Permuted labels


def make_cells(seed=0, folds=2, scopes=2):
    generator = np.random.default_rng(seed)
    shape = (len(CULTURES), folds, scopes, LAYERS * WIDTH)
    return Cells(
        cultures=CULTURES,
        folds=tuple(range(folds)),
        axis=AXIS,
        tokens=generator.integers(100, 120, shape[:3]),
        active=generator.integers(0, 100, shape).astype(np.uint32),
        total=generator.normal(size=shape).astype(np.float32),
        total_squares=generator.random(shape).astype(np.float32),
    )


def test_every_cell_is_given_to_one_culture():
    cells = make_cells()
    for number in range(50):
        labels = permute_labels(3, 2, number, seed=4)
        assert sorted(labels.ravel()) == list(range(6))
        permuted = add_cells(cells, labels)
        assert permuted.tokens.sum() == cells.tokens.sum()
        assert permuted.active.sum() == cells.active.sum()
    # By hand: culture 0 gets cells 5 (culture 2, fold 1) and 0 (culture 0, fold 0).
    statistics = add_cells(cells, np.array([[5, 0], [1, 2], [3, 4]]))
    by_hand = cells.active[2, 1].sum(axis=0) + cells.active[0, 0].sum(axis=0)
    assert statistics.active[0].ravel().tolist() == by_hand.tolist()
    assert statistics.tokens[0] == cells.tokens[2, 1].sum() + cells.tokens[0, 0].sum()


def test_permutations_are_uniform():
    places = np.zeros((6, 3))
    for number in range(3000):
        for culture, cells in enumerate(permute_labels(3, 2, number, seed=0)):
            places[cells, culture] += 1
    assert stats.chisquare(places.ravel()).pvalue > 0.001
    assert (permute_labels(3, 2, 7, 0) == permute_labels(3, 2, 7, 0)).all()
    assert (permute_labels(5, 4, 7, 0) != permute_labels(5, 4, 7, 1)).any()


def test_the_true_labels_give_the_statistics_bit_by_bit(tmp_path):
    cells = make_cells()
    size = LAYERS * WIDTH
    names = ["image", "text"]
    chunks = [
        {
            "culture": [culture] * size,
            "fold": [fold] * size,
            "scope": [names[scope]] * size,
            "questions": [5] * size,
            "tokens": [int(cells.tokens[row, fold, scope])] * size,
            "layer": np.repeat(np.arange(LAYERS), WIDTH),
            "neuron": np.tile(np.arange(WIDTH), LAYERS),
            **{name: getattr(cells, name)[row, fold, scope] for name in SUMS},
        }
        for row, culture in enumerate(CULTURES)
        for fold in range(2)
        for scope in range(2)
    ]
    paths = [tmp_path / "1.parquet", tmp_path / "2.parquet"]
    write_table(paths[0], "activations", chunks[::-2], {})
    write_table(paths[1], "activations", chunks[::2], {})
    where = (paths, [1, 0], names[::-1], CULTURES[::-1], AXIS)
    read = read_cells(*where)
    for name in ("tokens", "active", "total", "total_squares"):
        np.testing.assert_array_equal(getattr(read, name), getattr(cells, name))
    statistics = add_cells(read, np.arange(6).reshape(3, 2))
    merged = pl.concat(pl.DataFrame(part) for part in merge_statistics(*where))
    for name in ("active", "total", "total_squares"):
        assert getattr(statistics, name).ravel().tobytes() == merged[name].to_numpy().tobytes()


def test_permuted_masks_are_those_of_the_whole_scorer():
    cells = make_cells()
    options = {"statistic": "probability"}
    masks = pl.concat(
        select_permuted(cells, lap, options, 4, "per_culture", None, range(3), seed=9)
    )
    assert count_rows(masks) == {(c, d): 4 for d in range(3) for c in CULTURES}
    labels = permute_labels(3, 2, 2, seed=9)
    statistics = add_cells(cells, labels)
    scores = score_neurons(statistics, lap, options)
    table = frame_scores(CULTURES, AXIS, scores)
    expected = select_neurons(table, 4, "per_culture", None).filter(culture="b")
    found = masks.filter(culture="b", draw=2)
    assert found.select("layer", "neuron").rows() == expected.select("layer", "neuron").rows()
    best = np.argsort(-statistics.probability[1].ravel(), kind="stable")[:4]
    assert [(n // WIDTH, n % WIDTH) for n in best] == found.select("layer", "neuron").rows()
