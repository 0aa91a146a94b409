"""What each culture's mask does to the answers on each culture, in one model."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import matplotlib
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from culture_neurons.outcomes import ACCURACY, OUTCOMES
from culture_neurons.plots.parts.heatmaps import (
    ANNOTATED,
    add_colorbar,
    annotate_cells,
    culture_grid,
    draw_cells,
    form_change,
)
from culture_neurons.plots.parts.inputs import choose_outcome
from culture_neurons.plots.parts.names import label_cultures
from culture_neurons.plots.parts.style import (
    PLANTED,
    add_note,
    empty_figure,
    in_style,
    set_title,
)
from culture_neurons.plots.parts.wording import count_questions, label_change


@in_style
def plot_deactivation(
    effects: Mapping[str, pl.DataFrame],
    alpha: float,
    outcome: str = ACCURACY,
    others: Iterable[pl.DataFrame] = (),
    names: Mapping[str, str] | None = None,
) -> Figure:
    """Draw an outcome's change per masked and evaluated culture, a panel per scorer.

    All panels share one diverging scale with equal limits around 0, those of other models' figures
    too. Own cultures are framed, and a dot marks q <= alpha.

    Args:
        effects: Scorer -> its effects table.
        alpha: Level of the false discovery rate.
        outcome: What changes.
        others: Effects tables of other models.
        names: Code of a culture -> its name.
    """
    effects, scale = choose_outcome(effects, outcome), OUTCOMES[outcome].scale
    cultures = sorted(
        {
            name
            for frame in effects.values()
            for column in ("mask_culture", "culture")
            for name in frame[column]
        }
    )
    changes = {name: scale * effect_matrix(e, cultures, "delta") for name, e in effects.items()}
    shown = [*(frame.filter(outcome=outcome) for frame in others), *effects.values()]
    largest = scale * max((frame["delta"].abs().max() or 0 for frame in shown), default=0)
    if not any(np.isfinite(change).any() for change in changes.values()):
        return empty_figure("No change to show: no mask was evaluated.")
    limit = max(scale / 100, largest)
    colors, norm = matplotlib.colormaps["RdBu"], Normalize(-limit, limit)
    form = partial(form_change, digits=OUTCOMES[outcome].digits)
    rows, columns = ([each] * len(changes) for each in (label_cultures(cultures, names), cultures))
    kinds = ("masked culture", "evaluated culture")
    figure, panels, spare = culture_grid(rows, columns, kinds)
    for axes, (scorer, change) in zip(panels, changes.items(), strict=True):
        draw_cells(axes, change, colors, norm)
        if len(cultures) <= ANNOTATED:
            annotate_cells(axes, change, colors, norm, form)
        _mark_cells(axes, effect_matrix(effects[scorer], cultures, "q") <= alpha, cultures)
        axes.set_title(scorer, loc="left")
    label = f"{label_change(outcome)}\ndot: q ≤ {alpha:g}; grey: not evaluated"
    add_colorbar(figure, panels, spare, colors, norm, label)
    found = [frame for scorer, frame in effects.items() if scorer != PLANTED]
    counted = pl.concat(found or effects.values())
    set_title(figure, _word_title(counted, alpha, OUTCOMES[outcome].loss))
    add_note(figure, count_questions(effects.values()))
    return figure


def _word_title(effects: pl.DataFrame, alpha: float, loss: str) -> str:
    """Count the cells in which the test shows a loss, of own and of other cultures."""
    losses = (pl.col("delta") < 0) & (pl.col("q") <= alpha)
    is_own = pl.col("mask_culture") == pl.col("culture")
    own, others = (
        f"{cells.filter(losses).height} of {cells.height}"
        for cells in map(effects.drop_nulls("delta").filter, (is_own, ~is_own))
    )
    return f"{loss.capitalize()} is shown on the own culture in {own} cells, on others in {others}"


def effect_matrix(effects: pl.DataFrame, cultures: Sequence[str], column: str) -> np.ndarray:
    """Arrange a column of an effects table as [masked culture, evaluated culture].

    What the table does not have is NaN.
    """
    index = {culture: position for position, culture in enumerate(cultures)}
    matrix = np.full((len(cultures), len(cultures)), np.nan)
    for masked, evaluated, value in effects.select("mask_culture", "culture", column).iter_rows():
        matrix[index[masked], index[evaluated]] = np.nan if value is None else value
    return matrix


def _mark_cells(axes: Axes, marked: np.ndarray, cultures: Sequence[str]) -> None:
    """Frame the cells of the masks' own cultures, and put a dot on marked cells."""
    for place in range(len(cultures)):
        axes.add_patch(Rectangle((place, place), 1, 1, fill=False, color="0.4", linewidth=0.5))
    rows, columns = np.nonzero(marked)
    # in the corner where the middle holds a number
    x, y = (0.9, 0.2) if len(cultures) <= ANNOTATED else (0.5, 0.5)
    axes.plot(
        columns + x,
        rows + y,
        linestyle="none",
        marker="o",
        markersize=2.2,
        color="black",
        markeredgecolor="white",
        markeredgewidth=0.3,
    )
