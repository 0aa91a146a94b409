"""Effects on hand-worked outcomes; intervals and p-values where the truth is known."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from culture_neurons.effects import (
    EffectError,
    adjust_p,
    arrange_control,
    bootstrap_deltas,
    contrast,
    mcnemar,
    measure_effects,
    pair_outcomes,
)

SETTINGS = {"cross": "by_mask", "resamples": 500, "confidence": 0.95, "seed": 0}


def make_study(after):
    """Two cultures, four questions each on two images; `after[mask][culture]` are correct flags."""
    questions = pl.DataFrame(
        {
            "question_id": [f"{c}{i}" for c in "ab" for i in range(4)],
            "image_id": [f"{c}{i // 2}" for c in "ab" for i in range(4)],
            "culture": [c for c in "ab" for _ in range(4)],
        }
    )
    before = [True, True, True, False, True, True, False, False]
    answers = pl.DataFrame(
        {
            "question_id": questions["question_id"],
            "predicted": [0 if flag else 1 for flag in before],
            "correct": before,
        }
    )
    rows = [
        (mask, f"{c}{i}", 0 if flag else 2, flag)
        for mask, cultures in after.items()
        for c, flags in cultures.items()
        for i, flag in enumerate(flags)
    ]
    outcomes = pl.DataFrame(
        rows, schema=["mask", "question_id", "predicted", "correct"], orient="row"
    )
    return questions, answers, outcomes


AFTER = {
    "a": {"a": [False, False, True, False], "b": [True, True, False, False]},
    "b": {"a": [True, True, True, True], "b": [False, False, False, False]},
}


def test_effects_of_a_hand_worked_matrix():
    questions, answers, outcomes = make_study(AFTER)
    control = outcomes.filter(pl.col("mask") == "a").with_columns(mask=pl.lit("3/0"))
    effects, summaries = measure_effects(
        questions=questions,
        answers=answers,
        outcomes=outcomes,
        control=control,
        sizes={"a": 3, "b": 3},
        control_sizes={"3/0": 3},
        draws=1,
        **SETTINGS,
    )
    effects = pl.DataFrame(effects)
    cell = effects.filter(mask_culture="a", culture="a").row(0, named=True)
    assert (cell["accuracy_before"], cell["accuracy_after"], cell["delta"]) == (0.75, 0.25, -0.5)
    assert (cell["correct_to_wrong"], cell["wrong_to_correct"], cell["wrong_to_wrong"]) == (2, 0, 1)
    assert cell["p"] == pytest.approx(0.5)  # two of two discordant pairs, two-sided
    gain = effects.filter(mask_culture="b", culture="a").row(0, named=True)
    assert (gain["delta"], gain["wrong_to_correct"]) == (0.25, 1)
    assert len(effects) == 4
    assert (effects["q"] >= effects["p"]).all()

    table = {(r["culture"], r["measure"]): r for r in pl.DataFrame(summaries).to_dicts()}
    assert table["a", "self"]["value"] == -0.5
    assert table["b", "self"]["value"] == -0.5
    assert table["a", "cross_by_mask"]["value"] == 0.0
    assert table["b", "cross_by_mask"]["value"] == 0.25
    assert table["a", "cross_by_target"]["value"] == 0.25
    assert table["b", "gap"]["value"] == -0.75
    assert table[None, "gap"]["value"] == pytest.approx(-0.625)
    assert table[None, "self"]["control_draws"] == 1
    # The control is mask a for both cultures: self of a is -0.5, of b 0.0.
    assert table["b", "self"]["control_mean"] == 0.0
    assert table["a", "self"]["rank_p"] == 1.0
    assert table["b", "self"]["rank_p"] == 0.5


def test_p_values_equal_those_of_the_statistics_library():
    for lost in range(0, 30, 3):
        for won in range(0, 12, 2):
            expected = stats.binomtest(lost, lost + won).pvalue if lost + won else 1.0
            assert mcnemar(lost, won) == pytest.approx(expected, rel=1e-12)
    p = np.random.default_rng(0).random(200) ** 3
    p[10:20] = p[10]  # ties
    np.testing.assert_allclose(adjust_p(p), stats.false_discovery_control(p), rtol=1e-12)


def test_contrast_takes_the_named_cross_for_the_gap():
    delta = np.array([[-3.0, 1.0, 2.0], [0.0, -6.0, 4.0], [5.0, 7.0, -9.0]])
    measures = contrast(delta, "by_target")
    assert measures["cross_by_mask"].tolist() == [1.5, 2.0, 6.0]
    assert measures["cross_by_target"].tolist() == [2.5, 4.0, 3.0]
    assert measures["gap"].tolist() == [-5.5, -10.0, -12.0]


def test_a_missing_answer_is_refused():
    questions, answers, outcomes = make_study(AFTER)
    with pytest.raises(EffectError, match="mask 'b': 7 answers for 8"):
        pair_outcomes(questions, answers, outcomes.head(15), ["a", "b"])
    with pytest.raises(EffectError, match="2 evaluate questions have no answer"):
        pair_outcomes(questions, answers.head(6), outcomes, ["a", "b"])


def test_bootstrap_keeps_the_questions_of_an_image_together():
    questions, answers, outcomes = make_study(AFTER)
    pair = pair_outcomes(questions, answers, outcomes, ["a", "b"])["a"]
    samples = bootstrap_deltas(pair, 4000, np.random.default_rng(0))[:, 0]
    # Image a0 changes by -2 of 2, image a1 by 0 of 2: only -1, -1/2, 0 can occur, 1:2:1.
    values, counts = np.unique(samples, return_counts=True)
    assert values.tolist() == [-1.0, -0.5, 0.0]
    assert counts / 4000 == pytest.approx([0.25, 0.5, 0.25], abs=0.03)


def test_bootstrap_equals_a_plain_loop_over_images():
    generator = np.random.default_rng(5)
    images = np.repeat(np.arange(30), generator.integers(1, 4, 30))
    questions = pl.DataFrame(
        {
            "question_id": [f"q{i:03d}" for i in range(len(images))],
            "image_id": [f"i{i:03d}" for i in images],
            "culture": ["a"] * len(images),
        }
    )
    before = generator.random(len(images)) < 0.8
    after = generator.random(len(images)) < 0.5
    base = questions.select("question_id")
    answers = base.with_columns(predicted=pl.lit(0), correct=pl.Series(before))
    outcomes = base.with_columns(mask=pl.lit("a"), predicted=pl.lit(0), correct=pl.Series(after))
    pair = pair_outcomes(questions, answers, outcomes, ["a"])["a"]
    fast = bootstrap_deltas(pair, 4000, np.random.default_rng(1))[:, 0]
    slow = []
    for _ in range(4000):
        chosen = generator.integers(0, 30, 30)
        rows = np.concatenate([np.flatnonzero(images == image) for image in chosen])
        slow.append(after[rows].mean() - before[rows].mean())
    assert np.mean(fast) == pytest.approx(np.mean(slow), abs=0.01)
    assert np.std(fast) == pytest.approx(np.std(slow), rel=0.08)


def test_control_by_size():
    questions, answers, outcomes = make_study(AFTER)
    renamed = outcomes.with_columns(pl.col("mask").replace({"a": "2/0", "b": "2/1"}))
    drawn = {"2/0": 2, "2/1": 2}
    paired = pair_outcomes(questions, answers, renamed, list(drawn))
    matrix = arrange_control(paired, drawn, sizes=[2, 0], draws=2)
    assert matrix[:, 0].tolist() == [[-0.5, 0.0], [0.25, -0.5]]
    assert (matrix[:, 1] == 0).all()  # an empty mask changes nothing
    short = arrange_control(paired, drawn, sizes=[1, 2], draws=2)
    assert (short[:, 0] == matrix[:, 0]).all()  # the next larger size stands in
    assert np.isnan(arrange_control(paired, drawn, sizes=[2, 5], draws=2)[:, 1]).all()
