"""Each measure's rank among the draws of a control: table `ranks`."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from culture_neurons.evaluate.measures import MEASURES, contrast
from culture_neurons.evaluate.pairing import PairedAnswers
from culture_neurons.evaluate.significance import rank_p
from culture_neurons.neurons import MaskName


def rank_effects(
    paired: PairedAnswers,
    control: PairedAnswers,
    masks: Sequence[MaskName],
    draws: int,
    *,
    cross: str,
    kept: np.ndarray,
    specific: bool,
) -> dict[str, list]:
    """Rank each measure, per culture and as the mean over cultures, among a control's draws.

    Each draw is measured as if it were the scorer, on the questions that both were asked. Among
    masks that know nothing of culture the gap has no p-value: their gaps hardly vary, so that
    nearly any mask that costs every culture the same share would stand out.

    Args:
        paired: Answers under the scorer's masks.
        control: Answers under the control's masks.
        masks: The control's, in the order of its rows. A mask that is not there is empty and
            changes nothing.
        draws: Number of draws.
        cross: The measure that `gap` subtracts.
        kept: Indices of the masks that means over cultures are taken of.
        specific: The control's masks were chosen as the scorer's own are: its gap has a p-value.

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
    deltas = [common.average(paired.gained), common.average(gained)]  # (..., masks, cultures)
    observed, null = (contrast(delta, cross) for delta in deltas)
    means = [contrast(delta[..., kept, :][..., kept], cross) for delta in deltas]
    columns: dict[str, list] = {}
    for measure in MEASURES:
        # (cultures + 1,), (draws, cultures + 1)
        value = np.append(observed[measure], means[0][measure].mean())
        drawn = np.column_stack([null[measure], means[1][measure].mean(axis=1)])
        names = [*paired.cultures, None]
        part = list_ranks(names, measure, value, drawn, tested=specific or measure != "gap")
        columns = {name: columns.get(name, []) + part[name] for name in part}
    return columns


def list_ranks(
    cultures: Sequence[str | None],
    measure: str,
    value: np.ndarray,
    drawn: np.ndarray,
    *,
    tested: bool = True,
) -> dict[str, list]:
    """List rows of table `ranks`, but for `control`.

    Args:
        cultures: None for a mean over cultures.
        measure: What is ranked.
        value: (cultures,).
        drawn: (draws, cultures), one draw or more.
        tested: Give p-values.
    """
    count = len(value)
    return {
        "culture": list(cultures),
        "measure": [measure] * count,
        "value": value.tolist(),
        "control_mean": drawn.mean(axis=0).tolist(),
        "control_low": drawn.min(axis=0).tolist(),
        "control_high": drawn.max(axis=0).tolist(),
        "rank_p": rank_p(value, drawn).tolist() if tested else [None] * count,
        "draws": [len(drawn)] * count,
    }
