"""Culture or language: two prompts of one checkpoint, and related cultures, worked out by hand."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from matplotlib.text import Text
from paired import pair_answers
from plot_tables import make_relations as make_all_relations

from culture_neurons.dataset.cultures import has_related, read_cultures, relate_cultures
from culture_neurons.neurons import NeuronAxis
from culture_neurons.outcomes import OUTCOMES
from culture_neurons.plots.prompts import plot_prompts
from culture_neurons.plots.relations import plot_relations
from culture_neurons.sensitivity.origins import find_origins, group_cultures
from culture_neurons.sensitivity.prompts import compare_prompts
from culture_neurons.sensitivity.relations import fit_relations, measure_relations
from culture_neurons.storage.schemas import SCHEMAS

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {"resamples": 500, "confidence": 0.95, "seed": 0, "collapse": 0.5}
MEX, ESP = ("Spanish", "Mexico"), ("Spanish", "Spain")
IND, PAK = ("Hindi", "India"), ("Urdu", "Pakistan")


@pytest.mark.parametrize(
    ("first", "second", "relation"),
    [
        ({MEX}, {ESP}, "same language"),
        ({IND}, {("Tamil", "India")}, "same country"),
        ({MEX}, {IND}, "neither"),
        ({("Hindi", "India"), ("Urdu", "India")}, {PAK}, "same language"),
        ({IND, PAK}, {("Hindi", "India")}, "both"),
    ],
)
def test_two_cultures_share_a_language_a_country_both_or_neither(first, second, relation):
    assert relate_cultures(first, second) == relation
    assert relate_cultures(second, first) == relation


def test_the_shipped_cultures_are_related_and_the_demo_s_are_not():
    assert has_related(ROOT / "config/cultures.tsv")
    assert has_related(ROOT / "config/subsets.tsv")
    assert has_related(ROOT / "config/demo_native_cultures.tsv")
    assert not has_related(ROOT / "config/demo_cultures.tsv")


def test_the_subsets_are_those_of_the_cultures_each_alone():
    files = (ROOT / f"config/{name}.tsv" for name in ("cultures", "subsets"))
    cultures, subsets = map(read_cultures, files)
    assert set(cultures) == set(subsets)
    assert len(set(subsets.values())) == len(subsets) == 39
    for pair, code in subsets.items():
        assert code.partition("-")[0] == cultures[pair]
    languages = [language for language, _ in subsets]
    countries = [country for _, country in subsets]
    assert (languages.count("Spanish"), countries.count("India")) == (7, 6)


def make_questions(subsets):
    rows = [
        {"culture": culture, "subset": str(pair), "language": pair[0]}
        for culture, pairs in subsets.items()
        for pair in pairs
    ]
    return pl.DataFrame(rows)


def test_cultures_are_grouped_by_what_several_of_them_share():
    origins = find_origins(
        make_questions({"MEX": [MEX], "ESP": [ESP], "IND": [IND, ("Urdu", "India")], "PAK": [PAK]})
    )
    assert origins["IND"] == {IND, ("Urdu", "India")}
    groups = group_cultures(["ESP", "IND", "MEX", "PAK"], origins)
    # India has two languages, so it is in no language's group, and Urdu's would be Pakistan alone.
    assert {key: places.tolist() for key, places in groups.items()} == {
        ("all", "all cultures"): [0, 1, 2, 3],
        ("language", "Spanish"): [0, 2],
        ("culture", "ESP"): [0],
        ("culture", "IND"): [1],
        ("culture", "MEX"): [2],
        ("culture", "PAK"): [3],
    }


AXIS = NeuronAxis((10, 10, 10))
ORIGINS = {"a": frozenset({MEX}), "b": frozenset({ESP}), "c": frozenset({PAK})}
RIGHT, WRONG = (np.log(values).tolist() for values in ([0.7, 0.3], [0.3, 0.7]))


EMPTY = {kind: pl.from_arrow(SCHEMAS[kind].empty_table()) for kind in ("prompts", "relations")}


def stack(kind, parts):
    """Stack the parts of a table."""
    frames = [pl.DataFrame(part, schema=EMPTY[kind].schema) for part in parts]
    return pl.concat([EMPTY[kind], *frames])


def make_answers(right, mask=None):
    """Answer ten questions of each culture; `right` of each are right, from the first on."""
    rows = [
        {"mask_culture": mask, "draw": None, "question_id": f"{culture}{number}"}
        | {"predicted": int(number >= right[culture]), "correct": number < right[culture]}
        | {"option_logprobs": RIGHT if number < right[culture] else WRONG}
        | {"non_letter_mass": 0.0}
        for culture in right
        for number in range(10)
    ]
    schema = {"mask_culture": pl.String, "draw": pl.UInt32, "predicted": pl.UInt8}
    return pl.DataFrame(rows, schema_overrides=schema)


def make_outcomes(before, after):
    """Answers without a mask, and under each culture's own mask, which touches it alone."""
    frames = [make_answers(before)]
    frames += [make_answers(before | {mask: after[mask]}, mask) for mask in before]
    return pl.concat(frames)


QUESTIONS = pl.DataFrame(
    [
        {"question_id": f"{c}{n}", "image_id": f"{c}{n}", "culture": c, "answer": 0}
        for c in "abc"
        for n in range(10)
    ]
)
ALL = {"a": 10, "b": 10, "c": 10}


def compare(lent_masks=None, lent_after=None, lent=None):
    answers, other = ({"a": 9, "b": 8, "c": 7}, {"a": 5, "b": 6, "c": 10})
    lent_masks = lent_masks or {"a": [0, 1], "b": [4, 25], "c": [29]}
    masks = {
        "own": {"a": np.array([0, 1]), "b": np.array([4, 5]), "c": np.array([9])},
        "lent": {culture: np.array(units, dtype=int) for culture, units in lent_masks.items()},
    }
    parts = compare_prompts(
        questions=QUESTIONS,
        answers=make_answers(answers).drop("mask_culture", "draw"),
        other_answers=make_answers(other).drop("mask_culture", "draw"),
        evaluated=QUESTIONS,
        own=make_outcomes(ALL, {"a": 4, "b": 6, "c": 8}),
        lent=make_outcomes(ALL, lent_after or {"a": 4, "b": 10, "c": 9}) if lent is None else lent,
        masks=masks,
        axis=AXIS,
        origins=ORIGINS,
        other_questions=None,
        **SETTINGS,
    )
    return stack("prompts", parts)


def find(table, measure, name, outcome="accuracy"):
    (row,) = table.filter(
        pl.col("outcome").eq_missing(pl.lit(outcome, pl.String)), measure=measure, name=name
    ).to_dicts()
    return row


def test_answers_under_two_prompts_stand_side_by_side():
    table = compare()
    assert find(table, "answers", "a")["value"] == pytest.approx(0.9)
    assert find(table, "answers_other", "a")["value"] == pytest.approx(0.5)
    assert find(table, "answers_less_other", "a")["value"] == pytest.approx(0.4)
    spanish = find(table, "answers_less_other", "Spanish")
    assert (spanish["by"], spanish["cultures"]) == ("language", 2)
    assert spanish["value"] == pytest.approx((0.4 + 0.2) / 2)
    assert find(table, "answers_less_other", "all cultures")["value"] == pytest.approx(0.1)
    logp = find(table, "answers_less_other", "a", "logp")["value"]
    assert logp == pytest.approx(0.4 * np.log(0.7 / 0.3))


def test_masks_in_common_and_their_depth():
    table = compare()
    assert [find(table, "overlap", c, None)["value"] for c in "abc"] == pytest.approx([1, 1 / 3, 0])
    assert find(table, "overlap", "Spanish", None)["value"] == pytest.approx(2 / 3)
    # Two of 30 units each: 4 / 30 shared by chance, of 4 - 4 / 30.
    chance = find(table, "overlap_chance", "a", None)["value"]
    assert chance == pytest.approx((4 / 30) / (4 - 4 / 30))
    assert find(table, "depth", "b", None)["value"] == 0
    assert find(table, "depth_other", "b", None)["value"] == pytest.approx(0.5)  # layers 0 and 2
    assert find(table, "depth_other", "c", None)["value"] == 1


def test_masks_of_the_other_prompt_are_compared_with_own_ones():
    table = compare()
    own = [find(table, "self", c)["value"] for c in "abc"]
    lent = [find(table, "self_lent", c)["value"] for c in "abc"]
    less = [find(table, "lent_less_self", c)["value"] for c in "abc"]
    assert own == pytest.approx([-0.6, -0.4, -0.2])
    assert lent == pytest.approx([-0.6, 0.0, -0.1])
    assert less == pytest.approx([0.0, 0.4, 0.1])
    overall = find(table, "lent_less_self", "all cultures")
    assert overall["value"] == pytest.approx(0.5 / 3)
    assert overall["ci_low"] < 0.5 / 3 < overall["ci_high"]
    equal = find(table, "lent_less_self", "a")  # the same answers: no proof of no difference
    assert equal["ci_low"] < 0 < equal["ci_high"]


def test_cultures_of_which_a_mask_breaks_the_model_are_left_out():
    broken = make_outcomes(ALL, {"a": 4, "b": 10, "c": 9})
    own_mask = (pl.col("mask_culture") == "b") & pl.col("question_id").str.starts_with("b")
    broken = broken.with_columns(
        non_letter_mass=pl.when(own_mask).then(0.9).otherwise("non_letter_mass")
    )
    table = compare(lent=broken)
    assert set(table.filter(by="culture")["name"]) == {"a", "c"}


def test_cultures_that_one_prompt_has_no_mask_of_are_left_out():
    table = compare(lent_masks={"a": [0], "b": [4], "c": []})
    assert set(table.filter(by="culture")["name"]) == {"a", "b"}
    assert find(table, "self", "all cultures")["value"] == pytest.approx(-0.5)
    assert find(table, "self", "all cultures")["cultures"] == 2


FIVE = ORIGINS | {"d": frozenset({("Igbo", "Nigeria")}), "e": frozenset({("Hausa", "Nigeria")})}
MASKS = [[0, 1], [1, 2], [5, 6], [8], [9]]


def relate(masks, changes, **signs):
    """Measure relations of five masks that change cultures' 100 answers by shares (5, 5)."""
    culture, image = np.repeat(np.arange(5), 100), np.arange(500)
    gained = np.zeros((5, 500))
    for row, by_target in enumerate(changes):
        for target, change in enumerate(by_target):
            gained[row, 100 * target : 100 * target + round(-100 * change)] = -1
    answers = {
        name: pair_answers(culture, image, gained=gained, outcome=name, **signs)
        for name in OUTCOMES
    }
    units = {name: np.array(values, dtype=int) for name, values in zip("abcde", masks, strict=True)}
    parts = measure_relations(answers, units, AXIS, FIVE, **SETTINGS)
    table = stack("relations", parts)
    return {(r["relation"], r["measure"], r["outcome"]): r for r in table.iter_rows(named=True)}


def make_changes(strength=(0.0,) * 5, ease=(0.0,) * 5, language=0.0):
    """Changes of which masks, cultures, and a common language have a part; own ones are -0.9."""
    changes = np.add.outer(strength, ease)
    for one, other in ((0, 1), (1, 0)):  # a and b speak Spanish
        changes[one, other] += language
    np.fill_diagonal(changes, -0.9)
    return changes


def test_effects_on_cultures_of_one_language_stand_apart_from_unrelated_ones():
    rows = relate(MASKS, make_changes(strength=(-0.1,) * 5, language=-0.3))
    language, country, neither = (
        rows[name, "cross", "accuracy"] for name in ("same language", "same country", "neither")
    )
    assert [row["pairs"] for row in (language, country, neither)] == [1, 1, 8]
    assert language["value"] == pytest.approx(-0.4)
    assert country["value"] == neither["value"] == pytest.approx(-0.1)
    beyond = rows["same language", "cross_beyond", "accuracy"]
    assert beyond["value"] == pytest.approx(-0.3)
    assert beyond["ci_high"] < 0
    none = rows["same country", "cross_beyond", "accuracy"]
    assert none["value"] == pytest.approx(0, abs=1e-9)
    assert none["ci_low"] < 0 < none["ci_high"]
    assert ("neither", "cross_beyond", "accuracy") not in rows


def test_strong_masks_and_easily_turned_cultures_are_no_relation():
    strength, ease = (-0.05, -0.2, 0.0, 0.0, -0.1), (-0.3, -0.2, 0.0, -0.05, 0.0)
    rows = relate(MASKS, make_changes(strength, ease))
    cross = [rows[name, "cross", "accuracy"]["value"] for name in ("same language", "neither")]
    assert cross[0] < cross[1] - 0.1  # what a comparison of means would take for a language
    assert rows["same language", "cross_beyond", "accuracy"]["value"] == pytest.approx(0, abs=1e-9)
    both = relate(MASKS, make_changes(strength, ease, language=-0.25))
    assert both["same language", "cross_beyond", "accuracy"]["value"] == pytest.approx(-0.25)


def test_what_masks_and_cultures_explain_as_well_has_no_fit():
    cells = np.zeros((3, 3), dtype=bool)
    cells[0, 1] = cells[1, 0] = True
    pairs = {"same language": cells, "neither": ~cells & ~np.eye(3, dtype=bool)}
    assert fit_relations(pairs) == {"same language": None}  # of three cultures
    assert fit_relations({"same language": ~np.eye(4, dtype=bool)}) == {"same language": None}


def test_a_mask_that_breaks_the_model_is_left_out_with_its_culture():
    changes = make_changes(language=-0.3)
    signs = np.zeros((5, 500))
    signs[1] = 0.9  # b's mask moves nearly all mass to tokens that are no letter
    rows = relate(MASKS, changes, non_letter_mass=signs)
    assert {relation for relation, *_ in rows} == {"same country", "neither"}
    assert rows["neither", "cross", "accuracy"]["pairs"] == 5


def test_masks_in_common_are_counted_by_what_cultures_share():
    rows = relate(MASKS, make_changes())
    assert rows["same language", "overlap", None]["value"] == pytest.approx(1 / 3)
    assert rows["neither", "overlap", None]["value"] == 0
    empty = relate([[], [1], [5], [6], [7]], make_changes())  # of a, nothing to compare
    assert {relation for relation, *_ in empty} == {"same country", "neither"}
    assert empty["neither", "cross", "accuracy"]["pairs"] == 5


def test_no_change_in_a_relation_has_an_interval():
    rows = relate(MASKS, make_changes())
    for relation in ("same language", "neither"):
        row = rows[relation, "cross", "accuracy"]
        assert row["value"] == 0
        assert row["ci_low"] < 0 < row["ci_high"]


def list_texts(figure):
    return [text.get_text() for text in figure.findobj(Text)]


def test_the_figure_of_prompts_has_a_row_per_group_and_says_what_lent_masks_do():
    texts = list_texts(plot_prompts(compare(), "english", "native", "cas", 0.02, "accuracy"))
    assert {"all cultures", "Spanish (2)", "a", "b", "c"} <= set(texts)
    assert "Masks of cas found under the other prompt hurt less than own ones" in texts
    same = compare(lent_after={"a": 4, "b": 6, "c": 8})
    words = {
        0.9: "In nats, masks of cas found under the other prompt hurt as own ones do",
        0.01: "In nats, masks of cas found under either prompt are not shown to differ",
    }
    for margin, title in words.items():
        texts = list_texts(plot_prompts(same, "english", "native", "cas", margin, "logp"))
        assert title in texts
    assert {"english", "native, or its masks"} <= set(texts)


def test_the_figure_of_prompts_says_where_there_is_nothing_to_compare():
    nothing = compare(lent_masks={"a": [], "b": [], "c": []})
    texts = list_texts(plot_prompts(nothing, "english", "native", "cas", 0.02, "accuracy"))
    assert any("Nothing to compare" in text for text in texts)


def make_relations(changes):
    rows = relate(MASKS, changes).values()
    return pl.DataFrame(list(rows), schema=EMPTY["relations"].schema)


def test_the_figure_of_relations_names_scorers_whose_masks_hurt_related_cultures_more():
    changes = make_changes(language=-0.3)
    tables = {"cas": make_relations(changes), "lap": make_relations(make_changes())}
    texts = list_texts(plot_relations(tables, "accuracy"))
    title = "Masks of cas hurt cultures of the same language more than unrelated ones"
    assert title in texts
    assert "pairs of cultures: 1 same language, 1 same country, 8 neither" in texts
    tables = {"cas": tables["cas"], "planted": tables["lap"]}
    texts = list_texts(plot_relations(tables, "accuracy"))
    assert "Masks hurt cultures of the same language more than unrelated ones" in texts
    (title,) = (
        text
        for text in list_texts(plot_relations({"cas": make_all_relations(-0.7)}, "accuracy"))
        if text.startswith("Masks")
    )
    assert title.replace("\n", " ") == (
        "Masks hurt cultures of the same language, of the same country, and of the same language "
        "and country more than unrelated ones"
    )
    texts = list_texts(plot_relations({"planted": tables["cas"]}, "accuracy"))
    assert "It is not shown that masks hurt related cultures more than others" in texts
