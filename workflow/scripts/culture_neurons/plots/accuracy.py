"""How well each unmodified model answers each culture's questions."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from culture_neurons.evaluate.shares import clustered_wilson
from culture_neurons.plots.parts.names import label_cultures
from culture_neurons.plots.parts.style import (
    NARROW,
    Look,
    add_note,
    empty_figure,
    in_style,
    model_looks,
    set_title,
)
from culture_neurons.plots.parts.wording import form_count

UNSEEN = {"swapped": ("x", "a swapped picture"), "blind": ("|", "no picture")}  # marker, label


@in_style
def plot_accuracy(
    answers: Mapping[str, pl.DataFrame],
    unseen: Mapping[str, pl.DataFrame],
    questions: pl.DataFrame,
    confidence: float,
    names: Mapping[str, str] | None = None,
) -> Figure:
    """Draw accuracy per culture and model: seeing, with intervals clustered by image, and not.

    Args:
        answers: Model name -> its answers table.
        unseen: Model name -> its table of answers without seeing the picture.
        questions: The questions table.
        confidence: Coverage of the intervals.
        names: Code of a culture -> its name.

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
    _label_axes(axes, label_cultures(cultures, names))
    offsets = (np.arange(len(tallies)) - (len(tallies) - 1) / 2) * 0.8 / len(tallies)
    looks = model_looks(list(tallies))
    shares = {
        model: 100 * estimate_shares(tally, cultures, confidence)
        for model, tally in tallies.items()
    }
    for offset, (model, share) in zip(offsets, shares.items(), strict=True):
        _draw_model(axes, share, offset, looks[model], model)
        for shown, (marker, _) in UNSEEN.items():
            tally = tally_images(unseen[model].filter(shown=shown), questions)
            share = 100 * estimate_shares(tally, cultures, confidence)[:, 0]
            y = np.arange(len(cultures)) + offset
            look = {"linestyle": "none", "marker": marker, "markersize": 3.2, "alpha": 0.8}
            axes.plot(share, y, color=looks[model].color, **look)
    for marker, label in UNSEEN.values():
        axes.plot([], [], linestyle="none", marker=marker, markersize=3.2, color="0.4", label=label)
    chance = 100 * chance_accuracy(questions)
    axes.axvline(
        chance, color="0.4", linestyle="--", linewidth=0.8, label=f"chance ({chance:.0f} %)"
    )
    figure.legend(loc="outside lower left", handletextpad=0.4, borderpad=0)
    set_title(figure, _word_title(np.concatenate(list(shares.values())), chance))
    asked = [rows["size"] for tally in tallies.values() for _, rows in tally.group_by("culture")]
    each = f"{form_count('question', map(sum, asked))} on {form_count('image', map(len, asked))}"
    add_note(figure, f"n = {form_count('culture', [len(cultures)])} with {each} each")
    return figure


def _label_axes(axes: Axes, rows: list[str]) -> None:
    """Make rows from top to bottom, shaded in turns, and an axis of per cent."""
    for index in range(0, len(rows), 2):
        axes.axhspan(index - 0.5, index + 0.5, color="0.95", linewidth=0, zorder=0)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(-2, 102)  # room for markers at 0 and 100
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("accuracy (%)")


def _word_title(shares: np.ndarray, chance: float) -> str:
    """Count the accuracies whose whole interval lies above chance."""
    share, low, _ = shares[np.isfinite(shares[:, 0])].T
    above = f"{(low > chance).sum()} of {len(share)}"
    return f"Unmodified models: accuracy is above chance in {above} cases"


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


def estimate_shares(tally: pl.DataFrame, cultures: list[str], confidence: float) -> np.ndarray:
    """Return share, lower, and upper bound of each culture, [culture, 3]; NaN without answers."""
    shares = np.full((len(cultures), 3), np.nan)
    for (culture,), images in tally.group_by("culture"):
        hits, size = images["hits"], images["size"]
        shares[cultures.index(culture)] = clustered_wilson(hits, size, confidence)
    return shares


def _draw_model(axes: Axes, shares: np.ndarray, offset: float, look: Look, label: str) -> None:
    share, low, high = shares.T
    y = np.arange(len(share)) + offset
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
