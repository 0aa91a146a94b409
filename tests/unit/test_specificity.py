"""Is it the own culture that loses? Exchanged masks, families of tests, broken models."""

from itertools import permutations

import numpy as np
import pytest
from paired import pair_answers
from scipy import stats

from culture_neurons.evaluate.collapse import choose_masks, find_broken
from culture_neurons.evaluate.effects import tabulate_effects
from culture_neurons.evaluate.exchange import ASSIGNMENTS, assign_masks, rank_exchanged
from culture_neurons.evaluate.measures import contrast
from culture_neurons.evaluate.resampling import bootstrap_cells
from culture_neurons.evaluate.significance import adjust_p, mcnemar, smallest_drop
from culture_neurons.evaluate.summaries import summarise_effects

NAMES = tuple("abcdefghijklmnopqrstuvwxyz")


def make_paired(gained, asked=None, mass=None, entropy=None):
    """Pair changes (masks, cultures, questions), one question per image."""
    masks, cultures, questions = gained.shape
    said = {"gained": gained.astype(float), "switched": gained != 0, "asked": asked}
    said |= {"non_letter_mass": mass, "letter_entropy": entropy}
    flat = (masks, cultures * questions)
    said = {name: values.reshape(flat) for name, values in said.items() if values is not None}
    culture = np.repeat(np.arange(cultures), questions)
    return pair_answers(culture, np.arange(flat[1]), **said)


def lose(generator, loss, questions):
    """Lose answers that were all right, with probabilities loss (masks, cultures)."""
    return -(generator.random((*loss.shape, questions)) < loss[:, :, None]).astype(int)


def read_rank(paired, kept=None, **raises):
    """Read the rows of exchanged masks: culture -> row."""
    kept = np.arange(len(paired.cultures)) if kept is None else kept
    columns = rank_exchanged(paired, kept, 0, **raises)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    assert {(row["measure"], row["control"]) for row in rows} == {("gap", "exchanged")}
    return {row["culture"]: row for row in rows}


def test_gains_are_ranked_as_losses_are():
    generator = np.random.default_rng(0)
    lost = lose(generator, generator.uniform(0, 0.5, (5, 5)), 12)
    losses, gains = read_rank(make_paired(lost)), read_rank(make_paired(-lost), raises=True)
    assert {culture: row["rank_p"] for culture, row in losses.items()} == {
        culture: row["rank_p"] for culture, row in gains.items()
    }
    # As losses, the same gains are the last of all ranks but for ties.
    assert read_rank(make_paired(-lost))[None]["rank_p"] > 0.5 > gains[None]["rank_p"]


def test_ranks_among_exchanged_masks_equal_a_plain_loop():
    generator = np.random.default_rng(0)
    asked = generator.random((5, 5, 12)) < 0.9
    gained = lose(generator, generator.uniform(0, 0.5, (5, 5)), 12)
    rows = read_rank(make_paired(gained, asked))
    delta = np.zeros((5, 5))
    for culture in range(5):
        common = [q for q in range(12) if all(asked[mask, culture, q] for mask in range(5))]
        for mask in range(5):
            delta[mask, culture] = np.mean([gained[mask, culture, q] for q in common])

    def gap(mask, culture):
        others = [delta[other, culture] for other in range(5) if other != mask]
        return delta[mask, culture] - np.mean(others)

    for culture in range(5):
        drawn = [gap(mask, culture) for mask in range(5) if mask != culture]
        row = rows[NAMES[culture]]
        assert row["value"] == pytest.approx(gap(culture, culture))
        assert (row["control_low"], row["control_high"]) == pytest.approx((min(drawn), max(drawn)))
        lower = sum(value <= gap(culture, culture) + 1e-12 for value in drawn)
        assert (row["draws"], row["rank_p"]) == (4, (1 + lower) / 5)
    means = [np.mean([gap(m, c) for c, m in enumerate(order)]) for order in permutations(range(5))]
    own = np.mean([gap(c, c) for c in range(5)])
    assert rows[None]["value"] == pytest.approx(own)
    assert rows[None]["draws"] == 119
    assert rows[None]["rank_p"] == pytest.approx(np.mean(np.array(means) <= own + 1e-12))


def test_every_assignment_of_few_masks_and_a_sample_of_many():
    few = assign_masks(4, 0)
    assert len(np.unique(few, axis=0)) == 23
    assert (few != np.arange(4)).any(axis=1).all()
    assert assign_masks(8, 0).shape == (ASSIGNMENTS, 8)
    many = assign_masks(25, 0)
    assert many.shape == (ASSIGNMENTS, 25)
    assert (np.sort(many, axis=1) == np.arange(25)).all()
    # Each mask falls to each culture as often as to any other.
    assert stats.chisquare(np.bincount(many[:, 3], minlength=25)).pvalue > 0.001
    assert assign_masks(1, 0).shape == (0, 1)


@pytest.mark.parametrize("cultures", [8, 25])
def test_masks_that_cost_every_culture_the_same_are_not_specific(cultures):
    generator = np.random.default_rng(1)
    p = {"null": [], "own": []}
    for _ in range(120):
        # Masks are strong or weak, cultures easily turned or not; no mask knows its own culture.
        strong, fragile = generator.uniform(0.2, 1.8, (2, cultures))
        loss = 0.15 * strong[:, None] * fragile
        for name, more in (("null", 0.0), ("own", 0.08)):
            gained = lose(generator, np.minimum(loss + more * np.eye(cultures), 1), 40)
            p[name].append(read_rank(make_paired(gained))[None]["rank_p"])
    assert np.mean(np.array(p["null"]) <= 0.05) < 0.1  # 0.05 and 2.5 standard errors
    assert stats.kstest(p["null"], "uniform").pvalue > 0.01
    assert np.mean(np.array(p["own"]) <= 0.05) > 0.7


def test_the_own_cells_are_a_family_of_their_own():
    generator = np.random.default_rng(2)
    cultures, images = 25, 85
    found = {"families": [], "one": []}
    for _ in range(20):
        loss = np.full((cultures, cultures), 0.01)
        np.fill_diagonal(loss, 0.09)
        paired = make_paired(lose(generator, loss, images))
        resampled = np.zeros((2, cultures, cultures))
        table = tabulate_effects(paired, resampled, paired.cultures, 0.95, 0, 0.05, 0.8)
        own = table["mask_culture"] == table["culture"]
        found["families"].append((table["q"][own] <= 0.05).sum())
        found["one"].append((adjust_p(table["p"])[own] <= 0.05).sum())
    # The tests of the family are Benjamini-Hochberg's over its p-values, as the library has them.
    for family in (own, ~own):
        q = stats.false_discovery_control(table["p"][family])
        np.testing.assert_allclose(table["q"][family], q, rtol=1e-12)
    assert np.mean(found["families"]) > 3 * np.mean(found["one"])


def test_the_smallest_drop_is_shown_by_q_with_the_power_that_is_stated():
    generator = np.random.default_rng(3)
    cultures, images, churn = 25, 85, 0.02
    drop = smallest_drop(images, churn, 0.05 / cultures, 0.8)
    shown = []
    for _ in range(600):  # one culture loses, the others do not: the hardest case
        chances = np.full((cultures, 3), [churn, churn, 1 - 2 * churn])
        chances[0] = [drop + churn, churn, 1 - drop - 2 * churn]
        lost, won, _ = generator.multinomial(images, chances).T
        shown.append(adjust_p(mcnemar(lost, won))[0] <= 0.05)
    assert np.mean(shown) > 0.8 - 0.04  # 2.5 standard errors
    paired = make_paired(lose(generator, np.full((cultures, cultures), 0.05), images))
    table = tabulate_effects(
        paired, np.zeros((2, cultures, cultures)), paired.cultures, 0.95, 0, 0.05, 0.8
    )
    own = table["mask_culture"] == table["culture"]
    assert table["smallest_drop"][own] == pytest.approx(
        smallest_drop(images, 0.0, 0.05 / cultures, 0.8)
    )
    assert table["smallest_drop"][~own] == pytest.approx(
        smallest_drop(images, 0.0, 0.05 / (cultures * (cultures - 1)), 0.8)
    )


# Masks that break the model


def make_signs(cells):
    """Spread the changes of cells (masks, cultures) over four questions of each."""
    return np.repeat(np.asarray(cells, float)[:, :, None], 4, axis=2)


def test_masks_that_break_the_model_in_opposite_ways_are_all_found():
    entropy = np.repeat([[0.45], [-0.45]], 4, axis=0) * (1 - np.eye(8))
    assert entropy.sum() == pytest.approx(0)
    paired = make_paired(np.zeros((8, 8, 4)), entropy=make_signs(entropy))
    assert find_broken(paired, 0.1).tolist() == [1] * 8
    # So is one mask whose own cells move in opposite ways.
    entropy = np.zeros((8, 8))
    entropy[2] = [0.45, -0.45, 0, 0.45, -0.45, 0.45, -0.45, 0]
    paired = make_paired(np.zeros((8, 8, 4)), entropy=make_signs(entropy))
    assert find_broken(paired, 0.1).tolist() == [0, 0, 1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("mass", "entropy", "broken"),
    [
        ([[0.2, 0, 0]], None, 1),  # own questions answered by no letter
        ([[0, 0.2, 0.2]], None, 1),
        ([[0, -0.2, -0.2]], None, 1),
        ([[0.125, 0.125, 0.125]], None, 1),
        ([[0.0625, 0.0625, 0.0625]], None, 0),
        (None, [[0.9, 0, 0]], 0),  # the own answer is lost, the model is not
        (None, [[0, 0.11, 0.11]], 1),
        (None, [[0, np.nan, 0.2]], np.nan),
    ],
)
def test_signs_of_a_broken_model(mass, entropy, broken):
    signs = {}
    for name, row in (("mass", mass), ("entropy", entropy)):
        if row is not None:
            signs[name] = make_signs(np.vstack([row, np.zeros((2, 3))]))
    found = find_broken(make_paired(np.zeros((3, 3, 4)), **signs), 0.1)
    np.testing.assert_array_equal(found, [broken, 0, 0])


def test_few_broken_masks_are_left_out_of_means_and_many_are_not():
    assert choose_masks(np.array([0, 0, 1, 0, 0, 0, 0, 0])).tolist() == list(range(8))
    few = np.zeros(25)
    few[[3, 7]] = 1
    assert choose_masks(few).tolist() == [c for c in range(25) if c not in (3, 7)]
    assert len(choose_masks(np.full(25, np.nan))) == 25
    generator = np.random.default_rng(4)
    loss = np.full((25, 25), 0.05)
    loss[[3, 7]] = 0.9  # what breaks the model costs everyone
    paired = make_paired(lose(generator, loss, 20))
    resampled = bootstrap_cells(paired, 200, 0)
    settings = {"cross": "by_mask", "confidence": 0.95, "seed": 0}
    columns = summarise_effects(paired, resampled, few, **settings)
    delta = paired.average(paired.gained)
    kept = np.delete(np.delete(delta, [3, 7], axis=0), [3, 7], axis=1)
    for measure in ("self", "cross_by_mask", "cross_by_target", "gap"):
        rows = np.flatnonzero(np.array(columns["measure"]) == measure)
        mean = rows[-1]
        assert columns["culture"][mean] is None
        expected = contrast(kept, "by_mask")[measure].mean()
        assert columns["value"][mean] == pytest.approx(expected)
        assert columns["ci_low"][mean] < expected < columns["ci_high"][mean]
        assert (columns["broken"][mean], columns["left_out"][mean]) == (2, 2)
        assert [columns["left_out"][row] for row in rows[:-1]] == few.tolist()
        # Of single cultures every value stays.
        single = [columns["value"][row] for row in rows[:-1]]
        assert single == pytest.approx(contrast(delta, "by_mask")[measure].tolist())
    rows = read_rank(paired, choose_masks(few))
    assert rows[None]["value"] == pytest.approx(contrast(kept, "by_mask")["gap"].mean())
    assert len(rows) == 26
