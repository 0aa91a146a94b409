"""How many rows of the dataset are not used, and why."""

import polars as pl
from matplotlib.figure import Figure

from culture_neurons.plots.parts.style import NARROW, add_note, empty_figure, in_style, set_title

_COLOR = "#4477AA"


@in_style
def plot_rejected(rejected: pl.DataFrame, questions: int) -> Figure:
    """Draw a bar per reason: filled for rejections, open for rows that are set aside.

    Args:
        rejected: The rejected table.
        questions: Number of rows that are used.
    """
    reasons = (
        rejected.group_by("reason", "counted")
        .len("rows")
        .sort("counted", "rows", "reason", descending=[True, True, False])
    )
    if not reasons.height:
        return empty_figure("No rejected rows to show: every row of the dataset is used.")
    figure = Figure(figsize=(NARROW, 0.2 * reasons.height + 1.0), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(
        range(reasons.height),
        reasons["rows"],
        height=0.7,
        color=[_COLOR if counted else "white" for counted in reasons["counted"]],
        edgecolor=_COLOR,
        linewidth=0.8,
    )
    axes.bar_label(bars, [f"{rows:,}" for rows in reasons["rows"]], padding=2, size=7)
    axes.set_yticks(range(reasons.height), reasons["reason"])
    axes.set_ylim(reasons.height - 0.4, -0.6)
    axes.set_xlim(0, 1.15 * reasons["rows"].max())
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=4, integer=True)
    axes.set_xlabel("rows")
    counted = int(rejected["counted"].sum())
    share = 100 * counted / (counted + questions) if counted else 0
    set_title(figure, f"Dataset rows not used: {share:.1f} % rejected")
    add_note(figure, f"n = {rejected.height:,} rows not used beside {questions:,} used")
    return figure
