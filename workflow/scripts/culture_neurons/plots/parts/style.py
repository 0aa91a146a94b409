"""What all figures share: sizes, fonts, the colour and marker of a scorer, and how they are saved.

Not for drawing data: that is each family's module.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.style
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from culture_neurons.storage.facts import STUDY
from culture_neurons.storage.writing import atomic_path

NARROW = 3.3  # inches, one column of a page
WIDE = 6.9  # inches, both columns
DOTS_PER_INCH = 200
PAGE = 9.0  # inches, the height of a page of Letter between margins of an inch
SMALL = 7  # points, of most text
SMALLEST = 6  # points, of names that are many
LINE = 0.095  # inches, the height of a line of the smallest text
PLANTED = "planted"  # no scorer found these: titles leave them out

_SETTINGS = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "figure.titlesize": 9,
    "figure.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "text.parse_math": False,  # a dataset's words may hold dollar signs
    "svg.fonttype": "none",  # real text: searchable, and editable in a drawing program
    "svg.hashsalt": "culture_neurons",  # ids of the file's parts, random without it
}

# Decorator and context. Starts from matplotlib's defaults, so a user's matplotlibrc changes no
# figure; needed for drawing and for saving, because ticks are made as late as that.
in_style = matplotlib.style.context(["default", _SETTINGS])


class Look(NamedTuple):
    """Colour and, as the second cue, marker of one thing in every figure."""

    color: str
    marker: str


# Okabe and Ito's colour-blind-safe palette without its yellow, which is faint on white.
SCORER_LOOKS = {
    "lap": Look("#E69F00", "s"),
    "lape": Look("#56B4E9", "^"),
    "lape_matched": Look("#0072B2", "v"),
    "mad": Look("#009E73", "D"),
    "cas": Look("#D55E00", "o"),
    "gradact": Look("#CC79A7", "P"),
    PLANTED: Look("#000000", "*"),
}
# Paul Tol's bright palette, kept from SCORER_LOOKS by its markers too.
_OTHER_LOOKS = (
    Look("#4477AA", "o"),
    Look("#EE6677", "s"),
    Look("#228833", "^"),
    Look("#AA3377", "D"),
    Look("#66CCEE", "v"),
    Look("#777777", "X"),
    Look("#CCBB44", "p"),
)


def scorer_looks(scorers: Sequence[str]) -> dict[str, Look]:
    """Give each scorer its look: fixed for the known, by alphabet for a user's own."""
    unknown = sorted(set(scorers) - set(SCORER_LOOKS))
    return SCORER_LOOKS | {
        name: _OTHER_LOOKS[-1 - index % len(_OTHER_LOOKS)] for index, name in enumerate(unknown)
    }


def model_looks(models: Sequence[str]) -> dict[str, Look]:
    """Give each model its look, in the order of the models."""
    return {name: _OTHER_LOOKS[index % len(_OTHER_LOOKS)] for index, name in enumerate(models)}


def fit_height(rows: int, usual: float, least: float, rest: float) -> float:
    """Choose the height of a row in inches: less than usual where a page is too low for so many.

    Args:
        rows: How many, one below the other.
        usual: Where there is room.
        least: What a row needs.
        rest: What stands above and below the rows.
    """
    return max(least, min(usual, (PAGE - rest) / rows))


def wrap_title(text: str, inches: float) -> str:
    """Break a panel's title, or the name beside it, where it is wider than the panel."""
    width = max(8, int(inches * 17.5))  # characters of 8-point text
    return "\n".join(part for line in text.split("\n") for part in textwrap.wrap(line, width))


def set_title(figure: Figure, text: str) -> None:
    """Set the figure's title line, flush left, broken where the figure is too narrow for it."""
    lines = textwrap.wrap(text, int(figure.get_figwidth() * 13))  # characters of 9 points, bold
    figure.set_figheight(figure.get_figheight() + 0.15 * (len(lines) - 1))  # inches
    figure.suptitle("\n".join(lines), x=0.01, ha="left")


def add_legend(figure: Figure, handles: Sequence[Artist]) -> None:
    """Add a legend below the panels, on as many lines as the figure's width takes."""
    wide = sum(0.38 + 0.052 * len(handle.get_label()) for handle in handles)  # inches
    lines = math.ceil(wide / figure.get_figwidth())
    figure.set_figheight(figure.get_figheight() + 0.14 * (lines - 1))  # inches
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=math.ceil(len(handles) / lines),
        columnspacing=1.2,
        handletextpad=0.4,
    )


def add_note(figure: Figure, text: str) -> None:
    """Write what n is below the axes, above the legend if there is one, in the smallest text.

    A report's caption cannot say it: Snakemake fills in the config's values, but no table's.
    """
    lines = textwrap.wrap(text, int(figure.get_figwidth() * 20))  # characters of 7-point text
    figure.set_figheight(figure.get_figheight() + 0.14 * len(lines))  # inches
    if figure.legends:
        figure.legends[0].set_title("\n".join(lines), prop={"size": SMALL})
        figure.legends[0].set_alignment("left")
    else:
        figure.supxlabel("\n".join(lines), x=0.01, ha="left", size=SMALL)


@in_style
def empty_figure(message: str) -> Figure:
    """Draw a figure that says why there is nothing to show."""
    figure = Figure(figsize=(NARROW, 1.2))
    figure.text(0.5, 0.5, textwrap.fill(message, 44), ha="center", va="center")
    return figure


def _add_head(figure: Figure, text: str) -> None:
    """Write a line above the title, on as much more height."""
    height = figure.get_figheight() + 0.16  # inches
    figure.set_figheight(height)
    top = 1 - 0.16 / height
    if figure.get_suptitle():  # moved, it is none of the layout's
        title = figure.suptitle(figure.get_suptitle(), x=0.01, y=top, ha="left", va="top")
        top -= (title.get_window_extent().height / figure.dpi + 0.06) / height
    if figure.get_layout_engine() is not None:
        figure.get_layout_engine().set(rect=(0, 0, 1, top))
    figure.text(0.01, 1 - 0.03 / height, text, va="top", size=SMALL, color="0.35")


@in_style
def lay_out(figure: Figure, study: Mapping[str, str] | None = None) -> None:
    """Place all parts of a figure, which stay where they are.

    Args:
        figure: Drawn here, and changed by it.
        study: What its path says of the figure, which stands above the title: a picture is looked
            at apart from its path and its caption.
    """
    known = dict(study or {})  # Snakemake's wildcards tell by `in` what values they have, not keys
    names = [known[key] for key in (*STUDY, "intervention") if key in known]
    if names:
        _add_head(figure, ", ".join(names))
    figure.set_dpi(DOTS_PER_INCH)  # letters are not equally wide at every resolution
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the layout stands: finding it is half of the time


@in_style
def save_figure(
    figure: Figure,
    svg_path: str | Path,
    png_path: str | Path,
    study: Mapping[str, str] | None = None,
) -> None:
    """Write a figure as SVG and as PNG: both or neither, without a date.

    Args:
        figure: Drawn here, and changed by it.
        svg_path: Target.
        png_path: Target.
        study: See `lay_out`.
    """
    lay_out(figure, study)
    with atomic_path(svg_path) as svg, atomic_path(png_path) as png:
        figure.savefig(svg, format="svg", metadata={"Date": None})
        figure.savefig(png, format="png", dpi=DOTS_PER_INCH)
