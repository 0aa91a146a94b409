"""Simulated worlds whose truth is known: do intervals cover, and do tests keep their level?"""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from paired import pair_answers
from scipy import stats

from culture_neurons.evaluate.comparisons import compare_scorers
from culture_neurons.evaluate.damage import summarise_damage
from culture_neurons.evaluate.effects import tabulate_effects
from culture_neurons.evaluate.intervals import bound_singles
from culture_neurons.evaluate.measures import contrast
from culture_neurons.evaluate.resampling import bootstrap_cells
from culture_neurons.evaluate.significance import rank_p
from culture_neurons.evaluate.summaries import summarise_effects
from culture_neurons.identify.permuted_control import permute_labels
from culture_neurons.identify.scoring import rank_scores, score_neurons
from culture_neurons.identify.statistics import Cells, add_cells
from culture_neurons.neurons import NeuronAxis
from culture_neurons.scorers.cas import cas

ACCURACY = 0.7  # of the unmodified model
WIN = 0.02  # share of wrong answers that a mask turns right


def draw_luck(generator, image, rows, common):
    """Uniform numbers (rows, questions); a share `common` of the questions has its image's."""
    by_image = generator.random((rows, image.max() + 1))[:, image]
    follows = generator.random(len(image)) < common
    return np.where(follows, by_image, generator.random((rows, len(image))))


def ask(generator, cultures, images, per_image=2, common=0.3, accuracy=ACCURACY):
    """Answers of the unmodified model; a share `common` of the questions follows its image."""
    culture = np.repeat(np.arange(cultures), images * per_image)
    image = np.repeat(np.arange(cultures * images), per_image)
    before = draw_luck(generator, image, 1, common)[0] < accuracy
    return pair_answers(culture, image, before=before)


def put_masks(generator, paired, loss, win=WIN, common=0.3, alike=0.0):
    """Answers under masks that lose a right answer with probability `loss` (masks, cultures).

    A share `common` of the questions follows its image, a share `alike` turns under all or none.
    """
    luck = draw_luck(generator, paired.image, len(loss), common)
    luck = np.where(generator.random(luck.shape[1]) < alike, luck[:1], luck)
    lost = luck < loss[:, paired.culture]
    return replace(paired, gained=np.where(paired.before, -1.0 * lost, luck < win))


def draw_losses(generator, cultures, spread, own=0.25):
    """Losses whose rows, columns, and diagonal differ between cultures."""
    rows, columns = generator.uniform(-spread / 2, spread / 2, (2, cultures))
    loss = 0.1 + rows[:, None] + columns
    np.fill_diagonal(loss, own + generator.uniform(-spread, spread, cultures))
    return loss


def expect(loss):
    """Expected accuracy changes."""
    return WIN * (1 - ACCURACY) - loss * ACCURACY


def expect_means(cross, own=0.25):
    """Expected measures of cultures like those of draw_losses."""
    measures = contrast(expect(np.full((4, 4), 0.1) + (own - 0.1) * np.eye(4)), cross)
    return {name: values.mean() for name, values in measures.items()}


@pytest.mark.parametrize(
    ("cultures", "spread", "cross", "alike", "worlds", "most"),
    [
        # Cultures that do not differ at all: the means' intervals allow for some difference.
        (12, 0.0, "by_mask", 0.0, 1000, 0.985),
        (8, 0.1, "by_mask", 0.0, 1000, 0.97),
        (12, 0.1, "by_mask", 0.0, 1000, 0.97),
        (12, 0.1, "by_target", 0.8, 1000, 0.97),
        (25, 0.1, "by_mask", 0.5, 500, 0.97),
    ],
)
def test_intervals_cover_at_their_level(cultures, spread, cross, alike, worlds, most):
    generator = np.random.default_rng(7)
    single = {name: [] for name in ("self", "cross_by_mask", "gap")}
    means = {name: [] for name in single}
    for seed in range(worlds):
        loss = draw_losses(generator, cultures, spread)
        paired = put_masks(generator, ask(generator, cultures, images=20), loss, alike=alike)
        resampled = bootstrap_cells(paired, 300, seed)
        settings = {"cross": cross, "confidence": 0.95, "seed": seed}
        columns = summarise_effects(paired, resampled, np.zeros(cultures), **settings)
        truth, mean = contrast(expect(loss), cross), expect_means(cross)
        for name in single:
            here = np.array(columns["measure"]) == name
            low, high = (np.array(columns[key])[here] for key in ("ci_low", "ci_high"))
            single[name].append((low[:-1] <= truth[name]) & (truth[name] <= high[:-1]))
            means[name].append(low[-1] <= mean[name] <= high[-1])
    for name in single:
        assert 0.93 <= np.mean(single[name]) <= 0.985, name
        assert 0.93 <= np.mean(means[name]) <= most, name  # standard error 0.007, of 500 0.010


def test_the_interval_of_a_culture_as_a_target_holds_whether_masks_turn_alike_or_not():
    generator = np.random.default_rng(13)
    covered = {alike: [] for alike in (0.0, 0.8)}
    for seed in range(300):
        for alike, found in covered.items():
            loss = draw_losses(generator, 8, 0.1)
            paired = put_masks(generator, ask(generator, 8, images=20), loss, alike=alike)
            resampled = bootstrap_cells(paired, 300, seed)
            bounds = bound_singles(paired, resampled, "by_mask", 0.95, seed)
            low, high = bounds["cross_by_target"]
            truth = contrast(expect(loss), "by_mask")["cross_by_target"]
            found.append((low <= truth) & (truth <= high))
    for alike, found in covered.items():
        assert 0.93 <= np.mean(found) <= 0.985, alike


@pytest.mark.parametrize("per_image", [1, 3])
def test_the_false_discovery_rate_is_held_with_planted_effects(per_image):
    generator = np.random.default_rng(3)
    shares, found = [], []
    win = 0.5  # many flips, or the exact tests are far below their level
    for seed in range(150):
        loss = np.full((10, 10), win)  # of half the questions each: losses and gains balance
        planted = np.zeros((10, 10), dtype=bool)
        planted[np.arange(6), np.arange(6)] = True
        loss[planted] = 1.0
        # The questions of an image are right, lost, and won together.
        paired = ask(generator, 10, 150, per_image, common=1.0, accuracy=0.5)
        paired = put_masks(generator, paired, loss, win, common=1.0)
        resampled = bootstrap_cells(paired, 2, seed)
        effects = tabulate_effects(paired, resampled, paired.cultures, 0.95, seed, 0.05, 0.8)
        flagged = (effects["q"] <= 0.05).reshape(10, 10)
        shares.append((flagged & ~planted).sum() / max(flagged.sum(), 1))
        found.append(flagged[planted].mean())
    assert 0.01 <= np.mean(shares) <= 0.05
    assert np.mean(found) > 0.5


def compare_twice(generator, first, second, seed):
    """Compare scorers with these losses, on the same questions; rows by measure."""
    paired = ask(generator, len(first), images=20)
    scorers = {
        "first": put_masks(generator, paired, first),
        "second": put_masks(generator, paired, second),
    }
    settings = {"cross": "by_mask", "resamples": 300, "confidence": 0.95, "seed": seed}
    kept = dict.fromkeys(scorers, np.arange(len(first)))
    rows = pl.DataFrame(compare_scorers(scorers, kept, **settings)).iter_rows(named=True)
    return {row["measure"]: row for row in rows}


def test_intervals_of_a_difference_of_scorers_cover_at_their_level():
    generator = np.random.default_rng(5)
    first, second = expect_means("by_mask", 0.3), expect_means("by_mask", 0.2)
    covered = {name: [] for name in ("self", "cross_by_mask", "gap")}
    for seed in range(600):
        losses = [draw_losses(generator, 25, 0.1, own) for own in (0.3, 0.2)]
        rows = compare_twice(generator, *losses, seed)
        for name, found in covered.items():
            difference = first[name] - second[name]
            found.append(rows[name]["ci_low"] <= difference <= rows[name]["ci_high"])
    for name, found in covered.items():
        assert 0.93 <= np.mean(found) <= 0.97, name  # standard error 0.009


def test_two_equal_scorers_differ_at_no_more_than_the_level_of_the_test():
    generator = np.random.default_rng(5)
    p = []
    for seed in range(600):
        loss = draw_losses(generator, 10, 0.1)
        p.append(compare_twice(generator, loss, loss, seed)["gap"]["p"])
    # As above: the scorers' cultures do not differ in how the scorers differ.
    assert 0.01 <= np.mean(np.array(p) <= 0.05) <= 0.06


def make_null_cells(generator, cultures, folds, neurons):
    """Cells of a model whose activity has nothing to do with culture."""
    tokens = generator.integers(80, 120, (cultures, folds, 1))
    rate = generator.beta(1, 3, neurons)
    active = generator.binomial(tokens[..., None], rate)
    return Cells(
        cultures=tuple("abcdefgh"[:cultures]),
        folds=tuple(range(folds)),
        axis=NeuronAxis((neurons,)),
        tokens=tokens,
        active=active,
        total=active.astype(np.float32),
        total_squares=active.astype(np.float32),
    )


def test_p_values_of_permuted_labels_are_uniform_where_culture_does_not_exist():
    cultures, folds, neurons, draws = 4, 3, 80, 39
    generator = np.random.default_rng(11)
    p = []
    for seed in range(300):
        cells = make_null_cells(generator, cultures, folds, neurons)
        weight = generator.exponential(size=(neurons, cultures))  # what each neuron is worth

        def lose(labels, cells=cells, weight=weight):
            """Mean self effect of cas masks of five neurons."""
            scores = score_neurons(add_cells(cells, labels), cas, {})
            chosen = (rank_scores(scores) < 5) & (scores > 0)
            return -np.mean([weight[mask, c].sum() for c, mask in enumerate(chosen)])

        own = lose(np.arange(cultures * folds).reshape(cultures, folds))
        null = [lose(permute_labels(cultures, folds, draw, seed)) for draw in range(draws)]
        p.append(float(rank_p(np.array(own), np.array(null))))
    assert len(set(p)) == draws + 1
    # Ranks are discrete: spread each over its step before comparing with the continuous law.
    spread = np.array(p) - generator.random(len(p)) / (draws + 1)
    assert stats.kstest(spread, "uniform").pvalue > 0.01


@pytest.mark.parametrize(
    ("masks", "images", "loss", "alike"),
    [(8, 100, 0.0, 0.0), (8, 100, 0.2, 0.0), (8, 40, 0.1, 0.8), (25, 100, 0.05, 0.8)],
)
def test_intervals_of_general_damage_cover(masks, images, loss, alike):
    """Masks lose general answers by up to half more or less than others; own ones by 25 %."""
    generator = np.random.default_rng(11)
    held = {"general": [], "self_less_general": []}
    for seed in range(200):
        own = ask(generator, masks, images=16)
        own = put_masks(generator, own, np.full((masks, masks), 0.25), win=0.0)
        single = loss * generator.uniform(0.5, 1.5, masks)
        asked = ask(generator, 1, images)
        nothing = np.zeros((masks, len(asked.image)))
        general = replace(
            asked, asked=nothing == 0, non_letter_mass=nothing, letter_entropy=nothing
        )
        general = put_masks(generator, general, single[:, None], win=0.0, alike=alike)
        resampled = bootstrap_cells(general, 300, seed, apart=1)[..., 0]
        rows = pl.DataFrame(
            summarise_damage(general, resampled, own, np.zeros(masks), confidence=0.95, seed=seed)
        ).filter(pl.col("culture").is_null())
        truth = {"general": -loss * ACCURACY}
        truth["self_less_general"] = -0.25 * ACCURACY - truth["general"]
        for measure, low, high in rows.select("measure", "ci_low", "ci_high").iter_rows():
            held[measure].append(low <= truth[measure] <= high)
    for measure, covered in held.items():
        assert np.mean(covered) >= 0.92, (measure, np.mean(covered))
