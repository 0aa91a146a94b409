"""Which figure shows which analysis of sensitivity; not for drawing, which the families do."""

from collections.abc import Mapping, Sequence

import polars as pl
from matplotlib.figure import Figure

from culture_neurons.plots.agreement import plot_agreement
from culture_neurons.plots.curves import plot_layer_agreement, plot_rates, plot_samples
from culture_neurons.plots.settings import plot_categories, plot_splits


def draw_agreement(panels: Mapping[str, pl.DataFrame], analysis: str) -> Figure:
    """Draw the figure of an analysis of scores and masks from rows of each model."""
    if analysis == "samples":
        return plot_samples(panels)
    if analysis == "layers":
        return plot_layer_agreement(panels)
    return plot_agreement(panels, analysis)


def draw_settings(
    table: pl.DataFrame,
    effects: pl.DataFrame | None,
    analysis: str,
    models: Sequence[str],
    split: int,
    rate: float,
) -> Figure:
    """Draw the figure of an analysis of effects.

    Args:
        table: As of `breakdowns.tabulate_rates`, or stacked `categories`; all models.
        effects: Stacked `effects` of one scorer, which tell how many questions there are;
            None for categories, which know it.
        analysis: "rates": all rates of one split; "splits": all splits of one rate; "categories".
        models: Models in their order.
        split: Split of the reference.
        rate: Rate of the reference.
    """
    panels = {model: table.filter(model=model) for model in models}
    if analysis == "categories":
        return plot_categories(panels)
    if analysis == "rates":
        rows = {model: frame.filter(split=split) for model, frame in panels.items()}
        return plot_rates(rows, effects.filter(split=split).partition_by("model"))
    rows = {model: frame.filter(rate=rate) for model, frame in panels.items()}
    return plot_splits(rows, effects.partition_by("model", "split"))
