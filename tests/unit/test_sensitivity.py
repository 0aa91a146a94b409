"""Conclusions under other choices: hand-made tables, and words that claim no more than tests."""

import polars as pl
import pytest

from culture_neurons.sensitivity.conclusions import Conclusion, find_conclusion, judge_settings
from culture_neurons.sensitivity.settings import (
    average_agreement,
    average_models,
    break_down_agreement,
    pair_models,
    tabulate_rates,
    tabulate_splits,
)
from culture_neurons.sensitivity.summary import summarise_sensitivity

STUDY = {"model": "m", "hookpoint": "h", "split": 0, "rate": 0.01, "intervention": "ablate"}
FILES = {"lap": "lap", "mad": "mad", "mad_diff": "mad", "cas": "cas"}


def gap(value, high=None):
    return {"value": value, "ci_high": value + 0.01 if high is None else high}


def make_summaries(gaps, **study):
    """Rows of summaries: scorer -> (gap, upper bound)."""
    rows = [
        {**STUDY, **study, "scorer": scorer, "culture": culture, "measure": measure, "value": value}
        | {"ci_low": value - 0.02, "ci_high": high, "outcome": "accuracy"}
        for scorer, (value, high) in gaps.items()
        for culture in ("a", None)
        for measure in ("self", "cross_by_mask", "gap")
    ]
    return pl.DataFrame(rows)


def make_comparisons(pairs, **study):
    """Rows of comparisons: (first, second, gap difference, q)."""
    rows = [
        {**STUDY, **study, "first": a, "second": b, "measure": measure, "value": value, "q": q}
        | {"outcome": "accuracy"}
        for a, b, value, q in pairs
        for measure in ("self", "gap")
    ]
    return pl.DataFrame(rows)


def test_the_conclusion_is_what_the_tests_show():
    gaps = {"lap": gap(-0.1, 0.0), "mad": gap(-0.3), "cas": gap(-0.4)}
    comparisons = make_comparisons(
        [("lap", "cas", 0.3, 0.05), ("mad", "lap", -0.2, 0.01), ("mad", "cas", 0.1, 0.06)]
    )
    found = find_conclusion(gaps, comparisons, alpha=0.05)
    assert found == Conclusion(["mad", "cas"], [("cas", "lap"), ("mad", "lap")])


CONCLUSION = Conclusion(["mad", "cas"], [("cas", "lap")])


@pytest.mark.parametrize(
    ("settings", "numbers", "words"),
    [
        (
            {"x": {"lap": gap(0.1), "mad": gap(-0.2), "cas": gap(-0.005)}},
            (2, 2, 1, 1, 1),
            "sign holds (shown in 1 of 2); order holds",
        ),
        (
            {
                "x": {"lap": gap(-0.1), "mad": gap(0.0), "cas": gap(-0.1)},
                "y": {"lap": gap(0.1), "mad": gap(-0.1), "cas": gap(-0.2)},
            },
            (4, 3, 3, 2, 1),
            "sign fails: mad at x; order fails: cas before lap at x",
        ),
        (
            {"x": {"cas": gap(-0.1, 0.1)}},
            (1, 1, 0, 0, 0),
            "sign holds (shown in 0 of 1); no order shown at the reference",
        ),
    ],
)
def test_settings_are_judged_by_sign_and_order(settings, numbers, words):
    found = judge_settings(CONCLUSION, settings, {})
    names = ("signs", "signs_kept", "signs_shown", "orders", "orders_kept")
    assert tuple(found[name] for name in names) == numbers
    assert found["conclusion"] == words


def test_the_weakest_gap_is_named_and_long_lists_are_cut():
    gaps = {"lap": gap(0), "mad": gap(0.02), "cas": gap(-0.1)}
    found = judge_settings(CONCLUSION, {f"s{n}": gaps for n in range(5)}, {})
    assert found["weakest"].startswith("gap 2.0: mad at s")
    assert "sign fails: mad at s0, mad at s1, mad at s2 and 2 more" in found["conclusion"]


def test_pairs_that_differ_at_a_setting_alone_are_named():
    gaps = {"lap": gap(0), "mad": gap(-0.1), "cas": gap(-0.2)}
    shown = {"x": [("cas", "lap"), ("mad", "lap")], "y": [("lap", "cas")]}
    found = judge_settings(CONCLUSION, {"x": gaps, "y": gaps}, shown)
    assert found["orders_new"] == 1  # lap and cas differ at the reference, too
    assert found["conclusion"] == (
        "sign holds (shown in 4 of 4); order holds; shown only here: mad before lap at x"
    )
    assert judge_settings(CONCLUSION, {"x": gaps}, {})["orders_new"] is None


def test_nothing_shown_is_nothing_to_hold():
    found = judge_settings(Conclusion([], []), {"x": {"cas": gap(-0.4)}}, {})
    assert found["conclusion"] == "nothing to hold: no scorer's gap lies below 0 at the reference"
    assert found["weakest"] == ""


def make_reliability(**columns):
    row = {"model": "m", "hookpoint": "h", "analysis": "disjoint", "scorer": "cas", "setting": ""}
    row |= {"questions": 8, "draw": 0, "rate": 0.01, "culture": "a", "layer": None}
    row |= {"spearman": 0.5, "first": 4, "second": 4, "shared": 2, "overlap": 0.2, "chance": 0.01}
    return {**row, **columns}


RELIABILITY = pl.DataFrame(
    [
        make_reliability(),
        make_reliability(questions=16, overlap=0.6, spearman=0.9),
        make_reliability(questions=16, draw=1, overlap=0.8, spearman=0.7),
        make_reliability(questions=16, culture="b", overlap=0.1, spearman=None),
        make_reliability(questions=16, culture="c", overlap=None),
        make_reliability(analysis="nested", questions=24, overlap=0.9),
        make_reliability(analysis="layers", layer=3, draw=None),
        make_reliability(analysis="scopes", setting="text", draw=None, overlap=0.3),
        make_reliability(analysis="scopes", setting="image", draw=None, overlap=0.0),
        make_reliability(analysis="scopes", setting="image", rate=0.5, overlap=0.9),
    ],
    infer_schema_length=None,
)
MODEL_PAIRS = pl.DataFrame(
    [
        {"hookpoint": "h", "first_model": "m", "second_model": second, "weights": weights}
        | {"split": split, "scorer": scorer, "rate": rate, "culture": culture}
        | {"spearman": 0.9, "overlap": overlap, "chance": 0.1}
        for second, weights, split, scorer, rate, culture, overlap in [
            ("n", "same", 0, "cas", 0.01, "a", 0.5),
            ("n", "same", 0, "cas", 0.01, "b", 0.7),
            ("n", "same", 1, "cas", 0.01, "a", 0.0),
            ("o", "other", 0, "cas", 0.01, "a", 0.2),
            ("p", "not comparable: x, y", None, None, None, None, None),
        ]
    ]
)


def test_agreement_is_averaged_over_draws_then_cultures():
    halves = break_down_agreement(RELIABILITY)["halves"].row(0, named=True)
    assert halves["questions"] == 16  # the larger of the disjoint sets
    assert halves["overlap"] == pytest.approx((0.7 + 0.1) / 2)
    assert (halves["overlap_low"], halves["overlap_high"]) == pytest.approx((0.1, 0.7))
    assert halves["spearman"] == pytest.approx((0.8 + 0.5) / 2)
    assert halves["cultures"] == 3


def test_every_analysis_has_its_table():
    tables = break_down_agreement(RELIABILITY)
    assert {name: len(table) for name, table in tables.items()} == {
        "halves": 1,
        "samples": 3,
        "layers": 1,
        "scopes": 3,
        "variants": 0,
    }
    assert tables["layers"]["layer"].to_list() == [3]
    assert set(tables["scopes"]["setting"]) == {"text", "image"}
    keys = ["analysis", "setting"]
    assert len(average_agreement(RELIABILITY, keys)) == 5


def test_models_that_cannot_be_compared_keep_a_row_but_no_panel():
    averaged = average_models(MODEL_PAIRS)
    assert averaged["weights"].to_list().count("not comparable: x, y") == 1
    same = averaged.filter(weights="same", split=0).row(0, named=True)
    assert (same["overlap"], same["cultures"]) == (pytest.approx(0.6), 2)
    panels = pair_models(MODEL_PAIRS, split=0, rate=0.01)
    assert {name: len(rows) for name, rows in panels.items()} == {
        "m\nn": 2,
        "m\no\n(other weights)": 1,
    }


def test_rates_have_the_control_s_band_where_there_is_one():
    summaries = make_summaries({"zeta": (-0.4, -0.3), "lap": (-0.1, 0.1)})
    ranks = summaries.filter(scorer="zeta").select(
        *STUDY, "scorer", "outcome", "measure", "culture",
        value=pl.lit(-0.5), ci_low=pl.lit(-0.6), ci_high=pl.lit(-0.3),
        control=pl.lit("random"), control_low=pl.lit(-0.02), control_high=pl.lit(0.01), rank_p=0.05,
    )  # fmt: skip
    rates = tabulate_rates(summaries, ranks, "random")
    assert len(rates) == 2 * 3  # the means over cultures alone
    assert rates["scorer"].unique(maintain_order=True).to_list() == ["zeta", "lap"]
    by_scorer = {row["scorer"]: row for row in rates.filter(measure="gap").iter_rows(named=True)}
    assert by_scorer["zeta"]["control_low"] == -0.02
    assert by_scorer["lap"]["control_low"] is None
    # Beside a band stands what was measured on its questions.
    assert (by_scorer["zeta"]["value"], by_scorer["zeta"]["ci_high"]) == (-0.5, -0.3)
    lap = summaries.filter(pl.col("culture").is_null(), scorer="lap", measure="gap")
    assert by_scorer["lap"]["value"] == lap["value"][0]
    assert tabulate_rates(summaries, ranks, "permuted")["control_high"].null_count() == 6


def test_splits_are_described_by_mean_and_spread():
    parts = [make_summaries({"cas": (v, v + 0.02)}, split=s) for s, v in enumerate((-0.1, -0.2))]
    row = tabulate_splits(pl.concat(parts)).filter(measure="gap").row(0, named=True)
    assert (row["splits"], row["mean"]) == (2, pytest.approx(-0.15))
    assert row["between_sd"] == pytest.approx(0.05 * 2**0.5)
    assert (row["lowest"], row["highest"]) == (-0.2, -0.1)
    assert row["mean_interval_width"] == pytest.approx(0.04)
    assert tabulate_splits(parts[0])["between_sd"].null_count() == 3


def summarise(
    summaries, comparisons, categories=(), reliability=RELIABILITY, model_pairs=MODEL_PAIRS
):
    schema = dict.fromkeys(["model", "hookpoint", "intervention", "outcome"], pl.String)
    schema |= {"category": pl.String, "measure": pl.String, "scorer": pl.String}
    schema |= {"value": pl.Float64, "ci_high": pl.Float64}
    table = summarise_sensitivity(
        summaries,
        comparisons,
        pl.DataFrame(list(categories), schema=schema, orient="row"),
        model_pairs,
        break_down_agreement(reliability),
        split=0,
        rate=0.01,
        files=FILES,
        alpha=0.05,
    )
    rows = {(row["model"], row["analysis"], row["compared"]): row for row in table.to_dicts()}
    assert len(rows) == len(table)
    return rows


GOOD = {"lap": (-0.1, 0.1), "mad": (-0.3, -0.2), "mad_diff": (-0.2, 0.1), "cas": (-0.4, -0.3)}


def test_a_row_per_model_and_analysis_says_where_the_conclusion_holds():
    weak = GOOD | {"mad": (0.1, 0.3), "lap": (-0.5, -0.4), "planted": (0.9, 1.0)}
    summaries = pl.concat(
        [
            make_summaries(GOOD | {"planted": (-0.9, -0.8)}),
            make_summaries(weak, rate=0.02),
            make_summaries(GOOD, split=1),
            make_summaries(weak, split=1, rate=0.02),
            make_summaries(GOOD, model="n"),
        ]
    )
    comparisons = pl.concat(
        [
            make_comparisons([("lap", "cas", 0.3, 0.01), ("mad", "lap", -0.2, 0.01)]),
            make_comparisons([("lap", "cas", -0.3, 0.01), ("mad", "cas", 0.1, 0.01)], split=1),
            make_comparisons([("lap", "cas", 0.3, 0.5)], model="n"),
        ]
    )
    head = ("m", "h", "ablate", "accuracy")
    categories = [(*head, "food", "gap", "cas", -0.1, -0.05), (*head, "food", "self", "cas", 9, 9)]
    rows = summarise(summaries, comparisons, categories)
    assert rows["m", "rates", "effects"]["conclusion"] == (
        "sign fails: mad at r0.02; order fails: cas before lap at r0.02, mad before lap at r0.02"
    )
    assert rows["m", "rates", "effects"]["reference"] == "split0, r0.01"
    assert rows["m", "splits", "effects"]["conclusion"] == (
        "sign holds (shown in 2 of 2); order holds; shown only here: cas before mad at split1"
    )
    assert rows["m", "rates", "effects"]["orders_new"] is None  # not tested at this rate
    assert (
        rows["m", "splits", "effects"]["settings"],
        rows["m", "splits", "effects"]["signs"],
    ) == ("split1", 2)
    assert (
        rows["m", "categories", "effects"]["settings"],
        rows["m", "categories", "effects"]["signs"],
    ) == ("food", 1)
    assert rows["m", "variants of mad", "effects"]["settings"] == "mad_diff"
    assert rows["m", "variants of mad", "effects"]["signs"] == 1  # mad's alone
    assert rows["m", "variants of mad", "effects"]["signs_shown"] == 0
    assert rows["m", "variants of mad", "effects"]["orders"] == 1
    assert rows["m", "models", "effects"]["settings"] == "n"
    assert ("n", "rates", "effects") not in rows
    assert ("n", "variants of mad", "effects") in rows


def test_agreement_is_summarised_at_the_reference_and_tests_no_effect():
    rows = summarise(make_summaries(GOOD), make_comparisons([("a", "b", 1.0, 1)]))
    scopes = rows["m", "scopes", "neurons"]
    assert scopes["settings"] == "text; image"
    assert scopes["overlap"] == pytest.approx(0.15)  # the other rate is left out
    assert scopes["weakest"] == "overlap 0.0: cas at image"
    assert scopes["conclusion"] == "effects not tested"
    assert rows["m", "halves", "neurons"]["settings"] == "16 questions"
    assert rows["m", "models", "neurons"]["settings"] == "n"  # the same weights only
    assert rows["m", "models", "neurons"]["overlap"] == pytest.approx(0.6)
