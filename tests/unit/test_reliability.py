"""Agreement of scores and masks: scipy, brute force, and hand-worked cells as references."""

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from culture_neurons.identify.statistics import Cells
from culture_neurons.neurons import NeuronAxis
from culture_neurons.scorers.cas import cas
from culture_neurons.scorers.lap import lap
from culture_neurons.scorers.lape import lape
from culture_neurons.sensitivity.agreement import describe_overlap, rank_evenly, spearman
from culture_neurons.sensitivity.reliability import (
    Scoring,
    compare_layers,
    draw_folds,
    measure_reliability,
    name_options,
    score_folds,
    take_scopes,
)
from culture_neurons.storage.tables import to_columns, write_table

CULTURES, FOLDS, LAYERS, WIDTH = ("a", "b", "c"), 4, 2, 30
AXIS = NeuronAxis((WIDTH,) * LAYERS)


@given(
    st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0]), min_size=2, max_size=40), st.data()
)
@settings(max_examples=60, deadline=None)
def test_rank_correlation_is_scipy_s_with_ties_and_infinities(values, data):
    other = data.draw(st.permutations(values))
    first, second = np.array(values, np.float32), np.array(other, np.float32)
    np.testing.assert_array_equal(rank_evenly(first), stats.rankdata(first))
    found = spearman(first, second)
    if len(set(values)) == 1:
        assert found is None
    else:
        # of ranks: scipy's own spearmanr says NaN where a value is infinite
        wanted = stats.pearsonr(stats.rankdata(first), stats.rankdata(second)).statistic
        assert found == pytest.approx(wanted, abs=1e-12)
        finite = np.nan_to_num(first, neginf=-9), np.nan_to_num(second, neginf=-9)
        assert found == pytest.approx(stats.spearmanr(*finite).statistic, abs=1e-12)


def test_overlap_is_jaccard_s_and_chance_what_random_masks_share():
    assert describe_overlap(4, 6, 2, 100) == {
        "first": 4,
        "second": 6,
        "shared": 2,
        "overlap": 2 / 8,
        "chance": 0.24 / 9.76,
    }
    assert describe_overlap(3, 0, 0, 100)["overlap"] == 0
    assert describe_overlap(0, 0, 0, 100)["overlap"] is None
    generator = np.random.default_rng(0)
    shared = [
        len(set(generator.choice(50, 20, False)) & set(generator.choice(50, 10, False)))
        for _ in range(2000)
    ]
    expected = np.mean(shared) / (30 - np.mean(shared))
    assert describe_overlap(20, 10, 0, 50)["chance"] == pytest.approx(expected, rel=0.05)


def make_cells(seed=0, scopes=2, folds=FOLDS):
    generator = np.random.default_rng(seed)
    shape = (len(CULTURES), folds, scopes)
    tokens = generator.integers(50, 90, shape)
    share = generator.random((len(CULTURES), 1, 1, LAYERS * WIDTH))  # a neuron's own, in all folds
    noise = 0.3 * generator.random((*shape, LAYERS * WIDTH))
    active = (tokens[..., None] * (0.7 * share + noise)).astype(np.uint32)
    total = active.astype(np.float32)
    return Cells(CULTURES, tuple(range(folds)), AXIS, tokens, active, total, total)


def make_scoring(
    name="cas", function=cas, pool="per_culture", min_score=0.0, rates=(0.1, 0.2), **options
):
    return Scoring(name, function, options, pool, min_score, rates)


def test_scores_of_some_folds_and_scopes_are_those_of_their_sums():
    cells = make_cells()
    scored = score_folds(
        take_scopes(cells, [1]),
        [0, 3],
        make_scoring("lap", lap, min_score=None, statistic="probability"),
    )
    active = cells.active[:, 0, 1].astype(float) + cells.active[:, 3, 1]
    probability = active / (cells.tokens[:, 0, 1] + cells.tokens[:, 3, 1])[:, None]
    np.testing.assert_allclose(scored.scores.reshape(3, -1), probability, rtol=1e-6)
    for rate, count in ((0.1, 6), (0.2, 12)):
        for culture in range(3):
            best = set(np.argsort(-probability[culture], kind="stable")[:count])
            assert set(np.flatnonzero(scored.selected[rate][culture])) == best


def test_draws_of_folds_are_disjoint_distinct_and_as_many_as_there_are():
    halves = draw_folds(4, [2, 2], 10, seed=0)
    assert sorted(halves) == [[[0, 1], [2, 3]], [[0, 2], [1, 3]], [[0, 3], [1, 2]]]
    singles = draw_folds(4, [1], 10, seed=0)
    assert sorted(singles) == [[[0]], [[1]], [[2]], [[3]]]
    many = draw_folds(8, [3, 3], 20, seed=1)
    assert len(many) == 20
    assert len({str(draw) for draw in many}) == 20
    for first, second in many:
        assert len(first) == len(second) == 3
        assert not set(first) & set(second)
    assert draw_folds(8, [3, 3], 5, seed=1) == many[:5]
    assert draw_folds(8, [3, 3], 20, seed=2) != many


def measure(scoring, variants=None, cells=None, draws=10):
    scopes, names = [[0, 1], [0], [1]], ["x+y", "x", "y"]
    cells = cells or make_cells()
    rows = measure_reliability(cells, 5, scopes, names, scoring, variants or {}, draws, 0)
    return pl.DataFrame(list(itertools.chain.from_iterable(rows)), infer_schema_length=None)


def test_every_comparison_is_there_and_says_on_how_many_questions():
    frame = measure(make_scoring())
    counts = frame.group_by("analysis", "setting", "questions").agg(pl.col("draw").n_unique())
    assert sorted(counts.filter(pl.col("analysis") != "layers").rows()) == [
        ("disjoint", "", 5, 6),  # pairs of 4 folds
        ("disjoint", "", 10, 3),  # halvings
        ("nested", "", 5, 4),
        ("nested", "", 10, 6),
        ("nested", "", 15, 4),
        ("scopes", "x", 20, 1),
        ("scopes", "y", 20, 1),
    ]
    one = frame.filter(analysis="scopes", setting="x", rate=0.1)
    assert one["culture"].to_list() == list(CULTURES)
    assert set(frame["rate"]) == {0.1, 0.2}


def test_numbers_of_a_comparison_are_brute_force_s():
    cells, scoring = make_cells(), make_scoring()
    found = measure(scoring).filter(analysis="scopes", setting="y", rate=0.2, culture="b")
    whole, part = (score_folds(take_scopes(cells, s), range(4), scoring) for s in ([0, 1], [1]))
    one, other = (set(zip(*np.nonzero(s.selected[0.2][1]), strict=True)) for s in (part, whole))
    assert found["overlap"].item() == len(one & other) / len(one | other)
    assert (found["first"].item(), found["second"].item()) == (len(one), len(other))
    wanted = stats.spearmanr(part.scores[1].ravel(), whole.scores[1].ravel()).statistic
    assert found["spearman"].item() == pytest.approx(wanted)
    assert found["chance"].item() < found["overlap"].item() <= 1


def test_equal_cells_agree_and_noise_does_not():
    cells = make_cells()
    first = {name: getattr(cells, name)[:, :1] for name in ("tokens", "active", "total")}
    same = Cells(
        CULTURES, (0, 1, 2, 3), AXIS,
        *(np.repeat(values, 4, axis=1) for values in (*first.values(), first["total"])),
    )  # fmt: skip
    alike = measure(make_scoring(), cells=same).filter(analysis="disjoint")
    assert alike["spearman"].min() == pytest.approx(1)
    assert alike["overlap"].min() == 1
    noise = np.random.default_rng(1).integers(0, 50, cells.active.shape).astype(np.uint32)
    random = Cells(CULTURES, (0, 1, 2, 3), AXIS, cells.tokens, noise, noise, noise)
    unlike = measure(make_scoring(), cells=random).filter(analysis="disjoint")
    assert abs(unlike["spearman"].mean()) < 0.1
    assert unlike["overlap"].mean() == pytest.approx(unlike["chance"].mean(), abs=0.05)


def test_layers_pool_the_halves_masks():
    frame = measure(make_scoring(), draws=2)
    halves = frame.filter(analysis="disjoint", questions=10)
    layers = frame.filter(analysis="layers")
    assert layers.select("rate", "culture", "layer").is_unique().all()
    sums = ["first", "second", "shared"]
    by = ["rate", "culture"]
    assert layers.group_by(by).agg(pl.col(sums).sum()).sort(by).rows() == (
        halves.group_by(by).agg(pl.col(sums).sum()).sort(by).rows()
    )
    # Layers of 3 and 4 neurons; both halves' masks lie in the second.
    one = np.array([[False] * 3 + [True, True, False, False]])
    other = np.array([[False] * 3 + [False, True, True, False]])
    pairs = [({0.5: one}, {0.5: other}), ({0.5: one}, {0.5: one})]
    rows = compare_layers(pairs, ["a"], NeuronAxis((3, 4)))
    assert [(row["layer"], row["shared"], row["overlap"]) for row in rows] == [
        (0, 0, None),
        (1, 3, 3 / 5),
    ]


def test_variants_and_masks_of_unequal_size_are_compared():
    variants = {"quantile=0.5": {"quantile": 0.5}}
    scoring = make_scoring("lape", lape, "overall", None, quantile=0.9)
    frame = measure(scoring, variants).filter(analysis="variants", rate=0.1)
    assert set(frame["setting"]) == {"quantile=0.5"}
    assert frame["second"].sum() != 3 * 6  # the pool is shared out
    assert frame["overlap"].min() < 1
    assert name_options({"x": None, "y": 1, "z": "b"}, {"x": 0.5, "y": 1, "z": "a"}) == (
        "x=null, z=b"
    )


def test_rows_make_a_table(tmp_path):
    rows = measure_reliability(
        make_cells(), 5, [[0, 1]], ["x+y"], make_scoring(), {}, draws=1, seed=0
    )
    path = tmp_path / "table.parquet"
    write_table(path, "reliability", (to_columns("reliability", part) for part in rows), {})
    assert pl.read_parquet(path)["analysis"].unique().sort().to_list() == [
        "disjoint",
        "layers",
        "nested",
    ]


def test_two_folds_are_enough():
    frame = measure(make_scoring(), cells=make_cells(folds=2))
    assert frame.filter(analysis="disjoint")["draw"].unique().to_list() == [0]
    assert frame.filter(analysis="nested")["questions"].unique().to_list() == [5]
