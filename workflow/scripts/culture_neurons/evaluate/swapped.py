"""What a mask costs its culture over pictures of other cultures, where its own is not seen.

Over such pictures fewer answers are right, so there is less to lose. What is compared is the share
of right answers that a mask costs: with the culture's pictures, and with the others.
"""

from dataclasses import replace

import numpy as np

from culture_neurons.evaluate.collapse import choose_masks
from culture_neurons.evaluate.pairing import PairedAnswers
from culture_neurons.evaluate.resampling import (
    bootstrap_cells,
    find_interval,
    resample_mean,
    smooth_cells,
)
from culture_neurons.evaluate.summaries import list_measure
from culture_neurons.storage.tables import to_columns

LESS_SWAPPED = "relative_less_swapped"
ABOVE_CHANCE = "swapped_above_chance"


def measure_swapped(swapped: PairedAnswers) -> dict[str, np.ndarray]:
    """Make the columns of table `effects` that tell what is lost without seeing the culture.

    Args:
        swapped: Answers over swapped pictures, of each mask to its own culture's questions; the
            cells of other cultures are null.
    """
    diagonal = np.eye(len(swapped.cultures), dtype=bool)
    asked = swapped.tally(1.0)[diagonal]
    columns = {}
    for name, values in (("swapped_before", swapped.before), ("swapped_delta", swapped.gained)):
        cells = np.full(diagonal.shape, None)
        cells[diagonal] = swapped.tally(values)[diagonal] / asked
        columns[name] = cells.ravel()
    return columns


def summarise_swapped(
    paired: PairedAnswers,
    swapped: PairedAnswers,
    broken: np.ndarray,
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> dict[str, list]:
    """Make the rows of table `summaries` that compare with pictures of other cultures.

    LESS_SWAPPED is the relative change of the right answers, self / accuracy before, less the same
    over swapped pictures. Below 0, a mask costs a larger share where the culture is seen. It is
    NaN where there is no right answer to lose; the mean is a difference of ratios of means, in
    which such a culture counts as well. ABOVE_CHANCE is the unmodified model's accuracy over
    swapped pictures less that of guessing: was there anything to lose?

    Args:
        paired: Answers under the masks of all cultures.
        swapped: The same over swapped pictures, of each mask to its own culture's questions.
        broken: See `find_broken`.
        resamples: Bootstrap resamples of images.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.
    """
    kept = choose_masks(broken)
    own_mask = paired.culture, np.arange(len(paired.culture))  # of each question
    draws = {"resamples": resamples, "seed": seed}
    ratios = []  # of the culture's pictures, of swapped ones: (each culture's, parts of the mean)
    for answers in (paired, swapped):
        change, smooth = _resample(answers, answers.gained[own_mask], **draws)
        right, _ = _resample(answers, answers.before, **draws)
        mean = change[:, kept], right[:, kept], right[0, kept].mean()
        ratios.append((_find_ratio(smooth, right, right[0]), _find_ratio(*mean)))
    less = [seen - unseen for seen, unseen in zip(*ratios, strict=True)]
    above, smooth = _resample(swapped, swapped.before - swapped.chance, **draws)
    rows = []
    for measure, (each, parts) in {
        LESS_SWAPPED: less,
        ABOVE_CHANCE: (smooth, above[:, kept]),
    }.items():
        mean = resample_mean(parts[0], parts[1:], seed)
        bounds = find_interval(np.column_stack([each[1:], mean]), confidence)
        value = np.append(each[0], parts[0].mean())
        unknown = np.full(value.shape, np.nan)  # signs of a broken model
        rows += list_measure(paired.cultures, measure, [value, unknown, unknown], bounds, broken)
    return to_columns("summaries", rows)


def _resample(
    answers: PairedAnswers, values: np.ndarray, *, resamples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Average values (questions,) over cultures, observed and resampled: (1 + resamples, cultures).

    All calls with one seed draw the same images. The second result is smoothed but for its first
    row, which is observed.
    """
    single = replace(answers, asked=np.ones((1, len(values)), dtype=bool), gained=values[None])
    observed = single.average(single.gained)  # (1, cultures)
    drawn = bootstrap_cells(single, resamples, seed)  # (resamples, 1, cultures)
    smooth = smooth_cells(drawn, single.tally(1.0), seed)
    return np.vstack([observed, drawn[:, 0]]), np.vstack([observed, smooth[:, 0]])


def _find_ratio(change: np.ndarray, right: np.ndarray, size: np.ndarray | float) -> np.ndarray:
    """Linearise change / right at their observed values, the first row; `size` is that of right.

    A resampled ratio itself has no bound where little was right; its linear part has, and the mean
    over parts of means is the ratio of the means (Davison and Hinkley 1997, section 2.7).

    Returns:
        As `change`; NaN where nothing was right.
    """
    size = np.where(np.equal(size, 0), np.nan, size)
    ratio = change[0] / size if np.ndim(size) else change[0].mean() / size
    return ratio + (change - ratio * right) / size
