"""Figures: numbers worked by hand, the paper's size, degenerate input, and equal bytes."""

import itertools
import math
import re

import numpy as np
import polars as pl
import pytest
from matplotlib.text import Text

from culture_neurons.plots.accuracy import chance_accuracy, plot_accuracy, tally_images
from culture_neurons.plots.deactivation import effect_matrix, plot_deactivation
from culture_neurons.plots.inputs import read_frames, read_masks
from culture_neurons.plots.intervals import clustered_wilson
from culture_neurons.plots.layers import count_neurons, plot_layers
from culture_neurons.plots.overlap import (
    jaccard,
    jaccard_matrix,
    neuron_sets,
    plot_overlap,
    scorer_overlap,
)
from culture_neurons.plots.recovery import estimate_share, plot_recovery
from culture_neurons.plots.rejected import plot_rejected
from culture_neurons.plots.self_cross import plot_self_cross, read_band, read_measure
from culture_neurons.plots.style import (
    SCORER_LOOKS,
    empty_figure,
    model_looks,
    save_figure,
    scorer_looks,
)
from culture_neurons.tables import SCHEMAS, write_table

SCORERS = ["lap", "lape", "lape_matched", "mad", "cas"]
MODELS = ["first", "second", "third"]
CULTURES = [f"C{index:02}" for index in range(25)]
LAYERS = 28


def make_frame(kind, **columns):
    """Make a table of a kind; the columns that are not given are null."""
    schema = SCHEMAS[kind]
    rows = max((len(values) for values in columns.values()), default=0)
    blank = dict.fromkeys(schema.names, [None] * rows)
    types = pl.from_arrow(schema.empty_table()).schema
    return pl.DataFrame(blank | columns, schema=types)


def make_masks(cultures=CULTURES, layers=LAYERS, neurons=40, seed=0):
    generator = np.random.default_rng(seed)
    size = len(cultures) * neurons
    names = np.repeat(cultures, neurons).tolist()
    return make_frame(
        "masks",
        mask=names,
        culture=names,
        layer=generator.integers(0, layers, size).tolist(),
        neuron=np.tile(np.arange(neurons), len(cultures)).tolist(),
        rank=np.tile(np.arange(neurons), len(cultures)).tolist(),
    )


def make_effects(cultures=CULTURES, seed=0):
    pairs = list(itertools.product(cultures, cultures))
    generator = np.random.default_rng(seed)
    return make_frame(
        "effects",
        mask_culture=[masked for masked, _ in pairs],
        culture=[evaluated for _, evaluated in pairs],
        delta=generator.normal(0, 0.03, len(pairs)).tolist(),
        q=generator.random(len(pairs)).tolist(),
    )


def make_summaries(cultures=CULTURES, seed=0):
    rows = [(c, m) for c in [*cultures, None] for m in ("self", "cross_by_mask", "gap")]
    values = np.random.default_rng(seed).normal(-0.05, 0.03, len(rows))
    return make_frame(
        "summaries",
        culture=[culture for culture, _ in rows],
        measure=[measure for _, measure in rows],
        value=values.tolist(),
        ci_low=(values - 0.01).tolist(),
        ci_high=(values + 0.01).tolist(),
    )


def make_ranks(control="random"):
    measures = ["self", "cross_by_mask", "gap"]
    return make_frame(
        "ranks",
        culture=[None] * 3,
        measure=measures,
        control=[control] * 3,
        control_low=[-0.004] * 3,
        control_high=[0.003] * 3,
    )


def draw_self_cross(summaries, ranks=None):
    """Draw the figure; without ranks, no scorer has the control."""
    return plot_self_cross(
        summaries, {key: make_frame("ranks") for key in summaries} | (ranks or {}), "random"
    )


def make_recovery(cultures=CULTURES):
    rows = list(itertools.product(SCORERS, cultures))
    return make_frame(
        "recovery",
        scorer=[scorer for scorer, _ in rows],
        culture=[culture for _, culture in rows],
        planted=[16] * len(rows),
        selected=[16] * len(rows),
        hits=[index % 17 for index in range(len(rows))],
    )


def make_questions(cultures=CULTURES, questions=6):
    """Make questions with two per image and four options each."""
    rows = list(itertools.product(cultures, range(questions)))
    text = [{"prompt": "english", "question": "?", "options": ["a", "b", "c", "d"]}]
    return make_frame(
        "questions",
        question_id=[f"{culture}_{number}" for culture, number in rows],
        image_id=[f"{culture}_{number // 2}" for culture, number in rows],
        culture=[culture for culture, _ in rows],
        texts=[text] * len(rows),
    )


def make_answers(questions, seed=0):
    correct = np.random.default_rng(seed).random(questions.height) < 0.6
    return make_frame(
        "answers", question_id=questions["question_id"].to_list(), correct=correct.tolist()
    )


def make_rejected(rows=6):
    aside = ["subset not asked for", "repeated row"]
    reasons = ["missing image", "label out of range", "unreadable image", *aside]
    return make_frame(
        "rejected",
        question_id=[f"q{index}" for index in range(rows)],
        reason=[reasons[index % 5] for index in range(rows)],
        detail=["('a', 'b')"] * rows,
        counted=[index % 5 < 3 for index in range(rows)],
    )


def find_texts(figure, folder):
    """Save a figure and list the texts of its SVG."""
    save_figure(figure, folder / "figure.svg", folder / "figure.png")
    assert (folder / "figure.png").read_bytes().startswith(b"\x89PNG")
    svg = (folder / "figure.svg").read_text()
    return re.findall(r"<(?:text|tspan)[^>]*>([^<]+)<", svg)


# Numbers


def test_jaccard_of_hand_worked_masks():
    first, second = frozenset({(0, 1), (0, 2), (1, 1)}), frozenset({(0, 2), (1, 1), (1, 2), (2, 0)})
    assert jaccard(first, second) == 2 / 5
    assert jaccard(first, first) == 1
    assert jaccard(first, frozenset()) == 0
    assert math.isnan(jaccard(frozenset(), frozenset()))


def test_jaccard_matrix_compares_each_with_each():
    a, b, empty = frozenset({(0, 0), (0, 1)}), frozenset({(0, 1)}), frozenset()
    np.testing.assert_array_equal(
        jaccard_matrix([a, b, empty], [a, b, empty]), [[1, 0.5, 0], [0.5, 1, 0], [0, 0, np.nan]]
    )


def test_scorer_overlap_is_the_mean_over_cultures_with_a_mask():
    a, b, empty = frozenset({(0, 0), (0, 1)}), frozenset({(0, 1)}), frozenset()
    # cultures: 1/2, 1, and two empty masks that do not count
    overlap = scorer_overlap([[a, b, empty], [b, b, empty], [empty, empty, empty]])
    np.testing.assert_array_equal(overlap, [[1, 0.75, 0], [0.75, 1, 0], [0, 0, np.nan]])


def test_neuron_sets_keep_layers_apart_and_empty_masks_in_place():
    masks = make_frame(
        "masks", mask=["b"] * 2, culture=["b"] * 2, layer=[0, 1], neuron=[7, 7], rank=[0, 1]
    )
    assert neuron_sets(masks, ["a", "b"]) == [frozenset(), frozenset({(0, 7), (1, 7)})]


def test_clustered_wilson_of_singletons_is_wilson():
    # 8 of 10: (0.8 + z^2/20 -+ z sqrt(0.016 + z^2/400)) / (1 + z^2/10), z = 1.96
    share, low, high = clustered_wilson([1] * 8 + [0] * 2, [1] * 10)
    assert share == 0.8
    assert (low, high) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_clustered_wilson_counts_pairs_that_agree_once():
    assert clustered_wilson([2] * 8 + [0] * 2, [2] * 10) == pytest.approx(
        clustered_wilson([1] * 8 + [0] * 2, [1] * 10)
    )


def test_clustered_wilson_at_the_edges():
    share, low, high = clustered_wilson([5, 5], [5, 5])
    assert (share, high) == pytest.approx((1, 1))
    assert 0.7 < low < 1
    assert all(math.isnan(value) for value in clustered_wilson([0, 0], [0, 0]))
    assert all(math.isnan(value) for value in clustered_wilson([], []))


def test_tally_counts_by_image_and_refuses_foreign_answers():
    questions = make_questions(["a"], 3)
    answers = make_frame("answers", question_id=["a_0", "a_1", "a_2"], correct=[True, True, False])
    tally = tally_images(answers, questions)
    assert tally.select("image_id", "hits", "size").rows() == [("a_0", 2, 2), ("a_1", 0, 1)]
    with pytest.raises(ValueError, match="1 answers have no question, 'a_2' first"):
        tally_images(answers, questions.head(2))


def test_chance_is_the_mean_over_questions():
    questions = make_questions(["a"], 2).with_columns(
        texts=pl.Series([[{"options": ["x", "y"]}], [{"options": ["x", "y", "z", "w"]}]])
    )
    assert chance_accuracy(questions) == (1 / 2 + 1 / 4) / 2


def test_layer_counts_have_rows_for_empty_masks_and_refuse_foreign_neurons():
    masks = make_frame(
        "masks",
        mask=["b"] * 3,
        culture=["b"] * 3,
        layer=[0, 2, 2],
        neuron=[1, 1, 2],
        rank=[0, 1, 2],
    )
    np.testing.assert_array_equal(count_neurons(masks, ["a", "b"], 3), [[0, 0, 0], [1, 0, 2]])
    with pytest.raises(ValueError, match="layer 2, expected layers below 2"):
        count_neurons(masks, ["a", "b"], 2)
    with pytest.raises(ValueError, match="culture 'b'"):
        count_neurons(masks, ["a"], 3)


def test_effect_matrix_has_masked_cultures_as_rows():
    effects = make_frame("effects", mask_culture=["a", "b"], culture=["b", "a"], delta=[-0.5, None])
    np.testing.assert_array_equal(
        effect_matrix(effects, ["a", "b"], "delta"), [[np.nan, -0.5], [np.nan, np.nan]]
    )


def test_measure_and_band_are_read_in_points():
    summaries = make_frame(
        "summaries",
        culture=["a", "b", None],
        measure=["self"] * 3,
        value=[-0.5, 0.25, -0.125],
        ci_low=[None, None, -0.25],
        ci_high=[None, None, 0.0],
    )
    estimate = read_measure(summaries, "self")
    assert estimate[:3] == (-12.5, -25, 0)
    assert estimate.cultures.tolist() == [-50, 25]
    assert np.isnan(read_measure(summaries, "cross_by_mask").value)
    assert read_band(make_ranks(), "self", "random") == (-0.4, 0.3)
    assert np.isnan(read_band(make_ranks(), "self", "permuted")).all()
    assert np.isnan(read_band(make_frame("ranks"), "self", "random")).all()


def test_recovery_pools_cultures_and_skips_empty_masks():
    rows = make_frame("recovery", culture=["a", "b"], planted=[4, 4], selected=[4, 0], hits=[3, 0])
    precision, recall = estimate_share(rows, "selected"), estimate_share(rows, "planted")
    assert (precision.value, recall.value) == (3 / 4, 3 / 8)
    np.testing.assert_array_equal(precision.cultures, [0.75, np.nan])


# Looks


def test_looks_do_not_depend_on_the_order_and_differ():
    looks = scorer_looks(["zeta", "cas", "alpha"])
    assert looks == scorer_looks(["alpha", "zeta", "cas"])
    assert looks["cas"] == SCORER_LOOKS["cas"]
    assert len(set(looks.values())) == len(SCORER_LOOKS) + 2
    assert len(set(model_looks(MODELS).values())) == 3


# Reading


def write_masks(path, cultures, layers=LAYERS):
    frame = make_masks(["a", "b"], layers)
    write_table(
        path,
        "masks",
        frame.to_dict(as_series=False),
        {"masks": dict.fromkeys(cultures, 40), "layers": layers},
    )
    return path


def test_masks_are_read_with_cultures_that_have_none(tmp_path):
    path = write_masks(tmp_path / "cas.parquet", ["c", "b", "a"])
    masks, cultures, layers = read_masks([path], ["cas"])
    assert (list(masks), cultures, layers) == (["cas"], ["a", "b", "c"], LAYERS)
    assert count_neurons(masks["cas"], cultures, layers)[2].sum() == 0


def test_masks_that_do_not_belong_together_are_refused(tmp_path):
    first = write_masks(tmp_path / "cas.parquet", ["a", "b"])
    other_model = write_masks(tmp_path / "mad.parquet", ["a", "b"], LAYERS + 4)
    with pytest.raises(ValueError, match="expected masks of one model"):
        read_masks([first, other_model], ["cas", "mad"])
    nameless = write_masks(tmp_path / "lap.parquet", ["16/0"])
    with pytest.raises(ValueError, match=r"lap\.parquet: has neurons of the cultures"):
        read_masks([nameless], ["lap"])


def test_tables_and_keys_must_be_one_to_one(tmp_path):
    path = write_masks(tmp_path / "cas.parquet", ["a", "b"])
    with pytest.raises(ValueError, match="is longer than"):
        read_frames([path], "masks", ["cas", "mad"])
    with pytest.raises(ValueError, match="under one key"):
        read_frames([path, path], "masks", ["cas", "cas"])


# Figures


FAMILIES = [
    *("accuracy", "layers", "deactivation", "self_cross", "overlap", "recovery"),
    "rejected",
]
BY_MODEL = ("self_cross", "recovery", "accuracy")


def draw_family(family, cultures, layers):
    """Draw a figure of all scorers and models."""
    if family == "accuracy":
        questions = make_questions(cultures)
        return plot_accuracy({model: make_answers(questions) for model in MODELS}, questions)
    if family == "rejected":
        return plot_rejected(make_rejected(3000), 20_000)
    if family == "deactivation":
        return plot_deactivation({scorer: make_effects(cultures) for scorer in SCORERS}, 0.05)
    if family == "self_cross":
        subjects = list(itertools.product(MODELS, SCORERS))
        return draw_self_cross(
            {subject: make_summaries(cultures) for subject in subjects},
            {subject: make_ranks() for subject in subjects},
        )
    if family == "recovery":
        return plot_recovery({model: make_recovery(cultures) for model in MODELS})
    masks = {scorer: make_masks(cultures, layers, seed=i) for i, scorer in enumerate(SCORERS)}
    if family == "layers":
        return plot_layers(masks, cultures, layers)
    return plot_overlap(masks, cultures)


@pytest.mark.parametrize("family", FAMILIES)
def test_paper_size_is_printable_with_all_names(family, tmp_path):
    figure = draw_family(family, CULTURES, LAYERS)
    texts = find_texts(figure, tmp_path)
    assert figure.get_figwidth() in (3.3, 6.9)
    assert figure.get_figheight() < 11
    assert min(text.get_size() for text in figure.findobj(Text)) >= 7
    if family == "rejected":
        reasons = set(make_rejected()["reason"])
        assert reasons | {"600", "Rows of the dataset not used: 8.3 % rejected"} <= set(texts)
        return
    assert set(MODELS if family in BY_MODEL else SCORERS) <= set(texts)
    if family not in ("self_cross", "recovery"):
        assert set(CULTURES) <= set(texts)


@pytest.mark.parametrize("family", FAMILIES)
def test_same_tables_give_the_same_bytes(family, tmp_path):
    paths = [[tmp_path / f"{run}.{suffix}" for suffix in ("svg", "png")] for run in (1, 2)]
    for svg, png in paths:
        save_figure(draw_family(family, ["b", "a", "c"], 4), svg, png)
    for first, second in zip(*paths, strict=True):
        assert first.read_bytes() == second.read_bytes()
    assert str(tmp_path) not in paths[0][0].read_text()


def test_small_matrices_carry_their_numbers(tmp_path):
    effects = make_frame(
        "effects",
        mask_culture=["a", "a", "b", "b"],
        culture=["a", "b", "a", "b"],
        delta=[-0.704, 0.031, -0.001, None],
        q=[0.001, 0.2, None, None],
    )
    texts = find_texts(plot_deactivation({"cas": effects}, 0.05), tmp_path)
    assert {"−70", "3", "0"} <= set(texts)
    assert "nan" not in "".join(texts)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plot_accuracy({}, make_questions([])),
        lambda: plot_accuracy({"m": make_frame("answers")}, make_questions()),
        lambda: plot_layers({}, [], LAYERS),
        lambda: plot_layers({"cas": make_frame("masks")}, CULTURES, LAYERS),
        lambda: plot_deactivation({}, 0.05),
        lambda: plot_deactivation({"cas": make_frame("effects")}, 0.05),
        lambda: plot_deactivation(
            {"cas": make_frame("effects", mask_culture=["a"], culture=["a"], delta=[math.nan])},
            0.05,
        ),
        lambda: draw_self_cross({}),
        lambda: draw_self_cross({("m", "cas"): make_frame("summaries")}),
        lambda: plot_overlap({}, []),
        lambda: plot_overlap({"cas": make_frame("masks")}, CULTURES),
        lambda: plot_rejected(make_frame("rejected"), 9),
        lambda: plot_recovery({}),
        lambda: plot_recovery({"m": make_frame("recovery")}),
    ],
)
def test_nothing_to_show_is_said(draw, tmp_path):
    assert " to show: " in " ".join(find_texts(draw(), tmp_path))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plot_accuracy({"m": make_answers(make_questions(["a"], 1))}, make_questions(["a"])),
        lambda: plot_layers({"cas": make_masks(["a"], 1)}, ["a"], 1),
        lambda: plot_layers(
            {"cas": make_masks(["a"]), "mad": make_frame("masks")}, ["a", "b"], LAYERS
        ),
        lambda: plot_deactivation({"cas": make_effects(["a"]), "mad": make_frame("effects")}, 0.05),
        lambda: draw_self_cross({("m", "cas"): make_summaries(["a"])}),
        lambda: draw_self_cross(
            {("m", "cas"): make_summaries(), ("n", "mad"): make_frame("summaries")}
        ),
        lambda: plot_overlap({"cas": make_masks(["a"]), "mad": make_frame("masks")}, ["a", "b"]),
        lambda: plot_rejected(make_rejected(1), 0),
        lambda: plot_rejected(make_rejected(5)[3:], 0),
        lambda: plot_recovery({"m": make_recovery(["a"]), "n": make_frame("recovery")}),
    ],
)
def test_one_culture_or_a_missing_part_is_drawn(draw, tmp_path):
    texts = " ".join(find_texts(draw(), tmp_path))
    assert "to show" not in texts
    assert "nan" not in texts


def test_empty_figure_shows_its_message(tmp_path):
    assert find_texts(empty_figure("Nothing was found."), tmp_path) == ["Nothing was found."]
