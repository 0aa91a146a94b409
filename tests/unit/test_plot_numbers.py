"""The numbers of figures, worked by hand; looks; and which tables may be read together."""

import math

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from plot_tables import (
    LAYERS,
    MODELS,
    make_effects,
    make_frame,
    make_masks,
    make_questions,
    make_ranks,
)

from culture_neurons.evaluate.shares import clustered_wilson
from culture_neurons.plots.accuracy import chance_accuracy, tally_images
from culture_neurons.plots.deactivation import effect_matrix, plot_deactivation
from culture_neurons.plots.layers import count_neurons
from culture_neurons.plots.layers import word_title as layers_title
from culture_neurons.plots.overlap import (
    choose_panels,
    form_index,
    jaccard,
    jaccard_matrix,
    neuron_sets,
    scorer_overlap,
)
from culture_neurons.plots.parts.dots import spread_small
from culture_neurons.plots.parts.inputs import read_frames, read_scorer_masks
from culture_neurons.plots.parts.style import (
    SCORER_LOOKS,
    empty_figure,
    model_looks,
    save_figure,
    scorer_looks,
)
from culture_neurons.plots.parts.wording import (
    count_compared,
    count_questions,
    form_span,
    list_names,
)
from culture_neurons.plots.recovery import estimate_share
from culture_neurons.plots.self_cross import (
    find_shown,
    plot_self_cross,
    read_band,
    read_measure,
    word_title,
)
from culture_neurons.storage.facts import TableError
from culture_neurons.storage.tables import write_table

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


def test_an_index_is_written_as_0_or_1_only_if_it_is():
    written = {0: "0", 0.004: "<0.01", 0.005: "0.01", 0.2: "0.20", 0.996: ">0.99", 1: "1"}
    assert {index: form_index(index) for index in written} == written


def test_neuron_sets_keep_layers_apart_and_empty_masks_in_place():
    masks = make_frame("masks", culture=["b"] * 2, layer=[0, 1], neuron=[7, 7], rank=[0, 1])
    assert neuron_sets(masks, ["a", "b"]) == [frozenset(), frozenset({(0, 7), (1, 7)})]


def test_clustered_wilson_of_singletons_is_wilson():
    # 8 of 10: (0.8 + z^2/20 -+ z sqrt(0.016 + z^2/400)) / (1 + z^2/10), z = 1.96
    share, low, high = clustered_wilson([1] * 8 + [0] * 2, [1] * 10, 0.95)
    assert share == 0.8
    assert (low, high) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_clustered_wilson_follows_the_confidence():
    # the same with z = 1.645
    _, low, high = clustered_wilson([1] * 8 + [0] * 2, [1] * 10, 0.9)
    assert (low, high) == pytest.approx((0.5408, 0.9314), abs=1e-4)


def test_clustered_wilson_counts_pairs_that_agree_once():
    assert clustered_wilson([2] * 8 + [0] * 2, [2] * 10, 0.95) == pytest.approx(
        clustered_wilson([1] * 8 + [0] * 2, [1] * 10, 0.95)
    )


def test_clustered_wilson_at_the_edges():
    share, low, high = clustered_wilson([5, 5], [5, 5], 0.95)
    assert (share, high) == pytest.approx((1, 1))
    assert 0.7 < low < 1
    assert all(math.isnan(value) for value in clustered_wilson([0, 0], [0, 0], 0.95))
    assert all(math.isnan(value) for value in clustered_wilson([], [], 0.95))


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
    precision, recall = (estimate_share(rows, trials, 0.95) for trials in ("selected", "planted"))
    assert (precision.value, recall.value) == (3 / 4, 3 / 8)
    np.testing.assert_array_equal(precision.cultures, [0.75, np.nan])


# Words


def test_names_and_spans():
    assert [list_names("abc"[:count]) for count in range(4)] == ["", "a", "a and b", "a, b, and c"]
    assert [form_span(numbers) for numbers in ([], [3, 3], [1200, 5])] == ["0", "3", "5 to 1,200"]


def test_n_of_effects_is_of_own_and_other_cultures():
    columns = {"mask_culture": ["a", "a", "b", "b"], "culture": ["a", "b", "a", "b"]}
    full = make_frame("effects", **columns, questions=[30, 40, 30, 40])
    assert count_questions([full, full]) == "n = 2 cultures with 30 to 40 questions each"
    part = make_frame("effects", **columns, questions=[30, 5, 5, 40])
    note = "n = 2 cultures; 30 to 40 questions of a mask's own, 5 of each other"
    assert count_questions([part, make_frame("effects")]) == note
    assert count_questions([full], 5) == note
    assert count_questions([full], 99) == count_questions([full])
    alone = make_frame("effects", mask_culture=["a"], culture=["a"], questions=[7])
    assert count_questions([alone]) == "n = 1 culture with 7 questions each"


def test_n_of_comparisons_is_of_questions_where_they_are_known():
    rows = pl.DataFrame({"culture": ["a", "b", "a"], "questions": [50, 50, 25]})
    assert count_compared([rows, rows.head(0)]) == "n = 2 cultures, 25 to 50 questions of each"
    assert count_compared([rows.drop("questions")]) == "n = 2 cultures"


def make_tested(gap_high=-0.1, rank_p=0.05, broken=0):
    """Make the means over cultures of one scorer's summaries and ranks."""
    measures = ["self", "cross_by_mask", "gap"]
    summaries = make_frame(
        "summaries",
        measure=measures,
        ci_high=[-0.1, 0.0, gap_high],
        broken=[broken] * 3,
        left_out=[0] * 3,
    )
    controls = ["random", "permuted"]
    ranks = make_frame(
        "ranks",
        measure=measures * 2,
        control=np.repeat(controls, 3).tolist(),
        draws=[20] * 6,
        rank_p=[0.05, 0.05, None, 0.05, 0.5, rank_p],
    )
    return summaries, ranks


def is_shown(summaries, ranks, alpha):
    key = ("m", "s")
    return find_shown({key: summaries}, {key: ranks}, alpha)[key]


def test_an_effect_is_shown_only_if_every_test_says_so():
    assert is_shown(*make_tested(), 0.05)
    assert not is_shown(*make_tested(gap_high=0.01), 0.05)
    assert not is_shown(*make_tested(rank_p=0.06), 0.05)
    assert not is_shown(*make_tested(broken=1), 0.05)
    summaries, ranks = make_tested()
    assert not is_shown(summaries, ranks.head(0), 0.05)


def test_the_title_is_no_stronger_than_the_verdicts():
    effect = "hurt their own culture more than the others"
    both, one, none = (
        {("m", "cas"): True, ("n", "cas"): True},
        {("m", "mad"): True, ("n", "mad"): False},
        {("m", "lap"): False, ("n", "lap"): False},
    )
    assert word_title(both) == f"Masks {effect}"
    assert word_title(both | none) == f"Masks of cas {effect}"
    assert word_title(both | one | none) == f"Masks {effect} in 3 of 6 cases"
    assert word_title(both, "in nats, ") == f"In nats, masks {effect}"
    assert word_title(none) == f"It is not shown that masks {effect}"


def test_nothing_is_shown_of_a_model_that_guesses():
    summaries, ranks = make_tested()
    summaries = summaries.with_columns(value=pl.lit(-0.2), ci_low=pl.lit(-0.3))
    tables = [{("m", "cas"): table} for table in (summaries, ranks, make_effects(["a"]))]

    def draw(guessing):
        drawn = plot_self_cross(*tables, "random", {}, 0.05, guessing=guessing)
        return " ".join(text.get_text() for text in drawn.findobj(Text))

    assert "Masks hurt their own culture" in draw(["n"])
    assert "It is not shown that masks hurt" in draw(["m"])


def test_the_title_leaves_planted_masks_out():
    summaries, ranks = make_tested()
    hurt = summaries.with_columns(value=pl.lit(-0.2), ci_low=pl.lit(-0.3))
    pairs = [("m", name) for name in ("cas", "lap", "planted")]
    tables = [dict.fromkeys(pairs, table) for table in (hurt, ranks, make_effects(["a"]))]
    tables[0]["m", "lap"] = hurt.with_columns(ci_high=pl.lit(0.1))
    drawn = plot_self_cross(*tables, "random", {}, 0.05)
    texts = [text.get_text() for text in drawn.findobj(Text)]
    assert "Masks of cas hurt their own culture more than the others" in texts
    assert "planted" in texts


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
        {"masks": [[culture, None, 40] for culture in cultures], "widths": [100] * layers},
    )
    return path


def test_masks_are_read_with_cultures_that_have_none(tmp_path):
    path = write_masks(tmp_path / "cas.parquet", ["c", "b", "a"])
    masks, cultures, layers = read_scorer_masks([path], ["cas"])
    assert (list(masks), cultures, layers) == (["cas"], ["a", "b", "c"], LAYERS)
    assert count_neurons(masks["cas"], cultures, layers)[2].sum() == 0


def test_masks_that_do_not_belong_together_are_refused(tmp_path):
    first = write_masks(tmp_path / "cas.parquet", ["a", "b"])
    other_model = write_masks(tmp_path / "mad.parquet", ["a", "b"], LAYERS + 4)
    with pytest.raises(ValueError, match="expected masks of one model"):
        read_scorer_masks([first, other_model], ["cas", "mad"])
    nameless = write_masks(tmp_path / "lap.parquet", ["16"])
    with pytest.raises(ValueError, match=r"lap\.parquet: has neurons of the cultures"):
        read_scorer_masks([nameless], ["lap"])


def test_a_figure_s_table_that_is_not_what_its_key_says_is_refused(tmp_path):
    path = tmp_path / "cas.parquet"
    rows = {"culture": ["a"], "layer": [0], "neuron": [1]}
    write_table(path, "planted", rows, {"model": "m", "scorer": {"name": "mad"}})
    read_frames([path], "planted", [("m", "mad")], ["model", "scorer"])
    with pytest.raises(TableError, match=r"cas\.parquet: its scorer is 'mad', but .* has 'cas'"):
        read_frames([path], "planted", ["cas"], ["scorer"])


def test_tables_and_keys_must_be_one_to_one(tmp_path):
    path = write_masks(tmp_path / "cas.parquet", ["a", "b"])
    with pytest.raises(ValueError, match="is longer than"):
        read_frames([path], "masks", ["cas", "mad"], ["selector"])
    with pytest.raises(ValueError, match="under one key"):
        read_frames([path, path], "masks", ["cas", "cas"], ["selector"])


def make_panels(low, high):
    panels = Figure().subplots(1, 2, sharex=True)
    panels[0].set_xlim(low, high)
    return panels


def test_small_changes_are_seen_beside_large_ones():
    panels = make_panels(-90, 6)
    assert spread_small(panels, 2)
    for axes in panels:
        assert axes.get_xscale() == "symlog"
        assert axes.get_xlim() == (-135, 9)  # beyond the largest change by a half
        assert axes.get_xticks().tolist() == [-50, -10, -2, 0, 2]
    # A change of 2 of 144 points takes more than a tenth of the width.
    places = (
        panels[0].transAxes.inverted().transform(panels[0].transData.transform([(-2, 0), (0, 0)]))
    )
    assert places[1][0] - places[0][0] > 0.1


def test_a_scale_on_which_small_changes_are_seen_is_left_alone():
    panels = make_panels(-19, 6)
    assert not spread_small(panels, 2)
    assert panels[0].get_xscale() == "linear"


def test_planted_masks_count_in_no_title_and_scales_are_those_of_all_models():
    scorer, planted = (
        make_frame(
            "effects", mask_culture=["a"], culture=["a"], delta=[delta], q=[0.01], questions=[9]
        )
        for delta in (0.0, -0.7)
    )
    figure = plot_deactivation({"cas": scorer, "planted": planted}, 0.05)
    assert "in 0 of 1 cells" in figure.get_suptitle()
    larger = make_frame("effects", delta=[-0.9], q=[0.5])

    def find_limits(figure):
        meshes = (mesh for axes in figure.axes for mesh in axes.collections)
        return {mesh.get_clim() for mesh in meshes} - {(None, None)}

    assert find_limits(figure) == {(-70.0, 70.0)}
    figure = plot_deactivation({"cas": scorer, "planted": planted}, 0.05, others=[larger])
    assert find_limits(figure) == {(-90.0, 90.0)}


def test_overlap_draws_what_is_shared_and_names_what_is_not():
    first, second = frozenset({(0, 1), (0, 2)}), frozenset({(0, 2), (1, 1), (1, 2)})
    apart, empty = frozenset({(3, 3)}), frozenset()
    neurons = {"lap": [first, second], "cas": [first, apart], "mad": [empty, empty]}
    panels, disjoint = choose_panels(neurons, ["a", "b"])
    assert [panel.title for panel in panels] == ["lap", "between scorers\n(mean over cultures)"]
    assert disjoint == ["cas"]  # mad has no neurons to share
    assert panels[0].sizes == ["2", "3"]
    assert panels[0].indices[1, 0] == 1 / 4
    assert panels[1].names == ["lap", "cas", "mad"]
    assert panels[1].sizes == ["2.5", "1.5", "0"]
    panels, _ = choose_panels({"lap": [first, second]}, ["a", "b"])
    assert [panel.title for panel in panels] == ["lap"]  # one scorer has none to compare with


def test_the_title_of_layers_says_where_the_middle_of_each_scorer_lies():
    early, late = np.array([[3, 1, 0, 0], [2, 1, 0, 0]]), np.array([[0, 0, 1, 2], [1, 0, 0, 2]])
    said = "The median selected neuron lies in "
    assert layers_title({"a": early}) == f"{said}layer 0 of 0 to 3"
    both = {"a": early, "b": late, "none": 0 * early, "planted": late}
    assert layers_title(both) == f"{said}layers 0 to 3, by scorer, of 0 to 3"
    assert layers_title({"a": early, "planted": late}) == f"{said}layer 0 of 0 to 3"


def test_dollar_signs_are_no_mathematics(tmp_path):
    figure = empty_figure("$E_g$ costs $5")
    save_figure(figure, tmp_path / "f.svg", tmp_path / "f.png")
    assert "$E_g$ costs $5" in (tmp_path / "f.svg").read_text()
