"""What masks do to questions that have no culture: is a loss of culture more than general damage?

Two measures join those of table `summaries`, a row per mask and one of their mean. GENERAL is the
change over all general questions, which every mask is asked alike. SELF_LESS_GENERAL is what the
mask changes on its own culture's questions of the study, less that.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from culture_neurons.evaluate.collapse import choose_masks, find_broken
from culture_neurons.evaluate.effects import Columns, fill_swapped, tabulate_effects
from culture_neurons.evaluate.intervals import count_alike, size_flips
from culture_neurons.evaluate.pairing import PairedAnswers, pair_outcomes
from culture_neurons.evaluate.resampling import (
    bootstrap_cells,
    draw_flips,
    find_interval,
    resample_changes,
    resample_mean,
)
from culture_neurons.evaluate.summaries import list_measure
from culture_neurons.neurons import MaskName
from culture_neurons.outcomes import ACCURACY
from culture_neurons.storage.tables import to_columns

GENERAL, SELF_LESS_GENERAL = "general", "self_less_general"

_APART = 1  # other images than the study's are resampled apart from these


def measure_damage(
    *,
    questions: pl.DataFrame,
    outcomes: pl.DataFrame,
    study: Mapping[str, PairedAnswers],
    resamples: int,
    confidence: float,
    seed: int,
    alpha: float,
    power: float,
    collapse: float,
) -> tuple[list[Columns], list[Columns]]:
    """Measure what one scorer's masks do to questions without a culture, in every outcome.

    Args:
        questions: Those asked: question_id, image_id, culture (one for all), answer.
        outcomes: Answers of the unmodified model and under the masks.
        study: Outcome -> answers to the study's own evaluate questions under the same masks.
        resamples: Bootstrap resamples of images.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.
        alpha: False discovery rate of the masks' tests.
        power: Power at which a mask's smallest drop is stated.
        collapse: See `find_broken`; masks that break the study's answers are left out of means.

    Returns:
        The columns of tables `effects` and `summaries`, one part of each per outcome.

    Raises:
        EffectError: An answer is missing.
    """
    broken = find_broken(study[ACCURACY], collapse)
    draws = {"confidence": confidence, "seed": seed}
    effects, summaries = [], []
    for outcome, own in study.items():
        masks = [MaskName(culture) for culture in own.cultures]
        general = pair_outcomes(questions, outcomes, masks, outcome=outcome)
        resampled = bootstrap_cells(general, resamples, seed, apart=_APART)
        tests = {"alpha": alpha, "power": power}
        cells = tabulate_effects(general, resampled, own.cultures, **draws, **tests)
        effects.append(cells | fill_swapped(len(masks)))
        summaries.append(summarise_damage(general, resampled[..., 0], own, broken, **draws))
    return effects, summaries


def summarise_damage(
    general: PairedAnswers,
    resampled: np.ndarray,
    own: PairedAnswers,
    broken: np.ndarray,
    confidence: float,
    seed: int,
) -> dict[str, list]:
    """Make the rows of table `summaries` in one outcome.

    Args:
        general: Answers to general questions, (masks, questions).
        resampled: Their mean changes over resampled images, (resamples, masks).
        own: Answers to the study's questions under the same masks.
        broken: See `find_broken`.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.
    """
    kinds = (general.non_letter_mass, general.letter_entropy)
    signs = [general.average(values)[:, 0] for values in kinds]
    value = general.average(general.gained)[:, 0]  # (masks,)
    drawn = resample_changes(own, own.take_own(), len(resampled), seed)  # (1 + resamples, masks)
    kept = choose_masks(broken)
    flip, mean_flip = _size_flips(general, kept)
    own_flip = size_flips(own)["self"]
    count = len(value) + 1  # masks and their mean
    flips, own_flips = np.split(draw_flips(len(resampled), 2 * count, seed), 2, axis=1)
    flips *= np.append(flip, mean_flip)
    own_flips *= np.append(own_flip, own_flip[kept].mean() / len(kept))
    measures = {
        GENERAL: (value, resampled, flips, signs),
        SELF_LESS_GENERAL: (
            *(drawn[0] - value, drawn[1:] - resampled, own_flips - flips),
            [np.full(value.shape, np.nan)] * 2,
        ),
    }
    rows = []
    for measure, (values, samples, added, changes) in measures.items():
        mean = resample_mean(values[kept], samples[:, kept], seed)
        bounds = find_interval(np.column_stack([samples, mean]) + added, confidence)
        observed = [np.append(each, each[kept].mean()) for each in (values, *changes)]
        rows += list_measure(own, measure, observed, bounds, broken)
    return to_columns("summaries", rows)


def _size_flips(general: PairedAnswers, kept: np.ndarray) -> tuple[np.ndarray, float]:
    """Size what one question's flip changes under each mask (masks,), and in the mean of `kept`."""
    sizes = general.size_flip()[:, 0]
    single = sizes / general.tally(1.0)[:, 0]
    alike = count_alike(general.gained[kept] / (sizes[kept].max() or 1.0), len(kept))
    return single, float(single[kept].mean()) * alike / len(kept)
