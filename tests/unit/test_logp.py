"""Effects in log-probability: hand-worked values, plain loops, and simulated levels."""

from dataclasses import replace
from itertools import product

import numpy as np
import polars as pl
import pytest
from paired import pair_answers

from culture_neurons.evaluate.effects import measure_effects
from culture_neurons.evaluate.intervals import bound_means, bound_singles
from culture_neurons.evaluate.pairing import pair_outcomes, right_logp
from culture_neurons.evaluate.resampling import bootstrap_cells
from culture_neurons.evaluate.significance import sign_flip, smallest_mean
from culture_neurons.neurons import MaskName

SETTINGS = {"cross": "by_mask", "resamples": 400, "confidence": 0.95, "seed": 0}
TESTS = {"alpha": 0.05, "power": 0.8, "collapse": 0.1, "other_questions": None}


def make_study(cultures="abc", images=6, per_image=2, seed=0):
    """Questions, and the outcomes of random models: unmodified, and under each culture's mask."""
    generator = np.random.default_rng(seed)
    ids = [f"{c}{n}" for c in cultures for n in range(images * per_image)]
    questions = pl.DataFrame(
        {
            "question_id": ids,
            "image_id": [f"{i[0]}{int(i[1:]) // per_image}" for i in ids],
            "culture": [i[0] for i in ids],
            "answer": generator.integers(0, 3, len(ids)).astype(np.uint8),
        }
    )
    masks = [None, *cultures]
    logits = generator.normal(-4, 2, (len(masks), len(ids), 3))
    outcomes = pl.DataFrame(
        {
            "mask_culture": [mask for mask in masks for _ in ids],
            "draw": pl.Series([None] * len(masks) * len(ids), dtype=pl.UInt32),
            "question_id": ids * len(masks),
            "predicted": logits.argmax(axis=-1).ravel(),
            "correct": (logits.argmax(axis=-1) == questions["answer"].to_numpy()).ravel(),
            "option_logprobs": logits.reshape(-1, 3).tolist(),
            "non_letter_mass": [0.0] * len(masks) * len(ids),
        }
    )
    return questions, outcomes


def test_the_right_option_is_one_among_its_questions_options():
    third, rest = np.log([0.2, 0.1, 0.1]), np.log([0.03, 0.01])  # of all tokens
    found = right_logp(pl.Series([third.tolist(), rest.tolist()]), pl.Series([0, 1]))
    assert found == pytest.approx(np.log([0.5, 0.25]))


def test_cells_and_means_are_those_of_plain_loops():
    questions, outcomes = make_study()
    answers, _, effects, summaries = measure_effects(
        questions=questions,
        outcomes=outcomes,
        swapped_outcomes=outcomes,
        cultures=["a", "b", "c"],
        **SETTINGS,
        **TESTS,
    )
    assert list(answers) == ["accuracy", "logp"]
    logp = {}
    right = dict(questions.select("question_id", "answer").iter_rows())
    for mask, question, logits in outcomes.select(
        "mask_culture", "question_id", "option_logprobs"
    ).iter_rows():
        probability = np.exp(logits) / np.exp(logits).sum()
        logp[mask, question] = np.log(probability[right[question]])

    def delta(mask, culture):
        changes = [logp[mask, q] - logp[None, q] for _, q in logp if q[0] == culture]
        return np.mean(changes)

    table = pl.concat(map(pl.DataFrame, effects), how="vertical_relaxed").filter(outcome="logp")
    for row in table.iter_rows(named=True):
        mask, culture = row["mask_culture"], row["culture"]
        before = np.mean([value for (m, q), value in logp.items() if (m, q[0]) == (None, culture)])
        assert row["before"] == pytest.approx(before)
        assert row["delta"] == pytest.approx(delta(mask, culture))
        assert row["after"] == pytest.approx(before + delta(mask, culture))
        assert row["ci_low"] < row["delta"] < row["ci_high"]
        assert row["correct_to_wrong"] is row["wrong_to_wrong"] is None
        own_alone = pytest.approx(row["delta"]) if mask == culture else None
        assert row["swapped_delta"] == own_alone  # the swapped answers are the same ones here
    means = pl.concat(map(pl.DataFrame, summaries)).filter(
        pl.col("culture").is_null(), outcome="logp"
    )
    value = dict(means.select("measure", "value").iter_rows())
    own = np.mean([delta(c, c) for c in "abc"])
    cross = np.mean([delta(m, c) for m, c in product("abc", repeat=2) if m != c])
    assert value == pytest.approx(
        {"self": own, "cross_by_mask": cross, "cross_by_target": cross, "gap": own - cross}
    )


def test_a_mask_that_changes_nothing_has_no_effect_and_no_width():
    questions, outcomes = make_study("ab")
    same = outcomes.filter(pl.col("mask_culture").is_null())
    alike = pl.concat([same] + [same.with_columns(mask_culture=pl.lit(c)) for c in "ab"])
    paired = pair_outcomes(questions, alike, list(map(MaskName, "ab")), outcome="logp")
    assert not paired.gained.any()
    resampled = bootstrap_cells(paired, 50, 0)
    bounds = bound_singles(paired, resampled, "by_mask", 0.95, 0)
    assert not np.array(list(bounds.values())).any()


# The test


def test_flipped_signs_are_those_of_all_assignments():
    generator = np.random.default_rng(2)
    sums = generator.normal(0.4, 1, (9, 3))
    signs = np.array(list(product([-1, 1], repeat=9)))
    exact = (np.abs(signs @ sums) >= np.abs(sums.sum(axis=0)) - 1e-12).mean(axis=0)
    assert sign_flip(sums, 20_000, [0]) == pytest.approx(exact, abs=0.01)


def test_nothing_and_what_is_unknown_are_not_significant():
    sums = np.array([[0.0, np.nan], [0.0, 1.0], [0.0, 1.0]])
    assert sign_flip(sums, 100, [0]).tolist() == [1.0, 1.0]


def test_the_test_holds_its_level_with_heavy_tails():
    generator = np.random.default_rng(3)
    p = sign_flip(generator.standard_t(2, (20, 2000)), 400, [1])
    assert 0.035 <= np.mean(p <= 0.05) <= 0.06  # standard error 0.005


def test_the_smallest_mean_has_the_power_that_was_asked_for():
    generator, images = np.random.default_rng(4), 60
    smallest = smallest_mean(0.5 / np.sqrt(images), images, 0.01, 0.8)
    found = sign_flip(generator.normal(-smallest, 0.5, (images, 1000)), 2000, [1]) <= 0.01
    assert found.mean() == pytest.approx(0.8, abs=0.04)  # standard error 0.013
    assert np.isnan(smallest_mean(0.1, 6, 0.01, 0.8))  # 2 of 64 assignments are 3 %


# Intervals


def draw_changes(generator, paired, own, other):
    """Changes whose size is the question's own, shared in part within an image; heavy tails.

    Args:
        generator: Of the draws.
        paired: Of which questions.
        own: Mean change under the own mask, in nats.
        other: Under others.
    """
    masks, count = paired.gained.shape
    image = generator.standard_t(4, (masks, paired.image.max() + 1))[:, paired.image]
    noise = 0.3 * image + 0.3 * generator.standard_t(4, (masks, count))
    mine = paired.culture == np.arange(masks)[:, None]
    # An effect is as large as a question is hard: exponential, with the mean that is asked for.
    size = generator.exponential(1.0, count)
    return replace(paired, gained=noise + size * np.where(mine, own, other))


def ask(cultures, images, per_image=2):
    culture = np.repeat(np.arange(cultures), images * per_image)
    image = np.repeat(np.arange(cultures * images), per_image)
    return pair_answers(culture, image, outcome="logp", before=np.zeros(len(culture)))


@pytest.mark.parametrize(("cultures", "images"), [(2, 16), (8, 16), (8, 40)])
@pytest.mark.parametrize("own", [0.0, -0.5])
def test_intervals_cover_at_their_level(cultures, images, own):
    generator = np.random.default_rng(5)
    studies, base = 400, ask(cultures, images)
    truth = {"self": own, "cross_by_mask": -0.05, "gap": own + 0.05}
    covered = {name: [] for name in truth} | {f"{name} of one": [] for name in truth}
    for seed in range(studies):
        paired = draw_changes(generator, base, own, -0.05)
        resampled = bootstrap_cells(paired, 400, seed)
        single = bound_singles(paired, resampled, "by_mask", 0.95, seed)
        mean = bound_means(paired, resampled, np.arange(cultures), "by_mask", 0.95, seed)
        for name, value in truth.items():
            low, high = mean[name]
            covered[name].append(low <= value <= high)
            low, high = single[name][:, 0]
            covered[f"{name} of one"].append(low <= value <= high)
    for name, found in covered.items():
        assert np.mean(found) >= 0.925, name  # standard error 0.011
