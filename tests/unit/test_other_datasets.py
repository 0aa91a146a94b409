"""Other datasets: how they are prepared and asked; what masks do there, worked out by hand."""

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from dataset_rows import COLUMNS, make_picture, make_row, prepare
from matplotlib.text import Text
from paired import pair_answers

from culture_neurons.dataset.assignment import AssignmentError, choose_elsewhere
from culture_neurons.dataset.sources import DatasetError, name_settings
from culture_neurons.evaluate.damage import measure_damage
from culture_neurons.outcomes import OUTCOMES
from culture_neurons.plots.elsewhere import plot_elsewhere
from culture_neurons.report.transfer import judge_transfer, list_shown
from culture_neurons.report.verdicts import KEYS
from culture_neurons.storage.frames import stack_tables

SETTINGS = {"resamples": 1000, "confidence": 0.95, "seed": 0, "alpha": 0.05, "power": 0.8}
SETTINGS |= {"collapse": 0.5}


def make_general_row(question_id, data=None):
    row = make_row(question_id, **({} if data is None else {"data": data}))
    return {key: value for key, value in row.items() if key not in ("Subset", "Category")}


def prepare_general(rows, **changes):
    columns = {**COLUMNS, "category": None}
    return prepare(rows, cultures=None, columns=columns, floor=5, **changes)


def test_questions_without_cultures_need_no_column_of_subsets_or_categories():
    prepared = prepare_general([make_general_row("p1_0"), make_general_row("p1_1")])
    assert [question["question_id"] for question in prepared.questions] == ["p1_0", "p1_1"]
    for question in prepared.questions:
        assert [question[key] for key in ("culture", "subset", "language", "category")] == [""] * 4
    assert (prepared.absent, prepared.rejected) == ([], [])


def test_a_dataset_of_cultures_still_needs_its_columns():
    with pytest.raises(DatasetError, match="has no column 'Subset'"):
        prepare([make_general_row("p1_0")])


def test_pictures_of_the_study_are_left_out_and_do_not_count_as_rejected():
    taken = prepare([make_row("p1_0")]).images["p1"]["sha256"]
    other = make_general_row("p2_0", make_picture("blue"))
    prepared = prepare_general([make_general_row("p1_0"), other], taken={taken}, max_rejected=0.0)
    assert [question["question_id"] for question in prepared.questions] == ["p2_0"]
    (rejected,) = prepared.rejected
    assert rejected["reason"] == "picture of the study's dataset"
    assert not rejected["counted"]


def test_where_all_pictures_are_the_study_s_the_error_says_so():
    taken = prepare([make_row("p1_0")]).images["p1"]["sha256"]
    with pytest.raises(DatasetError, match="one must be left.*picture of the study's dataset"):
        prepare_general([make_general_row("p1_0")], taken={taken})


def test_errors_name_the_dataset_s_own_key():
    message = "dataset.max_rejected = 0 of x/dataset.parquet; set dataset.columns.image, dataset.x"
    with (
        pytest.raises(DatasetError) as caught,
        name_settings("other_datasets.general", ["max_rejected", "columns"]),
    ):
        raise DatasetError(message)
    assert str(caught.value) == (
        "other_datasets.general.max_rejected = 0 of x/dataset.parquet; set "
        "other_datasets.general.columns.image, dataset.x"
    )


def test_the_study_s_own_errors_stay_as_they_are():
    with (
        pytest.raises(DatasetError, match="^dataset.split is"),
        name_settings("dataset", ["split"]),
    ):
        raise DatasetError("dataset.split is wrong")


def test_questions_without_a_culture_are_asked_of_every_mask():
    cultures = dict.fromkeys("abcdef", "")
    assert choose_elsewhere(cultures, ["BOK", "AVL"], None) == (set("abcdef"), ["AVL", "BOK"])
    fewer, more = (choose_elsewhere(cultures, ["AVL"], count)[0] for count in (2, 4))
    assert len(fewer) == 2
    assert fewer < more


def test_of_other_cultures_those_with_masks_are_asked():
    cultures = {"a": "AVL", "b": "BOK", "c": "CEN", "d": "AVL", "e": "AVL"}
    ids, owners = choose_elsewhere(cultures, ["AVL", "BOK", "DLV"], None)
    assert (ids, owners) == ({"a", "b", "d", "e"}, ["AVL", "BOK"])
    limited, _ = choose_elsewhere(cultures, ["AVL", "BOK"], 1)
    assert sorted(cultures[question] for question in limited) == ["AVL", "BOK"]


def test_one_culture_in_common_is_too_few():
    message = r"1 of the masks' cultures \['AVL', 'DLV'\] have questions.*\['AVL', 'BOK'\]"
    with pytest.raises(AssignmentError, match=message):
        choose_elsewhere({"a": "AVL", "b": "BOK"}, ["DLV", "AVL"], None)


LOGPROBS = np.log([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1]])  # chosen: option 0, option 1


def make_outcomes(wrong):
    """Answers to 10 general questions, option 0 right, of the unmodified model and two masks.

    Args:
        wrong: Mask -> how many of the questions it makes wrong.
    """
    rows = []
    for mask in (None, *wrong):
        for number in range(10):
            option = int(number < wrong.get(mask, 0))
            rows.append(
                {"mask_culture": mask, "draw": None, "question_id": f"q{number}"}
                | {"predicted": option, "correct": option == 0, "non_letter_mass": 0.0}
                | {"option_logprobs": LOGPROBS[option].tolist()}
            )
    schema = {"draw": pl.UInt32, "predicted": pl.UInt8, "mask_culture": pl.String}
    return pl.DataFrame(rows, schema_overrides=schema, infer_schema_length=None)


QUESTIONS = pl.DataFrame(
    {"question_id": [f"q{n}" for n in range(10)], "image_id": [f"i{n}" for n in range(10)]}
    | {"culture": [""] * 10, "answer": [0] * 10}
)


def measure(wrong, own=(0.0, 0.0)):
    """Measure damage by masks a and b, which change their own culture's 20 answers by `own`."""
    culture, image = np.repeat([0, 1], 20), np.arange(40)
    gained = np.zeros((2, 40))
    for row, change in enumerate(own):
        gained[row, 20 * row : 20 * row + round(-20 * change)] = -1
    study = {name: pair_answers(culture, image, gained=gained, outcome=name) for name in OUTCOMES}
    effects, summaries = measure_damage(
        questions=QUESTIONS, outcomes=make_outcomes(wrong), study=study, **SETTINGS
    )
    found = SimpleNamespace()
    found.effects, found.summaries = (
        {
            (row["outcome"], row.get("measure"), row.get("mask_culture", row["culture"])): row
            for part in parts
            for row in pl.DataFrame(part).iter_rows(named=True)
        }
        for parts in (effects, summaries)
    )
    return found


def test_general_damage_is_counted_per_mask_and_as_their_mean():
    found = measure({"a": 1, "b": 3}, own=(-0.5, -0.7))
    rows = found.summaries
    assert rows["accuracy", "general", "a"]["value"] == pytest.approx(-0.1)
    assert rows["accuracy", "general", "b"]["value"] == pytest.approx(-0.3)
    assert rows["accuracy", "general", None]["value"] == pytest.approx(-0.2)
    assert rows["accuracy", "self_less_general", "a"]["value"] == pytest.approx(-0.5 + 0.1)
    assert rows["accuracy", "self_less_general", None]["value"] == pytest.approx(-0.6 + 0.2)
    assert rows["logp", "general", "a"]["value"] == pytest.approx(0.1 * np.log(0.1 / 0.7))
    for row in rows.values():
        assert row["ci_low"] < row["value"] < row["ci_high"]


def test_effects_have_a_row_per_mask_in_one_family_of_tests():
    effects = measure({"a": 0, "b": 10}).effects
    a, b = (effects["accuracy", None, mask] for mask in "ab")
    assert (a["culture"], a["questions"], a["before"], a["delta"]) == ("", 10, 1.0, 0.0)
    assert (b["after"], b["correct_to_wrong"]) == (0.0, 10)
    assert b["p"] == pytest.approx(2 / 2**10)  # McNemar's, ten images lost and none won
    assert (a["q"], b["q"]) == (1.0, pytest.approx(2 * b["p"]))
    assert a["swapped_delta"] is None


def test_no_change_has_an_interval_and_it_is_no_proof_of_none():
    row = measure({"a": 0, "b": 0}).summaries["accuracy", "general", None]
    assert row["value"] == 0
    assert row["ci_low"] < -0.1  # ten questions cannot exclude the loss of one
    assert row["ci_high"] > 0.1


def make_table(rows):
    keys = {"model": "m", "hookpoint": "h", "split": 0, "rate": 0.01, "intervention": "i"}
    return pl.DataFrame([{**keys, "scorer": "cas", **row} for row in rows])


def make_summaries(own, cross, **said):
    values = {"self": own, "cross_by_mask": cross, "gap": own - cross}
    return make_table(
        {"outcome": outcome, "culture": culture, "measure": name, "value": value}
        | {"ci_low": value - 0.05, "ci_high": value + 0.05, "broken": 0, "left_out": 0, **said}
        for outcome in OUTCOMES
        for culture in ("a", "b", None)
        for name, value in values.items()
    )


def judge(own=-0.2, cross=0.01, p=0.01, draws=40, **said):
    there = {"other_dataset": "new"}
    ranks = make_table(
        {"outcome": outcome, "culture": None, "measure": "gap", "control": "exchanged"}
        | {"draws": draws, "rank_p": p, **there}
        for outcome in OUTCOMES
    )
    table = judge_transfer(
        make_summaries(own, cross, **there, **said), ranks, make_summaries(-0.3, 0.0), 0.05
    )
    return {row["outcome"]: row for row in table.to_dicts()}


def test_a_transfer_stands_beside_what_the_study_shows():
    rows = judge()
    assert rows["accuracy"]["self"] == pytest.approx(-20)
    assert rows["accuracy"]["study_self"] == pytest.approx(-30)
    assert rows["logp"]["study_self"] == pytest.approx(-0.3)
    assert rows["accuracy"]["gap_p_exchanged"] == 0.01
    assert rows["accuracy"]["verdict"] == "own culture loses more there, beyond exchanged"


def test_without_other_datasets_there_is_an_empty_table():
    summaries = stack_tables([], "summaries", [*KEYS, "other_dataset"])
    ranks = stack_tables([], "ranks", [*KEYS, "other_dataset"])
    table = judge_transfer(summaries, ranks, make_summaries(-0.3, 0.0), 0.05)
    assert table.is_empty()
    assert {"model", "other_dataset", "outcome"} <= set(table.columns)


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ({"own": -0.04}, "not shown: self's interval reaches 0, gap's interval reaches 0"),
        ({"cross": -0.18}, "not shown: gap's interval reaches 0"),
        ({"p": 0.06}, "not shown: gap within exchanged"),
        ({"draws": 1}, "not shown: too few masks to exchange"),
        ({"broken": 1}, "not shown: 1 of 2 masks break the model"),
    ],
)
def test_what_speaks_against_a_transfer_is_said(said, verdict):
    assert judge(**said)["accuracy"]["verdict"] == verdict


def draw(measure, changes, unchanged=0.02, scorer="cas"):
    """Draw what masks of as many models as there are changes do elsewhere; all texts."""
    study = make_summaries(-0.5, 0.0).filter(outcome="accuracy")
    tables = {"study": {}, "elsewhere": {}, "effects": {}}
    for number, (value, low, high) in enumerate(changes):
        key = (f"m{number}", scorer)
        values = {"value": value, "ci_low": low, "ci_high": high}
        rows = [
            {"outcome": "accuracy", "culture": culture, "measure": measure, **values}
            for culture in ("a", "b", None)
        ]
        cells = [("a", "a", 30), ("b", "b", 30)] if measure == "self" else [("a", "", 60)]
        effects = [
            {"outcome": "accuracy", "mask_culture": mask, "culture": culture, "questions": count}
            for mask, culture, count in cells
        ]
        tables["study"][key] = study
        tables["elsewhere"][key] = make_table(rows)
        tables["effects"][key] = make_table(effects)
    shown = [key for key, (_, _, high) in zip(tables["study"], changes, strict=True) if high < 0]
    figure = plot_elsewhere(**tables, dataset="other", shown=shown, unchanged=unchanged)
    return [text.get_text() for text in figure.findobj(Text)]


def test_the_figure_s_title_says_where_masks_transfer():
    hurt, not_shown = (-0.2, -0.3, -0.1), (-0.2, -0.5, 0.1)
    assert "Masks hurt their own culture in other as well" in draw("self", [hurt, hurt])
    title = "Masks hurt their own culture in other as well, in 1 of 2 cases"
    texts = draw("self", [hurt, not_shown])
    assert title in texts
    assert any(text.startswith("other: n = 2 cultures with 30 questions each") for text in texts)
    title = "It is not shown that masks hurt their own culture in other as well"
    assert title in draw("self", [not_shown])


def test_the_figure_s_title_says_where_general_questions_are_unchanged():
    none, wide = (0.001, -0.019, 0.019), (0.001, -0.021, 0.019)
    texts = draw("general", [none, wide])
    assert "Masks leave the questions of other unchanged, in 1 of 2 cases" in texts
    assert any(text.startswith("other: n = 60 questions") for text in texts)
    assert "without a culture, in other" in texts
    assert "Masks leave the questions of other unchanged" in draw("general", [none, wide], 0.03)


def test_the_title_counts_verdicts_that_are_shown():
    ranks = make_table(
        {"outcome": outcome, "culture": None, "measure": "gap", "control": "exchanged"}
        | {"draws": 40, "rank_p": 0.01, "other_dataset": "new"}
        for outcome in OUTCOMES
    )
    study = make_summaries(-0.3, 0.0)

    def find(own, cross):
        there = make_summaries(own, cross, other_dataset="new")
        return list_shown(there, ranks, study, 0.05, "accuracy")

    assert find(-0.2, 0.0) == [("m", "cas")]
    assert find(-0.2, -0.18) == []  # own cultures lose, and so do the others
    assert list_shown(study, ranks.clear(), study, 0.05, "accuracy") == []


def test_planted_masks_are_drawn_and_not_counted_in_the_title():
    hurt = [(-0.2, -0.3, -0.1)]
    assert "Masks hurt their own culture in other as well" in draw("self", hurt)
    texts = draw("self", hurt, scorer="planted")
    assert "planted" in texts
    assert "It is not shown that masks hurt their own culture in other as well" in texts
