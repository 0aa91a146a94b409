"""Effects under other choices: between splits of the images, and by category of the questions."""

from collections.abc import Iterable, Mapping
from functools import partial

import matplotlib
import numpy as np
import polars as pl
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from culture_neurons.outcomes import ACCURACY, OUTCOMES
from culture_neurons.plots.parts.dots import (
    Estimate,
    draw_band,
    draw_estimate,
    legend_effects,
    model_panels,
)
from culture_neurons.plots.parts.fonts import choose_fonts
from culture_neurons.plots.parts.heatmaps import (
    ANNOTATED,
    add_colorbar,
    annotate_cells,
    draw_cells,
    form_change,
    matrix_grid,
)
from culture_neurons.plots.parts.inputs import choose_outcome
from culture_neurons.plots.parts.style import (
    add_note,
    empty_figure,
    in_style,
    scorer_looks,
    set_title,
    wrap_title,
)
from culture_neurons.plots.parts.wording import (
    count_questions,
    form_count,
    label_change,
    name_change,
)

_MEASURES = {"self": "own culture (self)", "cross_by_mask": "others (cross)"}


@in_style
def plot_splits(
    rates: Mapping[str, pl.DataFrame],
    effects: Iterable[pl.DataFrame],
    asked: Mapping[str, int | None],
    outcome: str = ACCURACY,
) -> Figure:
    """Draw self and cross of every split and their mean, a panel per model.

    Args:
        rates: Model -> its rows of one rate and all splits, columns: see
            `tabulate_rates` of sensitivity/settings.py.
        effects: Tables `effects` of models and splits, which tell how many questions there are.
        asked: What the control was asked: see `count_questions`.
        outcome: What changes.
    """
    rates, scale = choose_outcome(rates, outcome), OUTCOMES[outcome].scale
    scorers = list(dict.fromkeys(name for frame in rates.values() for name in frame["scorer"]))
    if not scorers:
        return empty_figure("No splits to show: no mask was evaluated.")
    figure, panels = model_panels(list(rates), scorers, label_change(outcome))
    looks = scorer_looks(scorers)
    for axes, frame in zip(panels, rates.values(), strict=True):
        axes.axvline(0, color="0.4", linewidth=0.8, zorder=0.8)
        for row, scorer in enumerate(scorers):
            for second, measure in enumerate(_MEASURES):
                rows = frame.filter(scorer=scorer, measure=measure)
                values = scale * rows["value"].to_numpy()
                if not len(values):
                    continue
                band = rows["control_low"].min(), rows["control_high"].max()
                if None not in band:
                    draw_band(axes, row, bool(second), scale * band[0], scale * band[1])
                estimate = Estimate(values.mean(), values.min(), values.max(), values)
                draw_estimate(axes, row, bool(second), looks[scorer], estimate)
    control = next((n for frame in rates.values() for n in frame["control"].drop_nulls()), None)
    legend_effects(figure, "single splits", control)
    set_title(figure, f"{name_change(outcome)} in several splits of the images")
    add_note(figure, count_questions(effects, **asked))
    return figure


@in_style
def plot_categories(categories: Mapping[str, pl.DataFrame], outcome: str = ACCURACY) -> Figure:
    """Draw an outcome's change by category and scorer: own culture and others, a row per model.

    Args:
        categories: Model -> its rows of table `categories`.
        outcome: What changes.
    """
    categories, scale = choose_outcome(categories, outcome), OUTCOMES[outcome].scale
    names = sorted({name for frame in categories.values() for name in frame["category"]})
    if not names:
        return empty_figure("No categories to show: no mask was evaluated.")
    scorers = list(dict.fromkeys(s for frame in categories.values() for s in frame["scorer"]))
    panels = [(model, measure) for model in categories for measure in _MEASURES]
    matrices = [
        scale * category_matrix(categories[model].filter(measure=measure), names, scorers)
        for model, measure in panels
    ]
    limit = max(scale / 100, max(np.nanmax(np.abs(m), initial=0) for m in matrices))
    colors, norm = matplotlib.colormaps["RdBu"], Normalize(-limit, limit)
    form = partial(form_change, digits=OUTCOMES[outcome].digits)
    families, unreadable = choose_fonts(names)
    shown = [f"no. {n}" if name in unreadable else name for n, name in enumerate(names, 1)]
    rows, columns = ([each] * len(panels) for each in (shown, scorers))
    figure, axes_list, spare = matrix_grid(rows, columns, side=len(_MEASURES))
    for axes, matrix, (model, measure) in zip(axes_list, matrices, panels, strict=True):
        draw_cells(axes, matrix, colors, norm)
        if len(names) <= ANNOTATED:
            annotate_cells(axes, matrix, colors, norm, form)
        for label in axes.get_yticklabels():
            label.set_family(families)
        axes.set_title(wrap_title(f"{model}: {_MEASURES[measure]}", 2.4), loc="left")
    label = f"{label_change(outcome)}\ngrey: no such question"
    add_colorbar(figure, axes_list, spare, colors, norm, label)
    set_title(figure, f"{name_change(outcome)} by category of the questions")
    note = _count_asked(pl.concat(categories.values()))
    if unreadable:
        note += (
            f". No font of this machine has the letters of {form_count('name', [len(unreadable)])}:"
            " these are numbered, in the order of all names"
        )
    add_note(figure, note)
    return figure


def _count_asked(categories: pl.DataFrame) -> str:
    rows = categories.filter(measure="self")
    cultures = form_count("culture", rows["cultures"])
    return f"n = {form_count('question', rows['questions'])} of {cultures} in a category"


def category_matrix(rows: pl.DataFrame, names: list[str], scorers: list[str]) -> np.ndarray:
    """Arrange one measure's values as [category, scorer]; what is absent is NaN."""
    matrix = np.full((len(names), len(scorers)), np.nan)
    for scorer, category, value in rows.select("scorer", "category", "value").iter_rows():
        matrix[names.index(category), scorers.index(scorer)] = value
    return matrix
