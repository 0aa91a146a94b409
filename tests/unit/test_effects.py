"""Effects on hand-worked outcomes, and against slow, plain loops."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from culture_neurons.dataset.assignment import choose_questions, swap_pictures
from culture_neurons.evaluate.comparisons import compare_scorers
from culture_neurons.evaluate.effects import measure_effects
from culture_neurons.evaluate.intervals import size_flips
from culture_neurons.evaluate.measures import contrast, share_out
from culture_neurons.evaluate.pairing import EffectError, letter_entropy, pair_outcomes
from culture_neurons.evaluate.ranks import rank_effects
from culture_neurons.evaluate.resampling import (
    bootstrap_cells,
    find_interval,
    resample_mean,
)
from culture_neurons.neurons import MaskName

INTERVALS = {"cross": "by_mask", "resamples": 500, "confidence": 0.95, "seed": 0}
SETTINGS = {
    **INTERVALS,
    "other_questions": None,
    "alpha": 0.05,
    "power": 0.8,
    "collapse": 0.1,
}
NO_DRAW = pl.lit(None, pl.UInt32)  # a scorer's own masks
SURE, TORN = [-0.001, -9.0], [-1.0, -1.0]


def own(cultures):
    """Names of a scorer's own masks."""
    return [MaskName(culture) for culture in cultures]


def make_questions(cultures="ab", count=4, per_image=2):
    return pl.DataFrame(
        {
            "question_id": [f"{c}{i}" for c in cultures for i in range(count)],
            "image_id": [f"{c}{i // per_image}" for c in cultures for i in range(count)],
            "culture": [c for c in cultures for _ in range(count)],
            "answer": pl.Series([0] * len(cultures) * count, dtype=pl.UInt8),
        }
    )


def choose(parts, outcome="accuracy"):
    """Choose an outcome's rows of a table in parts, as columns."""
    table = pl.concat([pl.DataFrame(part) for part in parts], how="vertical_relaxed")
    return table.filter(outcome=outcome).to_dict(as_series=False)


def make_responses(ids, correct, predicted=None):
    return pl.DataFrame(
        {
            "question_id": list(ids),
            "predicted": [0 if flag else 1 for flag in correct] if predicted is None else predicted,
            "correct": list(correct),
            "option_logprobs": [SURE if flag else TORN for flag in correct],
            "non_letter_mass": [0.0 if flag else 0.5 for flag in correct],
        }
    )


def beside(answers, outcomes):
    """Put the unmodified model's answers beside outcomes under masks, as one job does."""
    unmodified = answers.with_columns(mask_culture=pl.lit(None, pl.String), draw=NO_DRAW)
    return pl.concat([unmodified.select(outcomes.columns), outcomes])


def make_study(after):
    """Two cultures, four questions each on two images; `after[mask][culture]` are correct flags."""
    questions = make_questions()
    answers = make_responses(
        questions["question_id"], [True, True, True, False, True, True, False, False]
    )
    outcomes = pl.concat(
        make_responses(
            [f"{c}{i}" for i in range(4)], flags, [0 if flag else 2 for flag in flags]
        ).with_columns(mask_culture=pl.lit(mask), draw=NO_DRAW)
        for mask, cultures in after.items()
        for c, flags in cultures.items()
    )
    return questions, answers, outcomes


AFTER = {
    "a": {"a": [False, False, True, False], "b": [True, True, False, False]},
    "b": {"a": [True, True, True, True], "b": [False, False, False, False]},
}


def measure(after, swapped=None, **settings):
    questions, answers, outcomes = make_study(after)
    _, _, swapped_outcomes = make_study(swapped or {c: {c: after[c][c]} for c in after})
    paired, kept, effects, summaries = measure_effects(
        questions=questions,
        outcomes=beside(answers, outcomes),
        swapped_outcomes=beside(answers, swapped_outcomes),
        cultures=["b", "a"],
        **SETTINGS | settings,
    )
    return paired["accuracy"], kept, choose(effects), choose(summaries)


def by_measure(columns):
    return {(row["culture"], row["measure"]): row for row in pl.DataFrame(columns).to_dicts()}


def test_effects_of_a_hand_worked_matrix():
    _, _, effects, summaries = measure(AFTER)
    effects = pl.DataFrame(effects)
    cell = effects.filter(mask_culture="a", culture="a").row(0, named=True)
    assert (cell["before"], cell["after"], cell["delta"]) == (0.75, 0.25, -0.5)
    assert (cell["correct_to_wrong"], cell["wrong_to_correct"], cell["wrong_to_wrong"]) == (2, 0, 1)
    assert cell["questions"] == 4
    assert cell["p"] == 1.0  # both lost questions are of one image, and one proves nothing
    assert cell["non_letter_mass_change"] == pytest.approx(0.25)  # of two questions of four
    assert np.isnan(cell["smallest_drop"])  # four questions show nothing
    gain = effects.filter(mask_culture="b", culture="a").row(0, named=True)
    assert (gain["delta"], gain["wrong_to_correct"]) == (0.25, 1)
    assert len(effects) == 4
    assert (effects["q"] >= effects["p"]).all()

    table = by_measure(summaries)
    assert table["a", "self"]["value"] == -0.5
    assert table["b", "self"]["value"] == -0.5
    assert table["a", "cross_by_mask"]["value"] == 0.0
    assert table["b", "cross_by_mask"]["value"] == 0.25
    assert table["a", "cross_by_target"]["value"] == 0.25
    assert table["b", "gap"]["value"] == -0.75
    assert table[None, "gap"]["value"] == pytest.approx(-0.625)
    assert table["a", "self"]["non_letter_mass_change"] == pytest.approx(0.25)
    assert table[None, "cross_by_mask"]["non_letter_mass_change"] == pytest.approx(-0.0625)
    assert table["a", "self"]["letter_entropy_change"] == pytest.approx(0.5, abs=0.01)


def test_images_are_counted_by_the_sign_of_their_net_change():
    generator = np.random.default_rng(2)
    _, answers, outcomes = make_random_study(masks="abc", cultures="abc", drop=0.5)
    questions = make_questions("abc", 60).with_columns(
        # Unequal images, mixed up, and shared by cultures.
        image_id=pl.Series([f"i{number}" for number in generator.integers(30, size=180)])
    )
    paired = pair_outcomes(questions, beside(answers, outcomes), own("abc"), 20)
    expected = np.zeros((3, 3, 3))
    for mask in range(3):
        for culture in range(3):
            nets = {}
            for place in np.flatnonzero(paired.asked[mask] & (paired.culture == culture)):
                image = paired.image[place]
                nets[image] = nets.get(image, 0) + paired.gained[mask, place]
            lost, won = (sum(sign * net > 0 for net in nets.values()) for sign in (-1, 1))
            expected[:, mask, culture] = len(nets), lost, won
    assert paired.count_images().tolist() == expected.tolist()


def test_a_mask_s_own_cell_says_what_is_lost_over_swapped_pictures():
    # Unmodified, 3 of 4 and 2 of 4 are right; under the masks 1 and 3.
    swapped = {"a": {"a": [True, False, False, False]}, "b": {"b": [True, True, True, False]}}
    _, _, effects, _ = measure(AFTER, swapped)
    cells = {
        (row["mask_culture"], row["culture"]): (row["swapped_before"], row["swapped_delta"])
        for row in pl.DataFrame(effects, strict=False).iter_rows(named=True)
    }
    nothing = (None, None)
    assert cells == {
        ("a", "a"): (0.75, -0.5),
        ("a", "b"): nothing,
        ("b", "a"): nothing,
        ("b", "b"): (0.5, 0.25),
    }


def test_without_pictures_to_swap_with_the_control_is_left_out():
    questions, answers, outcomes = make_study(AFTER)
    whole = beside(answers, outcomes)
    for none in (whole.head(0), whole.filter(pl.col("question_id").str.starts_with("a"))):
        _, _, effects, summaries = measure_effects(
            questions=questions,
            outcomes=whole,
            swapped_outcomes=none,
            cultures=["b", "a"],
            **SETTINGS,
        )
        effects, summaries = choose(effects), choose(summaries)
        assert effects["swapped_before"] == effects["swapped_delta"] == [None] * 4
        measures = {"self", "cross_by_mask", "cross_by_target", "gap"}
        assert set(summaries["measure"]) == measures
    # A question whose picture has no other is not asked.
    part = whole.filter(pl.col("question_id") != "a3")
    _, _, effects, _ = measure_effects(
        questions=questions,
        outcomes=whole,
        swapped_outcomes=part,
        cultures=["b", "a"],
        **SETTINGS,
    )
    assert choose(effects)["swapped_before"][0] == 1.0  # a0, a1, a2 are right


def test_swapped_pictures_are_of_another_culture_and_shared_as_before():
    cultures = {f"{c}{number}": {c} for c in "abcd" for number in range(20)}
    cultures["both"] = {"a", "b"}
    swapped = swap_pictures(cultures)
    assert swapped.keys() == cultures.keys()
    for image_id, other in swapped.items():
        assert not cultures[image_id] & cultures[other]
    assert swap_pictures(dict(reversed(cultures.items()))) == swapped
    assert len(set(swapped.values())) > len(cultures) / 2  # not one picture for all
    # Where every picture serves all cultures, or all but one, there is no other to show.
    assert swap_pictures({"a0": {"a"}, "a1": {"a"}}) == {}
    assert swap_pictures({"a": {"a"}, "b": {"b"}, "both": {"a", "b"}}) == {"a": "b", "b": "a"}


def test_letter_entropy_is_a_share_of_its_largest():
    third = np.log([0.2, 0.2, 0.1])  # the rest is on other tokens
    entropy = letter_entropy(pl.Series([[-1.0, -1.0], third.tolist(), [0.0, float("-inf")]]))
    expected = -(2 * 0.4 * np.log(0.4) + 0.2 * np.log(0.2)) / np.log(3)
    assert entropy == pytest.approx([1.0, expected, 0.0])


def test_contrast_takes_the_named_cross_for_the_gap():
    delta = np.array([[-3.0, 1.0, 2.0], [0.0, -6.0, 4.0], [5.0, 7.0, -9.0]])
    measures = contrast(delta, "by_target")
    assert measures["cross_by_mask"].tolist() == [1.5, 2.0, 6.0]
    assert measures["cross_by_target"].tolist() == [2.5, 4.0, 3.0]
    assert measures["gap"].tolist() == [-5.5, -10.0, -12.0]
    parts = share_out(measures)
    deviations = [1.5 + 2.5 - 19 / 3, 2 + 4 - 19 / 3, 6 + 3 - 19 / 3]  # twice the mean is 19 / 3
    for name, values in measures.items():
        assert parts[name].mean() == pytest.approx(values.mean())
    assert parts["cross_by_mask"].tolist() == pytest.approx([19 / 6 + 2 * d for d in deviations])


def test_a_missing_or_doubled_answer_is_refused():
    questions, answers, outcomes = make_study(AFTER)
    with pytest.raises(EffectError, match="mask of b: 7 answers for 8"):
        pair_outcomes(questions, beside(answers, outcomes.head(15)), own("ab"))
    twice = pl.concat([outcomes, outcomes.head(2)])
    with pytest.raises(EffectError, match="mask of a: 10 answers for 8"):
        pair_outcomes(questions, beside(answers, twice), own("ab"))
    with pytest.raises(EffectError, match="8 evaluate questions, but 6 outcomes of the unmodified"):
        pair_outcomes(questions, beside(answers.head(6), outcomes), own("ab"))
    with pytest.raises(EffectError, match=r"questions of cultures \('a', 'b'\), but masks of"):
        measure_effects(
            questions=questions,
            outcomes=beside(answers, outcomes),
            swapped_outcomes=beside(answers, outcomes),
            cultures=["a"],
            **SETTINGS,
        )


# Which questions are asked


def test_own_questions_in_full_and_a_stable_sample_of_the_others():
    culture = dict(make_questions("abc", 40).select("question_id", "culture").iter_rows())
    asked = choose_questions({"a": "a", "b": "b", "drawn": "b"}, culture, 5)
    for mask in ("a", "b"):
        counts = {c: sum(culture[q] == c for q in asked[mask]) for c in "abc"}
        assert counts == {c: 40 if c == mask else 5 for c in "abc"}
    assert asked["drawn"] == asked["b"]
    # The unmodified model is asked everything.
    for other_questions in (None, 5, 0):
        masks = {MaskName(None): None, MaskName("a"): "a"}
        found = choose_questions(masks, culture, other_questions)
        assert found[MaskName(None)] == set(culture)
        assert {culture[q] for q in found[MaskName("a")]} == set(
            "a" if other_questions == 0 else "abc"
        )

    def sample(mask, other, other_questions, asked=culture):
        return {
            q
            for q in choose_questions({mask: mask}, asked, other_questions)[mask]
            if culture[q] == other
        }

    assert sample("a", "c", 5) == sample("b", "c", 5)  # one sample for all masks
    assert sample("a", "c", 5) < sample("a", "c", 9)
    assert sample("a", "c", 5) == sample("a", "c", 5, dict(reversed(culture.items())))
    assert choose_questions({"a": "a"}, culture, None)["a"] == set(culture)
    assert len(sample("a", "c", 99)) == 40
    assert choose_questions({"a": "a"}, culture, 0)["a"] == {f"a{i}" for i in range(40)}


def test_a_sample_of_own_questions_is_the_same_for_all_masks_of_a_culture():
    culture = dict(make_questions("abc", 40).select("question_id", "culture").iter_rows())
    images = {q: f"{q[0]}{int(q[1:]) // 2}" for q in culture}  # two questions of each
    masks = {MaskName(None): None} | {MaskName("a", draw): "a" for draw in (None, 0, 1)}

    def choose(own, other=2):
        asked = choose_questions(masks, culture, other, own, images)
        assert asked[MaskName(None)] == set(culture)
        (chosen,) = {frozenset(asked[name]) for name in masks if name.culture}
        return {c: {q for q in chosen if culture[q] == c} for c in "abc"}

    few, more = choose(5), choose(8)
    assert {c: len(few[c]) for c in "abc"} == {"a": 5, "b": 2, "c": 2}
    assert [len({images[q] for q in each["a"]}) for each in (few, more)] == [3, 4]
    assert few["a"] < more["a"]
    assert more["b"] == few["b"]
    assert len(choose(None)["a"]) == len(choose(99)["a"]) == 40


def test_a_rank_counts_the_own_questions_that_the_control_was_asked():
    paired, _, _, _ = measure(AFTER)
    questions, answers, outcomes = make_study(AFTER)
    culture = dict(questions.select("question_id", "culture").iter_rows())
    names = {MaskName("a", 0): "a", MaskName("b", 0): "b"}
    drawn = rename(outcomes, names)
    images = dict(questions.select("question_id", "image_id").iter_rows())
    (asked,) = choose_questions({"a": "a"}, culture, 0, 1, images)["a"]
    control = pair_outcomes(questions, beside(answers, drawn), list(names), own_questions=1)
    said = {"name": "control", "kind": "random", "draws": 1}
    ranks = rank_effects(paired, control, list(names), said, kept=np.arange(2), **INTERVALS)
    value = by_measure(ranks)["a", "self"]["value"]
    flips = {"a0": -1.0, "a1": -1.0, "a2": 0.0, "a3": 0.0}  # under a's own mask
    assert value == flips[asked]


def test_a_control_that_was_asked_nothing_of_others_ranks_self_alone():
    paired, _, _, _ = measure(AFTER)
    questions, answers, outcomes = make_study(AFTER)
    names = {MaskName("a", 0): "a", MaskName("b", 0): "b"}
    drawn = beside(answers, rename(outcomes, names))
    said = {"name": "control", "kind": "random", "draws": 1}
    full, part = (
        by_measure(rank_effects(paired, control, list(names), said, kept=np.arange(2), **INTERVALS))
        for control in (
            pair_outcomes(questions, drawn, list(names), other_questions=count)
            for count in (None, 0)
        )
    )
    assert {measure for _, measure in part} == {"self"}
    assert part == {key: row for key, row in full.items() if key[1] == "self"}


def test_questions_that_were_not_chosen_do_not_count():
    full = by_measure(measure(AFTER)[3])
    questions, _, _ = make_study(AFTER)
    culture = dict(questions.select("question_id", "culture").iter_rows())
    chosen = choose_questions({"a": "a"}, culture, 1)["a"] - {f"a{i}" for i in range(4)}
    assert len(chosen) == 1
    part = by_measure(measure(AFTER, other_questions=1)[3])
    assert part["a", "self"]["value"] == full["a", "self"]["value"]
    (other,) = (q for q in choose_questions({"b": "b"}, culture, 1)["b"] if culture[q] == "a")
    expected = {"a0": 0.0, "a1": 0.0, "a2": 0.0, "a3": 1.0}[other]
    assert part["b", "cross_by_mask"]["value"] == expected


# Bootstrap


def make_random_study(seed=5, masks=("a",), cultures="a", count=60, drop=0.3):
    generator = np.random.default_rng(seed)
    questions = make_questions(cultures, count, 3)
    ids = questions["question_id"]
    before = generator.random(len(ids)) < 0.8
    outcomes = pl.concat(
        make_responses(ids, before & (generator.random(len(ids)) > drop)).with_columns(
            mask_culture=pl.lit(mask), draw=NO_DRAW
        )
        for mask in masks
    )
    return questions, make_responses(ids, before), outcomes


def test_bootstrap_keeps_the_questions_of_an_image_together():
    questions, answers, outcomes = make_study(AFTER)
    paired = pair_outcomes(questions, beside(answers, outcomes), own("ab"))
    samples = bootstrap_cells(paired, 4000, 0)[:, 0, 0]
    # One of two images is drawn: a0 changes by -2 of 2, a1 by 0 of 2. The variance is 1/4, that of
    # a mean of two of them: s^2 / n = (1/2) / 2.
    values, counts = np.unique(samples, return_counts=True)
    assert values.tolist() == [-1.0, 0.0]
    assert counts / 4000 == pytest.approx([0.5, 0.5], abs=0.03)


def test_bootstrap_equals_a_plain_loop_over_images():
    questions, answers, outcomes = make_random_study()
    paired = pair_outcomes(questions, beside(answers, outcomes), own("a"))
    change = (outcomes["correct"].cast(int) - answers["correct"].cast(int)).to_numpy()
    images = questions["image_id"].to_numpy()
    generator = np.random.default_rng(1)
    fast = bootstrap_cells(paired, 4000, 1)
    groups = [change[images == image] for image in np.unique(images)]
    slow = []
    for _ in range(4000):
        chosen = generator.integers(0, len(groups), len(groups) - 1)
        slow.append(np.concatenate([groups[index] for index in chosen]).mean())
    assert np.mean(fast) == pytest.approx(np.mean(slow), abs=0.01)
    assert np.std(fast) == pytest.approx(np.std(slow), rel=0.08)


def test_no_interval_has_width_0_where_something_was_asked():
    questions, answers, _ = make_random_study(masks="ab", cultures="ab")
    ids = answers["question_id"]
    same = pl.concat(
        make_responses(ids, answers["correct"]).with_columns(
            mask_culture=pl.lit(mask), draw=NO_DRAW
        )
        for mask in "ab"
    )
    outcomes = beside(answers, same)
    paired, kept, effects, summaries = measure_effects(
        questions=questions,
        outcomes=outcomes,
        swapped_outcomes=outcomes,
        cultures=["a", "b"],
        **SETTINGS,
    )
    paired = paired["accuracy"]
    assert not paired.gained.any()
    control = pair_outcomes(questions, outcomes, own("ab"))
    drawn = {"name": "control", "kind": "random", "draws": 1}
    ranks = rank_effects(paired, control, own("ab"), drawn, kept=kept, **INTERVALS)
    every = dict.fromkeys("xy", np.arange(2))
    compared = compare_scorers({"x": paired, "y": paired}, every, **INTERVALS)
    for table in (choose(effects), choose(summaries), ranks, compared):
        bounds = [
            (low, value, high)
            for low, value, high in zip(
                table["ci_low"],
                table.get("value", table.get("delta")),
                table["ci_high"],
                strict=True,
            )
            if low is not None
        ]
        assert len(bounds) >= 3
        assert all(low < value < high for low, value, high in bounds)


def test_the_size_of_a_flip_tells_masks_that_turn_alike_from_those_that_do_not():
    questions, answers, _ = make_random_study(cultures="abcd", count=30)
    base = pair_outcomes(
        questions,
        beside(answers, make_random_study(masks="abcd", cultures="abcd", count=30, drop=0)[2]),
        own("abcd"),
    )
    cell, others = 1 / 30, 3
    generator = np.random.default_rng(0)
    lost = -(generator.random((4, 120)) < 0.2).astype(float)
    for gained, alike in ((lost, 1.0), (lost[:1].repeat(4, axis=0), 3.0), (0 * lost, 3.0)):
        sizes = size_flips(replace(base, gained=gained))
        assert sizes["self"] == pytest.approx([cell] * 4)
        assert sizes["cross_by_mask"] == pytest.approx([cell / others] * 4)
        # Independent masks still flip some questions together, by chance.
        low, high = alike * cell / others, min(1.6 * alike, 3) * cell / others
        assert (sizes["cross_by_target"] >= low - 1e-12).all()
        assert (sizes["cross_by_target"] <= high + 1e-12).all()


def test_masks_and_calls_share_the_resamples():
    questions, answers, outcomes = make_random_study(masks="ab", cultures="ab")
    paired = pair_outcomes(questions, beside(answers, outcomes), own("ab"))
    alike = outcomes.filter(mask_culture="b").with_columns(mask_culture=pl.lit("a"))
    same = pair_outcomes(
        questions,
        beside(answers, alike),
        own("a"),
    )
    assert (bootstrap_cells(same, 50, 3)[:, 0] == bootstrap_cells(paired, 50, 3)[:, 1]).all()
    # A sample of the others' questions leaves the draws of the own questions as they are.
    part = pair_outcomes(questions, beside(answers, outcomes), own("ab"), 7)
    few, full = bootstrap_cells(part, 50, 3), bootstrap_cells(paired, 50, 3)
    assert (few[:, 0, 0] == full[:, 0, 0]).all()
    assert (few[:, 0, 1] != full[:, 0, 1]).any()
    assert (part.asked[0].sum(), part.asked.shape) == (67, (2, 120))


def test_mean_over_equal_cultures_has_the_images_spread_alone():
    generator = np.random.default_rng(0)
    noise = generator.normal(size=(4000, 10))
    values = noise[0]
    samples = resample_mean(values, values + noise, 0)
    # The spread of `values` is that of the images: little is left for the cultures.
    assert samples.std() < 1.4 * np.sqrt(1 / 10)
    wide = resample_mean(values * 30, values * 30 + noise, 0)
    # 10 cultures: Student's interval, 2.262 standard errors to each side
    expected = 2 * 2.262 * 30 * values.std(ddof=1) / np.sqrt(10)
    assert np.ptp(find_interval(wide, 0.95)) == pytest.approx(expected, rel=0.05)


# Controls


def rank(paired, control_outcomes, masks, draws, other_questions=None, kind="permuted"):
    questions, answers, _ = make_study(AFTER)
    outcomes = beside(answers, control_outcomes)
    control = pair_outcomes(questions, outcomes, masks, other_questions)
    drawn = {"name": "control", "kind": kind, "draws": draws}
    return by_measure(rank_effects(paired, control, masks, drawn, kept=np.arange(2), **INTERVALS))


def rename(outcomes, names):
    return pl.concat(
        outcomes.filter(mask_culture=old).with_columns(
            mask_culture=pl.lit(new.culture), draw=pl.lit(new.draw, pl.UInt32)
        )
        for new, old in names.items()
    )


def test_a_gain_is_ranked_among_draws_that_gain_as_much_or_more():
    paired, _, _, _ = measure(AFTER)
    _, _, outcomes = make_study(AFTER)
    names = {MaskName("a", 0): "b", MaskName("b", 0): "b"}  # a's draw does what b's mask does
    drawn = {"name": "control", "kind": "permuted", "draws": 1}
    questions, answers, _ = make_study(AFTER)
    control = beside(answers, rename(outcomes, names))
    control = pair_outcomes(questions, control, list(names))
    for raises, expected in ((False, 0.5), (True, 1.0)):  # a's own mask costs a, its draw gains
        ranks = rank_effects(
            paired, control, list(names), drawn, kept=np.arange(2), raises=raises, **INTERVALS
        )
        row = ranks["measure"].index("self")
        assert (ranks["culture"][row], ranks["rank_p"][row]) == ("a", expected)


def test_a_draw_is_measured_as_if_it_were_the_scorer():
    paired, _, _, summaries = measure(AFTER)
    _, _, outcomes = make_study(AFTER)
    names = {
        MaskName("a", 0): "b",
        MaskName("b", 0): "a",
        MaskName("a", 1): "a",
        MaskName("b", 1): "b",
    }
    table = rank(paired, rename(outcomes, names), list(names), 2)
    scorer = by_measure(summaries)
    for key, row in table.items():
        assert row["value"] == pytest.approx(scorer[key]["value"])
        # Asked the same questions, its means have the interval of the summaries.
        bounds = (row["ci_low"], row["ci_high"])
        whole = scorer[key]["ci_low"], scorer[key]["ci_high"]
        assert bounds == (whole if key[0] is None else (None, None))
    # Draw 1 is the scorer itself; draw 0 has the two masks exchanged.
    swapped = {"a": 0.25, "b": 0.0, None: 0.125}
    for culture, value in swapped.items():
        row = table[culture, "self"]
        assert (row["control_low"], row["control_high"]) == (-0.5, value)
        assert row["rank_p"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("kind", ["random", "random_layer", "random_activity"])
def test_masks_that_know_nothing_of_culture_do_not_rank_the_gap(kind):
    paired, _, _, _ = measure(AFTER)
    _, _, outcomes = make_study(AFTER)
    names = {MaskName("a", 0): "b", MaskName("b", 0): "a"}
    table = rank(paired, rename(outcomes, names), list(names), 1, kind=kind)
    for (_, measure_), row in table.items():
        assert row["control"] == "control"
        assert (row["rank_p"] is None) == (measure_ == "gap")
        assert row["control_low"] is not None


def test_a_mask_that_was_not_drawn_changes_nothing():
    paired, _, _, _ = measure(AFTER)
    _, _, outcomes = make_study(AFTER)
    table = rank(paired, rename(outcomes, {MaskName("a", 0): "a"}), [MaskName("a", 0)], 1)
    assert table["b", "self"]["control_mean"] == 0.0
    assert table["b", "self"]["rank_p"] == 0.5


def test_scorer_and_control_are_compared_on_the_same_questions():
    paired, _, _, _ = measure(AFTER)
    _, _, outcomes = make_study(AFTER)
    names = {MaskName("a", 0): "a", MaskName("b", 0): "b"}
    table = rank(paired, rename(outcomes, names), list(names), 1, other_questions=1)
    for culture in ("a", "b"):
        row = table[culture, "cross_by_mask"]
        assert row["value"] == row["control_mean"]  # the control is the scorer itself
    assert table["b", "cross_by_mask"]["value"] in (0.0, 1.0)  # of one question


# Two scorers


def compare(drops, **settings):
    scorers = {}
    for name, drop in drops.items():
        questions, answers, outcomes = make_random_study(9, "abcde", "abcde", drop=drop)
        scorers[name] = pair_outcomes(questions, beside(answers, outcomes), own("abcde"))
    settings = {"cross": "by_mask", "resamples": 800, "confidence": 0.95, "seed": 0} | settings
    every = dict.fromkeys(scorers, np.arange(5))
    rows = pl.DataFrame(compare_scorers(scorers, every, **settings)).to_dicts()
    return {(row["first"], row["second"], row["measure"]): row for row in rows}


def test_a_difference_of_scorers_is_found_and_equality_is_not():
    table = compare({"x": 0.5, "y": 0.1, "z": 0.1})
    assert len(table) == 9
    strong = table["x", "y", "self"]
    assert strong["ci_high"] < 0
    assert strong["p"] == pytest.approx(2 / 801)
    assert strong["q"] >= strong["p"]
    same = table["y", "z", "self"]  # the same seed and drop: the same answers
    assert (same["value"], same["p"]) == (0, 1)
    assert same["ci_low"] < 0 < same["ci_high"]


def test_masks_that_one_of_two_scorers_leaves_out_are_not_compared():
    scorers = {}
    for name, drop in {"x": 0.5, "y": 0.1, "z": 0.1}.items():
        questions, answers, outcomes = make_random_study(9, "abcde", "abcde", drop=drop)
        scorers[name] = pair_outcomes(questions, beside(answers, outcomes), own("abcde"))
    kept = {"x": np.arange(4), "y": np.arange(1, 5), "z": np.arange(1, 5)}
    settings = INTERVALS | {"resamples": 100}
    rows = pl.DataFrame(compare_scorers(scorers, kept, **settings)).to_dicts()
    found = {(row["first"], row["second"], row["measure"]): row["value"] for row in rows}
    deltas = {name: paired.average(paired.gained) for name, paired in scorers.items()}

    def measure_gap(name, cultures):
        inner = deltas[name][np.ix_(cultures, cultures)]
        other = ~np.eye(len(cultures), dtype=bool)
        return np.diagonal(inner).mean() - inner[other].mean()

    both = [1, 2, 3]
    expected = measure_gap("x", both) - measure_gap("y", both)
    assert found["x", "y", "gap"] == pytest.approx(expected)
    assert found["y", "z", "gap"] == 0


def test_one_scorer_has_nothing_to_be_compared_with():
    assert compare({"x": 0.5}) == {}


def test_interval_of_a_difference_is_that_of_the_paired_bootstrap():
    scorers = {}
    for name, drop in {"x": 0.3, "y": 0.25}.items():
        questions, answers, outcomes = make_random_study(9, "ab", "ab", drop=drop)
        scorers[name] = pair_outcomes(questions, beside(answers, outcomes), own("ab"))
    difference = bootstrap_cells(scorers["x"], 900, 4) - bootstrap_cells(scorers["y"], 900, 4)
    apart = bootstrap_cells(scorers["x"], 900, 4) - bootstrap_cells(scorers["y"], 900, 5)
    assert np.ptp(find_interval(difference, 0.95), axis=0).mean() < 0.9 * (
        np.ptp(find_interval(apart, 0.95), axis=0).mean()
    )
