"""Each measure's rank among the draws of a control: table `ranks`."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from culture_neurons.evaluate.measures import MEASURES, contrast
from culture_neurons.evaluate.pairing import PairedAnswers
from culture_neurons.evaluate.significance import rank_p
from culture_neurons.neurons import MaskName

_RANKS = ("value", "control_mean", "control_low", "control_high", "rank_p")


def rank_effects(
    paired: PairedAnswers, control: PairedAnswers, masks: Sequence[MaskName], draws: int, cross: str
) -> dict[str, list]:
    """Rank each measure, per culture and as the mean over cultures, among a control's draws.

    Each draw is measured as if it were the scorer, on the questions that both were asked.

    Args:
        paired: Answers under the scorer's masks.
        control: Answers under the control's masks.
        masks: The control's, in the order of its rows. A mask that is not there is empty and
            changes nothing.
        draws: Number of draws.
        cross: The measure that `gap` subtracts.

    Returns:
        Columns of table `ranks` but for `control`.
    """
    rows = {name: index for index, name in enumerate(masks)}
    gained = np.zeros((draws, *paired.gained.shape))  # (draws, masks, questions)
    asked = paired.asked.copy()
    for row, culture in enumerate(paired.cultures):
        for draw in range(draws):
            index = rows.get(MaskName(culture, draw))
            if index is not None:
                gained[draw, row] = control.gained[index]
                asked[row] &= control.asked[index]
    common = replace(paired, asked=asked)
    observed = contrast(common.average(paired.gained), cross)
    null = contrast(common.average(gained), cross)
    columns: dict[str, list] = {name: [] for name in ("culture", "measure", *_RANKS)}
    for measure in MEASURES:
        value = np.append(observed[measure], observed[measure].mean())
        # (draws, cultures + 1)
        drawn = np.column_stack([null[measure], null[measure].mean(axis=1)])
        columns["culture"] += [*paired.cultures, None]
        columns["measure"] += [measure] * len(value)
        ranks = rank_p(value, drawn)
        numbers = (value, drawn.mean(axis=0), drawn.min(axis=0), drawn.max(axis=0), ranks)
        for name, column in zip(_RANKS, numbers, strict=True):
            columns[name] += column.tolist()
    return {**columns, "draws": [draws] * len(columns["value"])}
