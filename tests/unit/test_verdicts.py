"""Verdicts: every test in one row, and words that claim no more than the tests show."""

import polars as pl
import pytest

from culture_neurons.report.verdicts import KEYS, tabulate_verdicts, word_verdict

STUDY = {"model": "m", "hookpoint": "h", "split": 0, "rate": 0.01, "intervention": "ablate"}
FACTS = {"checkpoint": "org/name", "dataset_source": "cvqa", "unrepeated": 3, "ties": 1}
FACTS |= {"raises": False, "empty_masks": 0}


def make_rows(rows, facts=STUDY):
    return pl.DataFrame([{**facts, **row} for row in rows])


def make_summaries(
    scorer,
    own=-0.05,
    cross=0.01,
    gap_high=-0.02,
    broken=(0, 0),
    left_out=0,
    pictured=-0.04,
    above=0.1,
    outcome="accuracy",
):
    values = {"self": own, "cross_by_mask": cross, "cross_by_target": cross, "gap": own - cross}
    if outcome == "accuracy":
        values |= {"relative_less_swapped": pictured, "swapped_above_chance": above}
    rows = [
        {
            "scorer": scorer,
            "culture": culture,
            "outcome": outcome,
            "measure": measure,
            "value": value,
            "ci_low": value - 0.02,
            "ci_high": gap_high if measure == "gap" else value + 0.02,
            "broken": broken[1] if culture is None else broken[0] if culture == "a" else 0,
            "left_out": left_out,
        }
        for culture in (*"abcd", None)
        for measure, value in values.items()
    ]
    return make_rows(rows, STUDY | FACTS)


TESTED = {"random": ("self", "cross_by_mask"), "exchanged": ("gap",)}


def make_ranks(scorer, p, draws=100, outcome="accuracy"):
    return make_rows(
        [
            {"scorer": scorer, "culture": c, "outcome": outcome, "measure": m, "control": control}
            | {"draws": draws, "rank_p": value if m in measures else None}
            for control, value in p.items()
            for c in ("a", None)
            for m in ("self", "cross_by_mask", "gap")
            for measures in [TESTED.get(control, ("self", "cross_by_mask", "gap"))]
        ]
    )


def make_effects(scorer, outcome="accuracy"):
    cells = [("a", "a", -0.2, 0.01), ("a", "b", -0.2, 0.01), ("b", "b", 0.2, 0.01)]
    cells += [("b", "a", 0.0, 1.0), ("c", "c", -0.1, 0.06), ("d", "d", -0.1, 0.05)]
    return make_rows(
        [
            {
                "scorer": scorer,
                "mask_culture": m,
                "culture": c,
                "outcome": outcome,
                "delta": d,
                "q": q,
            }
            | {"swapped_delta": d / 2 if m == c else None}
            for m, c, d, q in cells
        ]
    )


UNPUBLISHED = ("model", "split", "unrepeated", "ties", "raises", "empty_masks")
PUBLISHED = pl.DataFrame(
    {key: [value] for key, value in (STUDY | FACTS).items() if key not in UNPUBLISHED}
    | {"scorer": ["cas"], "published": ["self -5"]}
)
CHANCE = pl.DataFrame({"model": ["m"], "accuracy": [75.0], "chance_p": [0.001]})


NO_DAMAGE = make_summaries("cas").head(0).with_columns(other_dataset=pl.lit(""))
UNCHANGED = {"accuracy": 0.02, "logp": 0.05}


def tabulate(summaries, ranks, recovery=None, chance=CHANCE, general=NO_DAMAGE):
    scorers = summaries["scorer"].unique().sort()
    table = tabulate_verdicts(
        chance=chance,
        summaries=summaries,
        ranks=ranks,
        effects=pl.concat(
            make_effects(scorer, outcome) for scorer in scorers for outcome in ("accuracy", "logp")
        ),
        recovery=recovery,
        published=PUBLISHED,
        general=general,
        alpha=0.05,
        unchanged=UNCHANGED,
    )
    return {row["scorer"]: row for row in table.to_dicts()}


def test_each_outcome_has_a_verdict_of_its_own_in_its_own_unit():
    controls = {"random": 0.01, "exchanged": 0.01}
    weak = {"own": -0.01, "gap_high": 0.01}
    rows = tabulate(
        pl.concat(
            [
                make_summaries("cas", **weak),
                make_summaries("cas", own=-0.5, outcome="logp"),
                make_summaries("mad"),
                make_summaries("mad", **weak, outcome="logp"),
            ]
        ),
        pl.concat(
            make_ranks(scorer, controls, outcome=outcome)
            for scorer in ("cas", "mad")
            for outcome in ("accuracy", "logp")
        ),
    )
    shown, not_shown = (
        "own culture loses more, beyond exchanged, random",
        "not shown: gap's interval",
    )
    cas, mad = rows["cas"], rows["mad"]
    assert cas["verdict"].startswith(not_shown)
    assert (cas["logp_verdict"], mad["verdict"]) == (shown, shown)
    assert mad["logp_verdict"].startswith(not_shown)
    # Points of accuracy, and nats.
    assert (cas["self"], cas["logp_self"]) == pytest.approx((-1, -0.5))
    assert (cas["logp_self_p_random"], cas["logp_gap_p_exchanged"]) == (0.01, 0.01)
    assert cas["logp_cultures_significant"] == cas["cultures_significant"] == 2
    assert "logp_relative_less_swapped" not in cas


def test_a_row_holds_every_test_of_its_scorer():
    recovery = make_rows(
        [
            {
                "scorer": "cas",
                "planted": 4,
                "selected": 5,
                "hits": 3,
                "shared": 2,
                "shared_hits": 1,
            },
            {
                "scorer": "cas",
                "planted": 4,
                "selected": 1,
                "hits": 0,
                "shared": 2,
                "shared_hits": 0,
            },
        ]
    ).drop("intervention")
    rows = tabulate(
        pl.concat([make_summaries("cas"), make_summaries("planted")]),
        pl.concat(
            [
                make_ranks("cas", {"random": 0.05, "permuted": 0.04, "exchanged": 0.01}),
                make_ranks("planted", {"random": 0.03, "exchanged": 0.02}),
            ]
        ),
        recovery,
    )
    row = rows["cas"]
    assert row["accuracy"] == 75
    assert (row["self"], row["self_low"], row["self_high"]) == pytest.approx((-5, -7, -3))
    assert (row["cross"], row["gap"], row["gap_high"]) == pytest.approx((1, -6, -0.02 * 100))
    assert (row["self_p_random"], row["gap_p_permuted"]) == (0.05, 0.04)
    assert (row["gap_p_exchanged"], row["masks"], row["broken"]) == (0.01, 4, 0)
    assert not {"gap_p_random", "self_p_exchanged"} & set(row)
    assert (row["cultures"], row["cultures_significant"]) == (4, 2)  # a and d lose, b gains
    less = row["relative_less_swapped"], row["relative_less_swapped_high"]
    assert less == pytest.approx((-4, -2))
    assert (row["swapped_above_chance_low"], row["unrepeated"]) == (pytest.approx(8), 3)
    assert row["self_swapped"] == pytest.approx(100 * (-0.2 + 0.2 - 0.1 - 0.1) / 2 / 4)
    assert row["verdict"] == "own culture loses more, beyond exchanged, permuted, random"
    assert row["published"] == "self -5"
    assert (row["precision"], row["recall"], row["shared_recall"]) == (0.5, 0.375, 0.25)
    planted = rows["planted"]
    assert planted["gap_p_permuted"] is None
    assert planted["verdict"] == "own culture loses more, beyond exchanged, random"
    assert planted["published"] is None
    assert set(KEYS) < set(row)
    assert row["checkpoint"] == FACTS["checkpoint"]
    assert "dataset_source" not in row


NAN = float("nan")
PICTURELESS = (
    "own culture loses more, beyond exchanged, random; not shown to need the culture's pictures"
)


SHOWN = "own culture loses more, beyond exchanged, random"
AT_CHANCE = "; not tested over other pictures, where answers are at chance"
FAR = {"random": 0.05, "exchanged": 0.05}


@pytest.mark.parametrize(
    ("change", "p", "verdict"),
    [
        ({}, FAR, SHOWN),
        ({"gap_high": 0.0}, FAR, "not shown: gap's interval reaches 0"),
        ({"gap_high": NAN}, FAR, "not shown: gap's interval reaches 0"),
        ({}, FAR | {"random": NAN}, "not shown: self within random"),
        ({}, FAR | {"random": 0.06}, "not shown: self within random"),
        ({}, FAR | {"exchanged": 0.06}, "not shown: gap within exchanged"),
        ({}, FAR | {"permuted": 0.06}, "not shown: gap within permuted, self within permuted"),
        ({"broken": (None, None)}, FAR, "not shown: broken masks not measured"),
        ({"broken": (0, 2)}, FAR, "not shown: 2 of 4 masks break the model"),
        (
            {"broken": (1, 1), "left_out": 1},
            FAR,
            f"{SHOWN}; without 1 of 4 masks, which break the model",
        ),
        ({"pictured": -0.02}, FAR, PICTURELESS),
        ({"pictured": NAN}, FAR, PICTURELESS),
        ({"above": 0.02}, FAR, f"{SHOWN}{AT_CHANCE}"),
        ({"above": 0.02, "pictured": -0.02}, FAR, f"{SHOWN}{AT_CHANCE}"),
        ({"above": NAN}, FAR, f"{SHOWN}{AT_CHANCE}"),
    ],
)
def test_words_name_the_test_that_failed(change, p, verdict):
    row = tabulate(make_summaries("cas", **change), make_ranks("cas", p))["cas"]
    assert row["verdict"] == verdict
    assert row["broken"] == change.get("broken", (0, 0))[1]
    assert "precision" not in row


def test_without_a_control_nothing_is_shown():
    row = {"broken": 0, "masks": 3, "left_out": 0, "gap_high": -1.0, "self_p_random": None}
    row |= {"raises": False}
    specific = "too few masks to exchange, and no permuted control"
    assert word_verdict(row, 0.05) == f"not shown: no control, {specific}"
    row |= {"gap_high": None, "broken": None, "self_p_random": 0.01}
    assert word_verdict(row, 0.05) == (
        f"not shown: broken masks not measured, {specific}, gap's interval reaches 0"
    )
    row |= {"gap_high": -1.0, "broken": 0, "gap_p_permuted": 0.01}
    shown = "own culture loses more, beyond permuted, random"
    none = "not tested over other pictures: a culture has none of another"
    swapped = {"swapped_above_chance_low": None}
    assert word_verdict(row | swapped, 0.05) == f"{shown}; {none}"
    assert word_verdict(row, 0.05) == shown  # of log-probability nothing is said of pictures


GAIN = {"broken": 0, "masks": 8, "left_out": 0, "raises": True}
GAIN |= {"self": 12.5, "self_low": 3.0, "self_high": 21.0, "cross": -0.25, "cross_low": -1.0}
GAIN |= {"cross_high": 0.5, "gap": 12.75, "gap_low": 2.0, "gap_high": 22.0}
GAIN |= {"self_p_random": 0.04, "gap_p_exchanged": 0.01, "swapped_above_chance_low": None}


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (
            {},
            "raises its own culture by 12.5 [3.0, 21.0] % points where it was chosen elsewhere; "
            "others change by -0.2 [-1.0, 0.5], beyond exchanged, random",
        ),
        # The others lose, and the own culture gains nothing.
        ({"self_low": -0.1}, "not shown: self's interval reaches 0"),
        ({"gap_low": -0.1}, "not shown: gap's interval reaches 0"),
        ({"gap_low": None}, "not shown: gap's interval reaches 0"),
        ({"self_p_random": 0.06}, "not shown: self within random"),
        ({"broken": 3}, "not shown: 3 of 8 masks break the model"),
    ],
)
def test_what_is_to_raise_is_judged_by_gains(change, verdict):
    assert word_verdict(GAIN | change, 0.05) == verdict


def test_a_gain_in_nats_is_said_in_nats():
    assert "by 12.50 [3.00, 21.00] nats where" in word_verdict(GAIN, 0.05, "logp")


def test_cultures_that_gain_are_counted_where_masks_are_to_raise():
    raising = make_summaries("cas").with_columns(raises=pl.lit(True))
    row = tabulate(raising, make_ranks("cas", FAR))["cas"]
    lowering = tabulate(make_summaries("cas"), make_ranks("cas", FAR))["cas"]
    # Of the own cells a and d fall with q <= .05, b rises.
    assert (lowering["cultures_significant"], row["cultures_significant"]) == (2, 1)
    assert row["verdict"].startswith("not shown: gap's interval reaches 0, self's interval")


def test_three_masks_have_too_few_exchanges_to_show_anything():
    ranks = pl.concat(
        [make_ranks("cas", {"random": 0.05}), make_ranks("cas", {"exchanged": 1 / 6}, 5)]
    )
    row = tabulate(make_summaries("cas"), ranks)["cas"]
    assert row["verdict"] == "not shown: too few masks to exchange, and no permuted control"
    assert "gap_p_exchanged" not in row


def test_a_broken_mask_s_own_loss_is_not_counted():
    row = tabulate(make_summaries("cas", broken=(1, 1), left_out=1), make_ranks("cas", FAR))["cas"]
    assert (row["cultures"], row["cultures_significant"]) == (4, 1)  # d loses; a's mask is broken


def test_a_model_at_chance_can_show_no_loss():
    guessing = CHANCE.with_columns(chance_p=pl.lit(0.051))
    row = tabulate(make_summaries("cas"), make_ranks("cas", FAR), chance=guessing)["cas"]
    assert row["verdict"] == "not shown: answers are at chance, so no loss can be shown"
    barely = CHANCE.with_columns(chance_p=pl.lit(0.05))
    row = tabulate(make_summaries("cas"), make_ranks("cas", FAR), chance=barely)["cas"]
    assert row["verdict"] == SHOWN


def test_a_control_may_have_any_name():
    row = tabulate(make_summaries("cas"), make_ranks("cas", {**FAR, "a_p_b": 0.2}))["cas"]
    assert row["verdict"] == "not shown: gap within a_p_b, self within a_p_b"


def make_damage(scorer, change, less_high=-0.01, width=0.005, outcome="accuracy", name="general"):
    """What masks of a scorer do to questions without a culture."""
    values = {
        "general": (change, change - width, change + width),
        "self_less_general": (less_high - 0.04, less_high - 0.08, less_high),
    }
    rows = [
        {"scorer": scorer, "other_dataset": name, "culture": culture, "outcome": outcome}
        | {"measure": measure, **dict(zip(("value", "ci_low", "ci_high"), numbers, strict=True))}
        | {"broken": 0, "left_out": 0}
        for culture in ("a", None)
        for measure, numbers in values.items()
    ]
    return make_rows(rows, STUDY | FACTS)


def judge_damage(change, cross=0.0, **said):
    """Tabulate a shown verdict with general damage; its row."""
    summaries = pl.concat([make_summaries("cas", cross=cross), make_summaries("lap")])
    ranks = pl.concat(
        [make_ranks(name, {"random": 0.01, "exchanged": 0.01}) for name in ("cas", "lap")]
    )
    return tabulate(summaries, ranks, general=make_damage("cas", change, **said))


def test_a_verdict_says_that_others_and_general_questions_are_unchanged():
    rows = judge_damage(-0.01)
    assert rows["cas"]["verdict"] == (
        "own culture loses more, beyond exchanged, random; others and general unchanged "
        "(within 2 % points)"
    )
    assert rows["cas"]["on_general"] == pytest.approx(-1.0)
    assert rows["cas"]["self_less_general_high"] == pytest.approx(-1.0)
    # Masks that were not asked: nothing is said, and nothing stands in the columns.
    assert rows["lap"]["verdict"] == "own culture loses more, beyond exchanged, random"
    assert rows["lap"]["on_general"] is None


@pytest.mark.parametrize(
    ("change", "said", "words"),
    [
        # The interval, not the estimate, has to lie within two points.
        (-0.016, {}, "; general change by -1.6 [-2.1, -1.1] % points; others unchanged (within 2"),
        (0.016, {}, "; general change by 1.6 [1.1, 2.1] % points; others unchanged (within 2"),
        (-0.01, {"cross": 0.01}, "; others change by 1.0 [-1.0, 3.0] % points; general unchanged"),
        (
            -0.01,
            {"less_high": 0.001},
            "unchanged (within 2 % points); not shown to lose more than gen",
        ),
        (-0.01, {"less_high": float("nan")}, "; not shown to lose more than general"),
        (-0.01, {"name": "vqa-2"}, "; others and vqa-2 unchanged (within 2 % points)"),
    ],
)
def test_what_is_changed_or_not_shown_is_said(change, said, words):
    assert words in judge_damage(change, **said)["cas"]["verdict"]


def test_what_is_not_shown_says_nothing_of_damage():
    summaries = make_summaries("cas", gap_high=0.01)
    ranks = make_ranks("cas", {"random": 0.01, "exchanged": 0.01})
    rows = tabulate(summaries, ranks, general=make_damage("cas", -0.01))
    assert rows["cas"]["verdict"] == "not shown: gap's interval reaches 0"


def test_masks_without_a_neuron_are_counted_in_words():
    summaries = make_summaries("cas").with_columns(empty_masks=3)
    ranks = make_ranks("cas", {"random": 0.01, "exchanged": 0.01})
    row = tabulate(summaries, ranks)["cas"]
    said = "; 3 of 4 masks have no neuron, and change nothing"
    assert row["verdict"] == f"own culture loses more, beyond exchanged, random{said}"
    assert row["empty_masks"] == 3
