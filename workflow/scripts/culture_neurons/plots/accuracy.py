"""How well each unmodified model answers each culture's questions."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from culture_neurons.plots.intervals import clustered_wilson
from culture_neurons.plots.style import (
    NARROW,
    Look,
    empty_figure,
    in_style,
    model_looks,
    set_title,
)


@in_style
def plot_accuracy(answers: Mapping[str, pl.DataFrame], questions: pl.DataFrame) -> Figure:
    """Draw accuracy per culture and model, with 95 % intervals clustered by image and chance.

    Args:
        answers: Model name -> its answers table.
        questions: The questions table.

    Raises:
        ValueError: An answer's question is not among the questions.
    """
    tallies = {model: tally_images(frame, questions) for model, frame in answers.items()}
    if not any(tally.height for tally in tallies.values()):
        return empty_figure("No accuracy to show: there are no answers.")
    cultures = sorted({name for tally in tallies.values() for name in tally["culture"]})
    row = max(0.18, 0.06 * len(tallies) + 0.04)
    height = row * len(cultures) + 0.13 * len(tallies) + 1.15
    figure = Figure(figsize=(NARROW, height), layout="constrained")
    axes = figure.subplots()
    for index in range(0, len(cultures), 2):
        axes.axhspan(index - 0.5, index + 0.5, color="0.95", linewidth=0, zorder=0)
    offsets = (np.arange(len(tallies)) - (len(tallies) - 1) / 2) * 0.8 / len(tallies)
    looks = model_looks(list(tallies))
    for offset, (model, tally) in zip(offsets, tallies.items(), strict=True):
        _draw_model(axes, tally, cultures, offset, looks[model], model)
    chance = 100 * chance_accuracy(questions)
    axes.axvline(
        chance, color="0.4", linestyle="--", linewidth=0.8, label=f"chance ({chance:.0f} %)"
    )
    axes.set_yticks(range(len(cultures)), cultures)
    axes.set_ylim(len(cultures) - 0.5, -0.5)
    axes.set_xlim(0, 102)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("accuracy (%)")
    figure.legend(loc="outside lower left", handletextpad=0.4, borderpad=0)
    set_title(figure, "Accuracy of the unmodified models")
    return figure


def tally_images(answers: pl.DataFrame, questions: pl.DataFrame) -> pl.DataFrame:
    """Count questions (`size`) and right answers (`hits`) of each culture and image.

    Raises:
        ValueError: An answer's question is not among the questions.
    """
    joined = answers.select("question_id", "correct").join(
        questions.select("question_id", "culture", "image_id"), on="question_id", how="left"
    )
    foreign = joined.filter(pl.col("culture").is_null())["question_id"]
    if len(foreign):
        raise ValueError(
            f"{len(foreign)} answers have no question, {foreign[0]!r} first: answers and "
            "questions are of different datasets"
        )
    return (
        joined.drop_nulls("correct")
        .group_by("culture", "image_id")
        .agg(hits=pl.col("correct").sum(), size=pl.len())
        .sort("culture", "image_id")
    )


def chance_accuracy(questions: pl.DataFrame) -> float:
    """Return the mean over questions of 1 / number of options; NaN without questions."""
    options = pl.col("texts").list.first().struct.field("options").list.len()
    mean = questions.select((1 / options).mean()).item()
    return float("nan") if mean is None else mean


def _draw_model(
    axes: Axes,
    tally: pl.DataFrame,
    cultures: list[str],
    offset: float,
    look: Look,
    label: str,
) -> None:
    values = np.full((len(cultures), 3), np.nan)
    for (culture,), images in tally.group_by("culture"):
        values[cultures.index(culture)] = clustered_wilson(images["hits"], images["size"])
    share, low, high = 100 * values.T
    y = np.arange(len(cultures)) + offset
    axes.hlines(y, low, high, color=look.color, linewidth=0.8)
    axes.plot(
        share,
        y,
        linestyle="none",
        marker=look.marker,
        markersize=3.2,
        color=look.color,
        label=label,
    )
