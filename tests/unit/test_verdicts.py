"""Verdicts: every test in one row, and words that claim no more than the tests show."""

import polars as pl
import pytest

from culture_neurons.report.verdicts import KEYS, is_broken, tabulate_verdicts, word_verdict

STUDY = {"model": "m", "hookpoint": "h", "split": 0, "rate": 0.01, "intervention": "ablate"}
FACTS = {"checkpoint": "org/name", "dataset_source": "cvqa"}


def make_rows(rows, facts=STUDY):
    return pl.DataFrame([{**facts, **row} for row in rows])


def make_summaries(
    scorer, own=-0.05, cross=0.01, gap_high=-0.02, mass=0.0, entropy=0.0, pictured=-0.04
):
    values = {"self": own, "cross_by_mask": cross, "cross_by_target": cross, "gap": own - cross}
    values["self_less_swapped"] = pictured
    rows = [
        {
            "scorer": scorer,
            "culture": culture,
            "measure": measure,
            "value": value,
            "ci_low": value - 0.02,
            "ci_high": gap_high if measure == "gap" else value + 0.02,
            "non_letter_mass_change": mass if measure == "self" else 0.0,
            "letter_entropy_change": entropy if measure == "cross_by_mask" else 0.5,
        }
        for culture in ("a", None)
        for measure, value in values.items()
    ]
    return make_rows(rows, STUDY | FACTS)


def make_ranks(scorer, p):
    return make_rows(
        [
            {"scorer": scorer, "culture": c, "measure": m, "control": control, "rank_p": value}
            for control, value in p.items()
            for c in ("a", None)
            for m in ("self", "cross_by_mask", "gap")
        ]
    )


def make_effects(scorer):
    cells = [("a", "a", -0.2, 0.01), ("a", "b", -0.2, 0.01), ("b", "b", 0.2, 0.01)]
    cells += [("b", "a", 0.0, 1.0), ("c", "c", -0.1, 0.06), ("d", "d", -0.1, 0.05)]
    return make_rows(
        [
            {"scorer": scorer, "mask_culture": m, "culture": c, "delta": d, "q": q}
            | {"swapped_delta": d / 2 if m == c else None}
            for m, c, d, q in cells
        ]
    )


PUBLISHED = pl.DataFrame(
    {key: [value] for key, value in (STUDY | FACTS).items() if key not in ("model", "split")}
    | {"scorer": ["cas"], "published": ["self -5"]}
)
ANSWERS = pl.DataFrame({"model": ["m"] * 4, "correct": [True, True, True, False]})


def tabulate(summaries, ranks, recovery=None):
    scorers = summaries["scorer"].unique().sort()
    table = tabulate_verdicts(
        answers=ANSWERS,
        summaries=summaries,
        ranks=ranks,
        effects=pl.concat(make_effects(scorer) for scorer in scorers),
        recovery=recovery,
        published=PUBLISHED,
        alpha=0.05,
        collapse=0.1,
    )
    return {row["scorer"]: row for row in table.to_dicts()}


def test_a_row_holds_every_test_of_its_scorer():
    recovery = make_rows(
        [
            {"scorer": "cas", "planted": 4, "selected": 5, "hits": 3},
            {"scorer": "cas", "planted": 4, "selected": 1, "hits": 0},
        ]
    ).drop("intervention")
    rows = tabulate(
        pl.concat([make_summaries("cas"), make_summaries("planted", entropy=0.02)]),
        pl.concat(
            [
                make_ranks("cas", {"random": 0.05, "permuted": 0.04}),
                make_ranks("planted", {"random": 0.03}),
            ]
        ),
        recovery,
    )
    row = rows["cas"]
    assert row["accuracy"] == 75
    assert (row["self"], row["self_low"], row["self_high"]) == pytest.approx((-5, -7, -3))
    assert (row["cross"], row["gap"], row["gap_high"]) == pytest.approx((1, -6, -0.02 * 100))
    assert (row["self_p_random"], row["gap_p_permuted"]) == (0.05, 0.04)
    assert (row["cultures"], row["cultures_significant"]) == (4, 2)  # a and d lose, b gains
    assert (row["self_less_swapped"], row["self_less_swapped_high"]) == pytest.approx((-4, -2))
    assert row["self_swapped"] == pytest.approx(100 * (-0.2 + 0.2 - 0.1 - 0.1) / 2 / 4)
    assert row["verdict"] == "own culture loses more, beyond permuted, random"
    assert row["published"] == "self -5"
    assert (row["precision"], row["recall"]) == (0.5, 0.375)
    planted = rows["planted"]
    assert planted["gap_p_permuted"] is None
    assert planted["verdict"] == "own culture loses more, beyond random"
    assert planted["published"] is None
    assert planted["entropy_cross"] == 0.02
    assert set(KEYS) < set(row)
    assert row["checkpoint"] == FACTS["checkpoint"]
    assert "dataset_source" not in row


NAN = float("nan")
PICTURELESS = "own culture loses more, beyond random; not shown to need the culture's pictures"


@pytest.mark.parametrize(
    ("change", "p", "verdict"),
    [
        ({"gap_high": 0.0}, {"random": 0.05}, "not shown: gap's interval reaches 0"),
        ({"gap_high": NAN}, {"random": 0.05}, "not shown: gap's interval reaches 0"),
        ({}, {"random": NAN}, "not shown: self within random, gap within random"),
        ({"mass": NAN}, {"random": 0.05}, "not shown: collapse not measured"),
        ({}, {"random": 0.06}, "not shown: self within random, gap within random"),
        ({"mass": 0.2}, {"random": 0.05}, "not shown: the model breaks"),
        ({"entropy": 0.2}, {"random": 0.05}, "not shown: the model breaks"),
        ({"entropy": -0.2}, {"random": 0.05}, "not shown: the model breaks"),
        ({"mass": 0.1}, {"random": 0.05}, "own culture loses more, beyond random"),
        ({"mass": -0.2}, {"random": 0.05}, "own culture loses more, beyond random"),
        ({"pictured": -0.02}, {"random": 0.05}, PICTURELESS),
        ({"pictured": NAN}, {"random": 0.05}, PICTURELESS),
    ],
)
def test_words_name_the_test_that_failed(change, p, verdict):
    row = tabulate(make_summaries("cas", **change), make_ranks("cas", p))["cas"]
    assert row["verdict"] == verdict
    broken = {"not shown: the model breaks": True, "not shown: collapse not measured": None}
    assert row["collapse"] is broken.get(verdict, False)
    assert "precision" not in row


def test_without_a_control_nothing_is_shown():
    row = {"collapse": False, "gap_high": -1.0, "gap_p_random": None, "self_p_random": None}
    assert word_verdict(row, ["random"], 0.05) == "not shown: no control"
    row |= {"gap_high": None, "collapse": None}
    assert word_verdict(row, ["random"], 0.05) == (
        "not shown: collapse not measured, no control, gap's interval reaches 0"
    )


def test_a_sign_that_was_not_measured_is_no_sign_of_a_sound_model():
    row = {"non_letter_self": 0.0, "non_letter_cross": 0.0, "entropy_cross": 0.05}
    assert is_broken(row, 0.1) is False
    assert is_broken(row | {"non_letter_cross": 0.11}, 0.1) is True
    assert is_broken(row | {"non_letter_self": None}, 0.1) is None
    assert is_broken(row | {"entropy_cross": NAN}, 0.1) is None
