"""Each measure's rank among the draws of a control: table `ranks`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from culture_neurons.evaluate.intervals import bound_means
from culture_neurons.evaluate.measures import MEASURES, contrast
from culture_neurons.evaluate.pairing import PairedAnswers, pair_outcomes, read_outcomes
from culture_neurons.evaluate.resampling import bootstrap_cells
from culture_neurons.evaluate.significance import rank_p
from culture_neurons.neurons import MaskName, read_sizes


def rank_controls(
    answers: Mapping[str, PairedAnswers],
    questions: pl.DataFrame,
    controls: Mapping[str, tuple[Mapping[str, object], Mapping[str, int | None]]],
    *,
    kept: np.ndarray,
    **intervals: object,
) -> Iterator[dict[str, list]]:
    """Yield the ranks among each control's draws, one control and outcome at a time.

    Args:
        answers: Outcome -> answers under the scorer's masks.
        questions: The evaluate questions.
        controls: Path of a control's table `outcomes` -> its facts, and how many questions its
            masks were asked: other_questions and own_questions of `pair_outcomes`.
        kept: Indices of the masks that means over cultures are taken of.
        intervals: As `rank_effects`.
    """
    for path, (facts, asked) in controls.items():
        masks, outcomes = list(read_sizes(facts)), read_outcomes(path)
        for name, paired in answers.items():
            control = pair_outcomes(questions, outcomes, masks, outcome=name, **asked)
            yield rank_effects(paired, control, masks, facts["control"], kept=kept, **intervals)


def rank_effects(
    paired: PairedAnswers,
    control: PairedAnswers,
    masks: Sequence[MaskName],
    drawn: Mapping[str, object],
    *,
    kept: np.ndarray,
    raises: bool = False,
    cross: str,
    resamples: int,
    confidence: float,
    seed: int,
) -> dict[str, list]:
    """Rank each measure, per culture and as the mean over cultures, among a control's draws.

    Masks that were asked nothing of other cultures are ranked by self alone.

    Each draw is measured as if it were the scorer, on the questions that both were asked. Only
    masks that were chosen as the scorer's own are give the gap a p-value, those of permuted
    labels. The gaps of other masks hardly vary: one that costs every culture the same share would
    stand out among them.

    Args:
        paired: Answers under the scorer's masks.
        control: Answers under the control's masks.
        masks: The control's, in the order of its rows. A mask that is not there is empty and
            changes nothing.
        drawn: The control: name, kind, draws.
        kept: Indices of the masks that means over cultures are taken of.
        raises: Rank gains, not losses.
        cross: The measure that `gap` subtracts.
        resamples: Bootstrap resamples of images, for the intervals of the scorer's means.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.

    Returns:
        Columns of table `ranks`.
    """
    common, gained = stack_draws(paired, control, masks, drawn["draws"])
    measures = _list_measures(common)
    # Cells that nothing was asked of are NaN, and of no measure that is listed.
    with np.errstate(invalid="ignore", divide="ignore"):
        deltas = [common.average(paired.gained), common.average(gained)]  # (..., masks, cultures)
        observed, null = (contrast(delta, cross) for delta in deltas)
        means = [contrast(delta[..., kept, :][..., kept], cross) for delta in deltas]
        spread = bootstrap_cells(common, resamples, seed)
        bounds = bound_means(common, spread, kept, cross, confidence, seed)
    columns: dict[str, list] = {}
    for measure in measures:
        # (cultures + 1,), (draws, cultures + 1)
        value = np.append(observed[measure], means[0][measure].mean())
        values = np.column_stack([null[measure], means[1][measure].mean(axis=1)])
        tested = measure != "gap" or drawn["kind"] == "permuted"
        names = [*paired.cultures, None]
        keys = {"outcome": paired.outcome, "measure": measure, "control": drawn["name"]}
        tests = {"tested": tested, "raises": raises}
        part = list_ranks(names, keys, value, values, bounds[measure], **tests)
        columns = {name: columns.get(name, []) + part[name] for name in part}
    return columns


def _list_measures(paired: PairedAnswers) -> Sequence[str]:
    """List what can be measured: self alone where masks were asked nothing of other cultures."""
    return MEASURES if paired.tally(1.0).all() else MEASURES[:1]


def stack_draws(
    paired: PairedAnswers, control: PairedAnswers, masks: Sequence[MaskName], draws: int
) -> tuple[PairedAnswers, np.ndarray]:
    """Bring a control's changes into the shape of a scorer's, on what both were asked.

    Args:
        paired: Answers under the scorer's masks.
        control: Answers under the control's masks.
        masks: The control's, in the order of its rows. A mask that is not there changes nothing.
        draws: Of the control.

    Returns:
        The scorer's answers with fewer asked, and the control's changes (draws, masks, questions).
    """
    rows = {name: index for index, name in enumerate(masks)}
    gained = np.zeros((draws, *paired.gained.shape))
    asked = paired.asked.copy()
    for row, culture in enumerate(paired.cultures):
        for draw in range(draws):
            index = rows.get(MaskName(culture, draw))
            if index is not None:
                gained[draw, row] = control.gained[index]
                asked[row] &= control.asked[index]
    return replace(paired, asked=asked), gained


def list_ranks(
    cultures: Sequence[str | None],
    keys: Mapping[str, str],
    value: np.ndarray,
    drawn: np.ndarray,
    interval: Sequence[float | None] = (None, None),
    *,
    tested: bool = True,
    raises: bool,
) -> dict[str, list]:
    """List rows of table `ranks`.

    Args:
        cultures: None for a mean over cultures.
        keys: outcome and measure, what is ranked; control, what it is ranked among.
        value: (cultures,).
        drawn: (draws, cultures), one draw or more.
        interval: Of the last value, a mean.
        tested: Give p-values.
        raises: Of gains, not losses.
    """
    count, sign = len(value), -1 if raises else 1
    return {
        "culture": list(cultures),
        **{name: [key] * count for name, key in keys.items()},
        "value": value.tolist(),
        "ci_low": [*[None] * (count - 1), interval[0]],
        "ci_high": [*[None] * (count - 1), interval[1]],
        "control_mean": drawn.mean(axis=0).tolist(),
        "control_low": drawn.min(axis=0).tolist(),
        "control_high": drawn.max(axis=0).tolist(),
        "rank_p": rank_p(sign * value, sign * drawn).tolist() if tested else [None] * count,
        "draws": [len(drawn)] * count,
    }
