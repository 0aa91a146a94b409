"""What masks do in another dataset, beside what they do to their own culture in the study's."""

from collections.abc import Collection, Mapping

import polars as pl
from matplotlib.figure import Figure

from culture_neurons.outcomes import ACCURACY, OUTCOMES
from culture_neurons.plots.parts.dots import (
    draw_estimate,
    legend_cultures,
    legend_dot,
    model_panels,
    spread_small,
)
from culture_neurons.plots.parts.inputs import choose_outcome
from culture_neurons.plots.parts.style import (
    PLANTED,
    add_legend,
    add_note,
    in_style,
    scorer_looks,
    set_title,
)
from culture_neurons.plots.parts.wording import count_questions, form_count, label_change
from culture_neurons.plots.self_cross import ModelScorer, read_measure


@in_style
def plot_elsewhere(
    study: Mapping[ModelScorer, pl.DataFrame],
    elsewhere: Mapping[ModelScorer, pl.DataFrame],
    effects: Mapping[ModelScorer, pl.DataFrame],
    dataset: str,
    shown: Collection[ModelScorer],
    unchanged: float,
    outcome: str = ACCURACY,
) -> Figure:
    """Draw an outcome's mean change in the study and elsewhere, per model and scorer.

    Args:
        study: (Model, scorer) -> its summaries table of the study's dataset.
        elsewhere: The same of the other dataset, with or without cultures.
        effects: (Model, scorer) -> its effects table of the other dataset.
        dataset: The other dataset's name.
        shown: Of a dataset of cultures, whose masks have a verdict that is shown there.
        unchanged: The largest change that counts as none, as tables hold it.
        outcome: What changes.
    """
    study, elsewhere, effects = (
        choose_outcome(frames, outcome) for frames in (study, elsewhere, effects)
    )
    scale, small = OUTCOMES[outcome].scale, OUTCOMES[outcome].small
    general = "general" in next(iter(elsewhere.values()))["measure"]
    measure = "general" if general else "self"
    models, scorers = (list(dict.fromkeys(names)) for names in zip(*study, strict=True))
    figure, panels = model_panels(models, scorers, label_change(outcome))
    looks, found = scorer_looks(scorers), []
    for axes, model in zip(panels, models, strict=True):
        axes.axvline(0, color="0.4", linewidth=0.8, zorder=0.8)
        for row, scorer in enumerate(scorers):
            if (model, scorer) not in study:
                continue
            own = read_measure(study[model, scorer], "self", scale)
            there = read_measure(elsewhere[model, scorer], measure, scale)
            draw_estimate(axes, row, False, looks[scorer], own)
            draw_estimate(axes, row, True, looks[scorer], there)
            none = -scale * unchanged <= there.low and there.high <= scale * unchanged
            if scorer != PLANTED:
                found.append(none if general else (model, scorer) in shown)
    _add_legend(figure, dataset, general)
    claim = f"hurt their own culture in {dataset} as well"
    note = f"{dataset}: {count_questions(effects.values())}"
    if general:
        claim = f"leave the questions of {dataset} unchanged"
        counts = (frame["questions"][0] for frame in effects.values())
        note = f"{dataset}: n = {form_count('question', counts)}"
    set_title(figure, _word_title(claim, found, OUTCOMES[outcome].opening))
    if spread_small(panels, small):
        note += f". Scale: linear to ±{small:g} (shaded), logarithmic beyond"
    add_note(figure, note)
    return figure


def _add_legend(figure: Figure, dataset: str, general: bool) -> None:
    asked = "without a culture" if general else "own culture"
    handles = [
        legend_dot("own culture, in the study", second=False),
        legend_dot(f"{asked}, in {dataset}", second=True),
        legend_cultures("single masks" if general else "single cultures"),
    ]
    add_legend(figure, handles)


def _word_title(claim: str, found: Collection[bool], opening: str) -> str:
    """Say of how many scorers and models it holds that masks do what is claimed."""
    title = f"{opening}masks {claim}"
    if not any(found):
        title = f"{opening}it is not shown that masks {claim}"
    elif not all(found):
        title += f", in {sum(found)} of {len(found)} cases"
    return title[0].upper() + title[1:]
