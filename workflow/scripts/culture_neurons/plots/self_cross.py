"""The headline: what masks do to their own culture and to the others, in every model."""

from collections.abc import Collection, Mapping

import polars as pl
from matplotlib.figure import Figure

from culture_neurons.outcomes import ACCURACY, OUTCOMES
from culture_neurons.plots.parts.dots import (
    Estimate,
    draw_band,
    draw_estimate,
    legend_effects,
    model_panels,
    spread_small,
)
from culture_neurons.plots.parts.inputs import choose_outcome
from culture_neurons.plots.parts.style import (
    PLANTED,
    add_note,
    empty_figure,
    in_style,
    scorer_looks,
    set_title,
)
from culture_neurons.plots.parts.wording import count_questions, label_change, list_names
from culture_neurons.report.verdicts import NOT_SHOWN, judge_masks

_MEASURES = ("self", "cross_by_mask")
_KEYS = ("model", "scorer")

ModelScorer = tuple[str, str]  # model, scorer


@in_style
def plot_self_cross(
    summaries: Mapping[ModelScorer, pl.DataFrame],
    ranks: Mapping[ModelScorer, pl.DataFrame],
    effects: Mapping[ModelScorer, pl.DataFrame],
    control: str,
    asked: Mapping[str, int | None],
    alpha: float,
    outcome: str = ACCURACY,
    guessing: Collection[str] = (),
) -> Figure:
    """Draw an outcome's mean change on own and other cultures per model and scorer.

    Where a scorer has the control, both are drawn on the questions that both were asked.

    Args:
        summaries: (Model, scorer) -> its summaries table. The row without a culture is the mean.
        ranks: (Model, scorer) -> its ranks table.
        effects: (Model, scorer) -> its effects table, which tells how many questions there are.
        control: The control whose band is drawn, where a scorer has it.
        asked: What it was asked: see `count_questions`.
        alpha: Level of the ranks in the verdicts, which the title sums up.
        outcome: What changes.
        guessing: Models whose answers are at chance, so that nothing is shown.
    """
    verdicts = {
        (model, scorer): shown and model not in guessing
        for (model, scorer), shown in find_shown(summaries, ranks, alpha, outcome).items()
        if scorer != PLANTED
    }
    summaries, ranks, effects = (
        choose_outcome(frames, outcome) for frames in (summaries, ranks, effects)
    )
    scale = OUTCOMES[outcome].scale
    models = list(dict.fromkeys(model for model, _ in summaries))
    scorers = list(dict.fromkeys(scorer for _, scorer in summaries))
    measured = pl.col("measure").is_in(_MEASURES) & pl.col("value").is_finite()
    if not any(frame.filter(measured).height for frame in summaries.values()):
        return empty_figure("No change to show: no mask was evaluated.")
    figure, panels = model_panels(models, scorers, label_change(outcome))
    looks = scorer_looks(scorers)
    for axes, model in zip(panels, models, strict=True):
        axes.axvline(0, color="0.4", linewidth=0.8, zorder=0.8)
        for row, scorer in enumerate(scorers):
            if (model, scorer) not in summaries:
                continue
            for second, measure in enumerate(_MEASURES):
                shared = ranks[model, scorer].filter(control=control)
                rows = shared if shared.height else summaries[model, scorer]
                estimate = read_measure(rows, measure, scale)
                band = read_band(ranks[model, scorer], measure, control, scale)
                draw_band(axes, row, bool(second), *band)
                draw_estimate(axes, row, bool(second), looks[scorer], estimate)
    legend_effects(figure, "single cultures", control)
    set_title(figure, word_title(verdicts, OUTCOMES[outcome].opening))
    note = count_questions(effects.values(), **asked)
    small = OUTCOMES[outcome].small
    if spread_small(panels, small):
        note += f". Scale: linear to ±{small:g} (shaded), logarithmic beyond"
    add_note(figure, note)
    return figure


def find_shown(
    summaries: Mapping[ModelScorer, pl.DataFrame],
    ranks: Mapping[ModelScorer, pl.DataFrame],
    alpha: float,
    outcome: str = ACCURACY,
) -> dict[ModelScorer, bool]:
    """Say of which scorers' masks the verdict is that their own culture loses more."""
    if not summaries:
        return {}
    judged = judge_masks(
        _stack(summaries).with_columns(raises=False), _stack(ranks), _KEYS, alpha, outcome
    )
    rows = judged.select(*_KEYS, ~pl.col("verdict").str.starts_with(NOT_SHOWN)).rows()
    verdicts = {(model, scorer): shown for model, scorer, shown in rows}
    return {key: verdicts[key] for key in summaries if key in verdicts}


def _stack(frames: Mapping[ModelScorer, pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(
        frame.with_columns(model=pl.lit(model), scorer=pl.lit(scorer))
        for (model, scorer), frame in frames.items()
    )


def word_title(verdicts: Mapping[ModelScorer, bool], opening: str = "") -> str:
    """Sum up the verdicts: what is said of a scorer holds in every model that has it.

    Args:
        verdicts: Of which scorers' masks an effect is shown.
        opening: What the title begins with.
    """
    title = opening + _word_effect(verdicts)
    return title[0].upper() + title[1:]


def _word_effect(verdicts: Mapping[ModelScorer, bool]) -> str:
    effect = "hurt their own culture more than the others"
    scorers = {
        scorer: [value for (_, name), value in verdicts.items() if name == scorer]
        for scorer in dict.fromkeys(scorer for _, scorer in verdicts)
    }
    always = [scorer for scorer, values in scorers.items() if all(values)]
    if not any(verdicts.values()):
        return f"it is not shown that masks {effect}"
    if len(always) == len(scorers):
        return f"masks {effect}"
    if sum(verdicts.values()) == sum(len(scorers[name]) for name in always):
        return f"masks of {list_names(always)} {effect}"
    return f"masks {effect} in {sum(verdicts.values())} of {len(verdicts)} cases"


def read_measure(table: pl.DataFrame, measure: str, scale: int = 100) -> Estimate:
    """Return a measure's estimate in an outcome's unit; what is absent is NaN.

    Args:
        table: Table `summaries`, or `ranks` of one control.
        measure: Its name.
        scale: See `Outcome`.
    """
    rows = table.filter(pl.col("measure") == measure).sort("culture")
    single = rows.filter(pl.col("culture").is_not_null())["value"].to_numpy()
    mean = rows.filter(pl.col("culture").is_null())
    value, low, high = (scale * _cell(mean, name) for name in ("value", "ci_low", "ci_high"))
    return Estimate(value, low, high, scale * single)


def read_band(
    ranks: pl.DataFrame, measure: str, control: str, scale: int = 100
) -> tuple[float, float]:
    """Return a control's smallest and largest mean in an outcome's unit; absent is NaN."""
    mean = ranks.filter(pl.col("culture").is_null(), measure=measure, control=control)
    return scale * _cell(mean, "control_low"), scale * _cell(mean, "control_high")


def _cell(frame: pl.DataFrame, column: str) -> float:
    value = frame[column][0] if frame.height else None
    return float("nan") if value is None else value
