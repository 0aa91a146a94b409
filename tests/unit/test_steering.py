"""Steering: maps of each kind by hand, strengths chosen on other questions, and doses."""

import numpy as np
import polars as pl
import pytest
import torch
from plot_tables import make_doses

from culture_neurons.evaluate.doses import SteeredControl, make_group, measure_doses
from culture_neurons.evaluate.pairing import EffectError, pair_scorer
from culture_neurons.evaluate.steering import (
    choose_strengths,
    find_lower_half,
    take_chosen,
    take_strength,
)
from culture_neurons.hooks.interventions import make_interventions
from culture_neurons.neurons import MaskName
from culture_neurons.outcomes import OUTCOMES
from culture_neurons.report.steering import judge_steering

G = torch.tensor([2.0, -0.5])  # of the two neurons of layer 1
MEANS = {
    "a": [np.zeros(2), np.array([1.0, 3.0])],
    "b": [np.zeros(2), np.array([2.0, 1.0])],
    "c": [np.zeros(2), np.array([6.0, 1.0])],
    None: [np.zeros(2), np.array([2.5, 2.0])],
}
STEERED = {  # kind -> strength -> g' of culture a's neurons
    "scale": {-1.0: [0.0, 0.0], 1.0: [4.0, -1.0], 0.5: [3.0, -0.75]},
    "add": {1.0: [3.0, 2.5], -2.0: [0.0, -6.5]},
    "diffmean": {1.0: [-1.0, 1.5], 0.5: [0.5, 0.5]},  # a's mean less (b's + c's) / 2 = (-3, 2)
    "replace": {1.0: [1.0, 3.0], 0.5: [1.5, 1.25]},
}


def apply(affine):
    return (affine.gain * G + affine.offset.get(1, torch.zeros(2))).tolist()


@pytest.mark.parametrize("kind", STEERED)
def test_a_mask_has_a_map_of_every_strength(kind):
    masks = {MaskName("a"): {1: np.array([0, 1])}, MaskName("b", 4): {1: np.array([1])}}
    entry = {"kind": kind, "strengths": list(STEERED[kind])}
    maps = make_interventions(masks, entry, MEANS)
    assert list(maps) == [m._replace(strength=s) for m in masks for s in STEERED[kind]]
    for strength, expected in STEERED[kind].items():
        assert apply(maps[MaskName("a", None, strength)]) == pytest.approx(expected)
        (alone,) = make_interventions(
            {MaskName("a"): masks[MaskName("a")]}, {"kind": kind, "strength": strength}, MEANS
        ).values()
        assert apply(alone) == pytest.approx(expected)


def test_ablations_have_no_strength():
    masks = {MaskName("a"): {1: np.array([0, 1])}}
    for kind, expected in {"ablate": [0.0, 0.0], "mean_ablate": [2.5, 2.0]}.items():
        (affine,) = make_interventions(masks, {"kind": kind, "strength": None}, MEANS).values()
        assert apply(affine) == expected


# Log-probability of the right option of two, a question of each culture per fold: 0 tunes, 1 tells.
BEFORE = {"a": (-2.0, -2.1), "b": (-1.0, -1.1), "c": (-0.5, -0.6)}
QUESTIONS = pl.DataFrame(
    {
        "question_id": [f"{c}{fold}" for c in "abc" for fold in (0, 1)],
        "image_id": [f"{c}{fold}" for c in "abc" for fold in (0, 1)],
        "culture": [c for c in "abc" for _ in (0, 1)],
        "fold": [0, 1] * 3,
        "answer": pl.Series([0] * 6, dtype=pl.UInt8),
    }
)
TUNE, EVALUATE = (QUESTIONS.filter(fold=fold) for fold in (0, 1))
# Gains on the tune question, in nats: mask -> strength -> of cultures a, b, c.
GAINS = {
    ("a", None): {1.0: (0.5, 0.0, -0.02), 2.0: (0.9, -0.03, -0.04), 4.0: (1.5, -0.4, 0.0)},
    ("b", None): {1.0: (-0.2, 0.3, 0.3), 2.0: (0.0, -0.1, 0.0), 4.0: (0.1, 0.0, 0.1)},
    ("c", None): {1.0: (0.0, 0.0, 0.2), 2.0: (0.0, 0.0, 0.2), 4.0: (-0.09, 0.0, 0.3)},
    ("a", 0): {1.0: (0.0, 0.0, 0.0), 2.0: (0.01, 0.0, 0.0), 4.0: (0.0, 0.0, 0.0)},
}
CHOSEN = {("a", None): 2.0, ("b", None): 0.0, ("c", None): 4.0, ("a", 0): 2.0}
STRENGTHS = [1.0, 2.0, 4.0]
MASKS = [MaskName(*name) for name in GAINS]


def respond(question, logp, named):
    """An answer that gives the right option this log-probability among two."""
    logprobs = [logp, float(np.log1p(-np.exp(logp)))]
    predicted = int(logprobs[1] > logprobs[0])
    response = {"predicted": predicted, "correct": predicted == 0, "option_logprobs": logprobs}
    return {**named, "question_id": question, **response, "non_letter_mass": 0.0}


def make_outcomes(factor=2.0):
    """Answers at each strength; on fold 1 a mask gains `factor` times what it does on fold 0."""
    rows = []
    for fold in (0, 1):
        for place, culture in enumerate("abc"):
            before, question = BEFORE[culture][fold], f"{culture}{fold}"
            nobody = {"mask_culture": None, "draw": None, "strength": None}
            rows.append(respond(question, before, nobody))
            for (owner, draw), strengths in GAINS.items():
                for strength, gains in strengths.items():
                    named = {"mask_culture": owner, "draw": draw, "strength": strength}
                    gain = gains[place] * (factor if fold else 1.0)
                    rows.append(respond(question, min(before + gain, -0.01), named))
    types = {"mask_culture": pl.String, "draw": pl.UInt32, "strength": pl.Float64}
    return pl.DataFrame(rows, schema_overrides=types)


def choose(**changed):
    settings = {"strengths": STRENGTHS, "other_questions": None, "max_loss": 0.05}
    return choose_strengths(TUNE, make_outcomes(), MASKS, **settings | changed)


def list_chosen(table):
    columns = ("mask_culture", "draw", "strength")
    return {(c, d): s for c, d, s in table.filter("chosen").select(columns).iter_rows()}


def test_the_largest_gain_that_costs_the_others_little_is_chosen():
    table = choose()
    assert list_chosen(table) == CHOSEN
    own = table.filter(pl.col("mask_culture") == "a", pl.col("draw").is_null())
    assert own["strength"].to_list() == [0.0, *STRENGTHS]
    assert own["gain"].to_list() == pytest.approx([0.0, 0.5, 0.9, 1.5], abs=1e-6)
    assert own["others"].to_list() == pytest.approx([0.0, -0.01, -0.035, -0.2], abs=1e-6)


def test_a_larger_loss_of_the_others_may_be_allowed_or_none():
    assert list_chosen(choose(max_loss=0.3))[("a", None)] == 4.0
    assert list_chosen(choose(max_loss=0.0))[("a", None)] == 0.0


def test_what_one_culture_gains_pays_for_no_loss_of_another():
    rows = choose().filter(pl.col("mask_culture") == "b", pl.col("strength") == 1.0)
    assert rows["gain"].item() == pytest.approx(0.3, abs=1e-6)
    assert rows["others"].item() == pytest.approx(-0.1, abs=1e-6)  # a loses .2, c gains .3
    assert not rows["chosen"].item()


def test_what_the_evaluate_folds_hold_chooses_nothing():
    outcomes = make_outcomes(factor=-3.0)
    settings = {"strengths": STRENGTHS, "other_questions": None, "max_loss": 0.05}
    assert choose_strengths(TUNE, outcomes, MASKS, **settings).equals(choose())


def test_of_masks_that_do_nothing_the_choice_is_not_told_as_a_gain():
    generator = np.random.default_rng(0)
    cultures, strengths, per_fold = "abcdefghijkl", np.arange(1.0, 9.0), 4
    questions = pl.DataFrame(
        [
            {"question_id": f"{c}{fold}{n}", "image_id": f"{c}{fold}{n}", "culture": c}
            | {"fold": fold, "answer": 0}
            for c in cultures
            for fold in (0, 1)
            for n in range(per_fold)
        ]
    )
    nobody = {"mask_culture": None, "draw": None, "strength": None}
    names = [nobody] + [
        {"mask_culture": c, "draw": None, "strength": s} for c in cultures for s in strengths
    ]
    rows = [
        respond(question, -1.0 if name is nobody else -abs(generator.normal(1.0, 0.3)) - 1e-3, name)
        for name in names
        for question in questions["question_id"]
    ]
    types = {"mask_culture": pl.String, "draw": pl.UInt32, "strength": pl.Float64}
    outcomes = pl.DataFrame(rows, schema_overrides=types)
    masks = [MaskName(culture) for culture in cultures]
    tune, evaluate = (questions.filter(fold=fold) for fold in (0, 1))
    table = choose_strengths(tune, outcomes, masks, strengths.tolist(), 1000, None)
    taken = take_chosen(outcomes, table, evaluate["question_id"]).drop("strength")
    paired = pair_scorer(evaluate, taken, cultures, None, "logp")
    told = np.diagonal(paired.average(paired.gained)).mean()
    # The best of 8 on 4 questions looks like .2 nats; elsewhere 3 standard errors are .13.
    assert table.filter("chosen")["gain"].mean() > 0.15
    assert abs(told) < 0.13


def test_a_missing_answer_is_no_reason_to_choose_another_strength():
    missing = (pl.col("mask_culture") == "c") & (pl.col("strength") == 2.0)
    outcomes = make_outcomes().filter(~(missing & (pl.col("question_id") == "b0")).fill_null(False))
    with pytest.raises(EffectError, match="mask of c: 2 answers for 3"):
        choose_strengths(TUNE, outcomes, MASKS, STRENGTHS, 0.05, None)


def test_chosen_answers_stand_for_an_intervention_s():
    outcomes = make_outcomes()
    taken = take_chosen(outcomes, choose(), EVALUATE["question_id"])
    assert set(taken["question_id"]) == {"a1", "b1", "c1"}
    for (culture, draw), strength in CHOSEN.items():
        same = pl.col("mask_culture") == culture, pl.col("draw").eq_missing(draw)
        source = pl.col("mask_culture").is_null()
        if strength:
            source = same[0] & same[1] & (pl.col("strength") == strength)
        expected = outcomes.filter(source, pl.col("question_id").str.ends_with("1"))
        here = taken.filter(*same)
        assert here["strength"].unique().to_list() == [strength]
        columns = ("question_id", "predicted", "correct", "option_logprobs")
        assert here.select(columns).equals(expected.select(columns))
    assert len(taken) == 3 * (len(CHOSEN) + 1)
    assert taken["mask_culture"].to_list()[:3] == [None] * 3


def test_a_mask_that_is_left_alone_keeps_what_it_was_asked():
    few = make_outcomes().filter(
        pl.col("mask_culture").is_null()
        | (pl.col("mask_culture") != "b")
        | (pl.col("question_id") != "c1")
    )
    taken = take_chosen(few, choose(), EVALUATE["question_id"])
    assert taken.filter(mask_culture="b")["question_id"].to_list() == ["a1", "b1"]


def test_the_lower_half_lies_below_the_median_of_the_tune_folds():
    outcomes = make_outcomes()
    # Right where the option has more than half: c alone, so a and b are not below the median 0.
    assert find_lower_half(TUNE, outcomes) == []
    better = pl.when(pl.col("question_id").is_in(["b0", "c0"])).then(True).otherwise("correct")
    assert find_lower_half(TUNE, outcomes.with_columns(correct=better)) == ["a"]


def measure(**changed):
    outcomes = make_outcomes()
    chosen = take_chosen(outcomes, choose(), EVALUATE["question_id"]).drop("strength")
    answers = {s: take_strength(outcomes, s) for s in STRENGTHS} | {None: chosen}
    settings = {
        "questions": EVALUATE,
        "answers": answers,
        "controls": {"random": SteeredControl(answers, MASKS[3:], 1, {})},
        "cultures": ["c", "a", "b"],
        "lower": ["a", "b"],
        "other_questions": None,
        "cross": "by_mask",
        "resamples": 400,
        "confidence": 0.95,
        "seed": 0,
        "collapse": 0.9,
    }
    return pl.concat(pl.DataFrame(part) for part in measure_doses(**settings | changed))


def read(doses, group, measure, strength, masks="own", outcome="logp"):
    (row,) = doses.filter(
        pl.col("strength").eq_missing(strength),
        group=group,
        measure=measure,
        masks=masks,
        outcome=outcome,
    ).to_dicts()
    return row


def expect(culture, place, strength, mask=None):
    """Change of a culture's evaluate question under a mask, by the table GAINS alone."""
    gains = {0.0: (0.0, 0.0, 0.0)} | GAINS[mask or (culture, None)]
    before = BEFORE["abc"[place]][1]
    return min(before + 2 * gains[strength][place], -0.01) - before


@pytest.mark.parametrize("strength", [*STRENGTHS, None])
def test_doses_are_the_changes_at_each_strength(strength):
    doses = measure()
    used = {c: CHOSEN[c, None] if strength is None else strength for c in "abc"}
    own = {c: expect(c, place, used[c]) for place, c in enumerate("abc")}
    for culture, value in own.items():
        assert read(doses, culture, "self", strength)["value"] == pytest.approx(value, abs=1e-6)
    lower, every = (
        read(doses, group, "self", strength) for group in ("lower half", "all cultures")
    )
    assert lower["value"] == pytest.approx((own["a"] + own["b"]) / 2, abs=1e-6)
    assert every["value"] == pytest.approx(sum(own.values()) / 3, abs=1e-6)
    assert (lower["cultures"], every["cultures"]) == (2, 3)
    assert lower["before"] == pytest.approx((-2.1 - 1.1) / 2, abs=1e-6)
    others = [expect("a", place, used["a"]) for place in (1, 2)]
    by_mask = read(doses, "a", "cross_by_mask", strength)["value"]
    assert by_mask == pytest.approx(sum(others) / 2, abs=1e-6)
    theirs = [expect(c, 0, used[c]) for c in "bc"]
    by_target = read(doses, "a", "cross_by_target", strength)["value"]
    assert by_target == pytest.approx(sum(theirs) / 2, abs=1e-6)
    gap = read(doses, "a", "gap", strength)["value"]
    assert gap == pytest.approx(own["a"] - by_mask, abs=1e-6)


def test_a_control_is_steered_like_the_scorer_and_ranks_its_gain():
    doses = measure()
    drawn = read(doses, "a", "self", 2.0, masks="random")
    assert drawn["value"] == pytest.approx(expect("a", 0, 2.0, ("a", 0)), abs=1e-6)
    assert drawn["ci_low"] == drawn["ci_high"] == drawn["value"]
    assert drawn["rank_p"] == 0.5  # the one draw gains less: (1 + 0) / (1 + 1)
    assert read(doses, "b", "self", 2.0, masks="random")["rank_p"] == 1.0  # b loses, its draw not
    assert read(doses, "a", "gap", 2.0, masks="random")["rank_p"] is None
    assert read(doses, "a", "self", 2.0)["rank_p"] is None


def test_no_change_has_an_interval_of_width_0_and_each_holds_its_value():
    doses = measure().filter(masks="own")
    # A mask that is left alone changes no log-probability, for certain.
    changes = doses.filter((pl.col("outcome") == "accuracy") | (pl.col("value") != 0))
    assert len(changes) > 100
    assert (changes["ci_low"] < changes["ci_high"]).all()
    assert (doses["ci_low"] <= doses["value"] + 1e-9).all()
    assert (doses["value"] <= doses["ci_high"] + 1e-9).all()
    assert set(doses["outcome"]) == set(OUTCOMES)


def test_masks_that_break_the_model_are_counted_in_each_group():
    doses = measure(collapse=0.0)  # the smallest change of letters' entropy breaks it
    broken = {group: read(doses, group, "self", 4.0)["broken"] for group in ("a", "all cultures")}
    assert broken == {"a": 1, "all cultures": 3}
    chosen = {
        group: read(doses, group, "self", None)["broken"] for group in ("a", "b", "all cultures")
    }
    assert chosen == {"a": 1, "b": 0, "all cultures": 2}  # b is left alone
    assert read(doses, "a", "self", 4.0, masks="random")["broken"] is None
    assert set(measure().filter(masks="own")["broken"]) == {0}


def test_without_a_lower_half_there_are_no_rows_of_it():
    assert set(measure(lower=[])["group"]) == {"a", "b", "c", "all cultures"}


def name_study(doses):
    keys = {"model": "m", "hookpoint": "h", "split": 0, "rate": 0.01}
    keys |= {"intervention": "up", "scorer": "cas"}
    return doses.select(*(pl.lit(value).alias(key) for key, value in keys.items()), pl.all())


def judge(**changed):
    table = judge_steering(name_study(make_doses(**changed)), 0.05)
    return {(row["group"], row["outcome"]): row for row in table.to_dicts()}


def test_a_gain_beyond_random_masks_is_said_in_words():
    row = judge()["lower half", "accuracy"]
    assert row["verdict"] == (
        "raises its own culture by 40.0 [30.0, 50.0] % points where it was chosen elsewhere; "
        "others change by -1.0 [-2.0, 1.0]"
    )
    assert (row["before"], row["other_masks"], row["random"]) == (50.0, -2.0, 3.0)
    assert (row["random_low"], row["random_high"], row["self_p_random"]) == (-5.0, 8.0, 0.04)


def test_a_gain_is_not_shown_where_a_test_speaks_against_it():
    assert judge(rank_p=0.06)["all cultures", "logp"]["verdict"] == "not shown: self within random"
    assert judge(low=-0.01)["all cultures", "accuracy"]["verdict"] == (
        "not shown: self's interval reaches 0"
    )
    assert judge(controls=())["all cultures", "accuracy"]["verdict"] == "not shown: no control"
    broken = judge(broken=1)
    assert broken["lower half", "logp"]["verdict"] == "not shown: 1 of 2 masks break the model"
    assert broken["all cultures", "logp"]["verdict"] == "not shown: 1 of 25 masks break the model"
    left_out = judge(broken=1, left_out=1)["all cultures", "logp"]["verdict"]
    assert left_out.startswith("raises its own culture by ")
    assert left_out.endswith("; without 1 of 25 masks, which break the model")


def test_few_broken_masks_are_left_out_of_a_group_s_mean_and_many_are_not():
    broken = np.array([0.0] * 9 + [1.0])
    every, few = make_group(np.arange(10), broken), make_group(np.array([3, 9]), broken)
    assert (every.kept.tolist(), every.broken) == (list(range(9)), 1)
    assert (few.kept.tolist(), few.broken) == ([3, 9], 1)


def test_without_steering_the_table_has_no_rows():
    assert judge_steering(name_study(make_doses()).clear(), 0.05).is_empty()
