"""Simulated worlds whose truth is known: do intervals cover, and do tests keep their level?"""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from culture_neurons.effects import contrast, share_out, summarise_effects, tabulate_effects
from culture_neurons.pairing import Paired
from culture_neurons.permutation import permute_labels
from culture_neurons.resampling import bootstrap_cells, resample_mean
from culture_neurons.scorers.cas import cas
from culture_neurons.scoring import rank_scores, score_neurons
from culture_neurons.significance import bootstrap_p, rank_p
from culture_neurons.statistics import Cells, add_cells

ACCURACY = 0.7  # of the unmodified model
WIN = 0.02  # share of wrong answers that a mask turns right


def ask(generator, loss, images, per_image=2, common=0.3, win=WIN):
    """Answers under masks that lose a right answer with probability `loss` (masks, cultures).

    A share `common` of the questions follow their image: they are lost together or not at all.
    """
    cultures = len(loss)
    culture = np.repeat(np.arange(cultures), images * per_image)
    image = np.repeat(np.arange(cultures * images), per_image)
    shape = (cultures, len(culture))
    by_image = generator.random((cultures, cultures * images))[:, image]
    luck = np.where(generator.random(len(culture)) < common, by_image, generator.random(shape))
    before = generator.random(len(culture)) < ACCURACY
    won = ~before & (generator.random(shape) < win)
    gained = won - 1.0 * (before & (luck < loss[:, culture]))
    nothing = np.zeros(shape)
    return Paired(
        cultures=tuple(f"{index:02}" for index in range(cultures)),
        culture=culture,
        image=image,
        before=before,
        asked=np.ones(shape, dtype=bool),
        gained=gained,
        switched=gained != 0,
        non_letter_mass=nothing,
        letter_entropy=nothing,
    )


def draw_losses(generator, cultures, spread):
    """Losses whose rows, columns, and diagonal differ between cultures."""
    rows, columns = generator.uniform(-spread / 2, spread / 2, (2, cultures))
    loss = 0.1 + rows[:, None] + columns
    np.fill_diagonal(loss, 0.25 + generator.uniform(-spread, spread, cultures))
    return loss


def expect(loss):
    """Expected accuracy changes."""
    return contrast(WIN * (1 - ACCURACY) - loss * ACCURACY, "by_mask")


POPULATION = expect(np.full((4, 4), 0.1) + 0.15 * np.eye(4))  # the means of draw_losses


@pytest.mark.parametrize(("cultures", "spread"), [(12, 0.0), (12, 0.1)])
def test_intervals_cover_at_their_level(cultures, spread):
    generator = np.random.default_rng(7)
    single = {name: [] for name in ("self", "cross_by_mask", "gap")}
    means = {name: [] for name in single}
    for seed in range(150):
        loss = draw_losses(generator, cultures, spread)
        paired = ask(generator, loss, images=20)
        resampled, smooth = (
            bootstrap_cells(paired, 250, seed, smooth=smooth) for smooth in (False, True)
        )
        settings = {"cross": "by_mask", "confidence": 0.95, "seed": seed}
        columns = summarise_effects(paired, resampled, smooth, **settings)
        for name in single:
            here = np.array(columns["measure"]) == name
            low, high = (np.array(columns[key])[here] for key in ("ci_low", "ci_high"))
            truth = expect(loss)[name]
            single[name].append((low[:-1] <= truth) & (truth <= high[:-1]))
            means[name].append(low[-1] <= POPULATION[name].mean() <= high[-1])
    for name in single:
        assert 0.93 <= np.mean(single[name]) <= 0.97, name
    # 450 intervals of means, three and three correlated: 0.95 with a standard error of 0.014
    covered = np.mean(list(means.values()))
    assert 0.92 <= covered <= 0.98


def test_the_false_discovery_rate_is_held_with_planted_effects():
    generator = np.random.default_rng(3)
    shares, found = [], []
    win = 0.5  # many flips, or the exact tests are far below their level
    for seed in range(100):
        loss = np.full((10, 10), win * (1 - ACCURACY) / ACCURACY)  # losses and gains balance
        planted = np.zeros((10, 10), dtype=bool)
        planted[np.arange(6), np.arange(6)] = True
        loss[planted] = 0.5
        paired = ask(generator, loss, images=150, per_image=1, win=win)
        effects = tabulate_effects(paired, bootstrap_cells(paired, 2, seed), 0.95, 0.05, 0.8)
        flagged = (effects["q"] <= 0.05).reshape(10, 10)
        shares.append((flagged & ~planted).sum() / max(flagged.sum(), 1))
        found.append(flagged[planted].mean())
    assert 0.01 <= np.mean(shares) <= 0.05
    assert np.mean(found) > 0.5


def test_two_equal_scorers_differ_at_the_level_of_the_test():
    generator = np.random.default_rng(5)
    p = []
    for seed in range(200):
        loss = draw_losses(generator, 10, 0.1)
        first = ask(generator, loss, images=15)
        # The second scorer is asked the same questions, and loses others with equal probability.
        lost = first.before & (generator.random(first.gained.shape) < loss[:, first.culture])
        parts, spread = [], []
        for paired in (first, replace(first, gained=np.where(lost, -1.0, first.gained.clip(0)))):
            parts.append(share_out(contrast(paired.average(paired.gained), "by_mask"))["gap"])
            resampled = bootstrap_cells(paired, 300, seed)
            spread.append(share_out(contrast(resampled, "by_mask"))["gap"])
        samples = resample_mean(parts[0] - parts[1], spread[0] - spread[1], 0.95, seed)
        p.append(float(bootstrap_p(samples)))
    assert 0.02 <= np.mean(np.array(p) <= 0.05) <= 0.08


def make_null_cells(generator, cultures, folds, neurons):
    """Cells of a model whose activity has nothing to do with culture."""
    tokens = generator.integers(80, 120, (cultures, folds, 1))
    rate = generator.beta(1, 3, neurons)
    active = generator.binomial(tokens[..., None], rate)
    return Cells(
        cultures=tuple("abcdefgh"[:cultures]),
        folds=tuple(range(folds)),
        layers=1,
        width=neurons,
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
            chosen = (rank_scores(scores)[:, 0] < 5) & (scores[:, 0] > 0)
            return -np.mean([weight[mask, c].sum() for c, mask in enumerate(chosen)])

        own = lose(np.arange(cultures * folds).reshape(cultures, folds))
        null = [lose(permute_labels(cultures, folds, draw, seed)) for draw in range(draws)]
        p.append(float(rank_p(np.array(own), np.array(null))))
    assert len(set(p)) == draws + 1
    # Ranks are discrete: spread each over its step before comparing with the continuous law.
    spread = np.array(p) - generator.random(len(p)) / (draws + 1)
    assert stats.kstest(spread, "uniform").pvalue > 0.01
