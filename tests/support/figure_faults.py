"""What a reader of a printed figure would not forgive: measured on the figure as it is saved."""

from unittest.mock import patch

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from culture_neurons.plots.parts.style import DOTS_PER_INCH, NARROW, WIDE, in_style

PAGE = 9.0  # inches: a page of Letter's height between margins of an inch
SMALLEST = 6  # points
_GAP = 2.0  # points between two texts of one line
_TOUCH = 0.3  # points; boxes of text hold a little air


@in_style
def find_faults(figure: Figure) -> list[str]:
    """List what is cut, covered, too small, or too large on a figure that is laid out."""
    FigureCanvasAgg(figure)
    texts = find_drawn_texts(figure)
    return [
        *_find_size(figure, texts),
        *_find_cut(figure, texts),
        *_find_meetings(texts),
        *_find_intruders(figure, texts),
        *_find_lost_marks(figure),
    ]


def find_drawn_texts(figure: Figure) -> list[Text]:
    """List the texts that are drawn: those of hidden panels and of ticks out of view are not."""
    drawn = []
    with patch.object(Text, "draw", lambda text, _: drawn.append(text)):
        figure.draw_without_rendering()
    return [text for text in drawn if text.get_visible() and text.get_text().strip()]


def _find_size(figure, texts):
    width, height = figure.get_size_inches()
    if width not in (NARROW, WIDE):
        yield f"{width} inches wide, neither a column nor a page"
    if height > PAGE:
        yield f"{height:.2f} inches high, more than a page"
    for text in texts:
        if text.get_fontsize() < SMALLEST:
            yield f"{_quote(text)} has {text.get_fontsize():g} points"


def _find_cut(figure, texts):
    for text in texts:
        box = text.get_window_extent()
        if not _contains(figure.bbox, box, 0):
            yield f"{_quote(text)} is cut by the figure's edge"


def _find_meetings(texts):
    """List pairs of texts that overlap, or that stand in one line without a gap."""
    boxes = np.array([_add_gap(text).extents for text in texts])
    for first, second in zip(*np.nonzero(np.triu(_meet(boxes, boxes), 1)), strict=True):
        yield f"{_quote(texts[first])} meets {_quote(texts[second])}"


def _find_intruders(figure, texts):
    """List legends, and texts of elsewhere, that lie upon a panel."""
    for axes in _list_panels(figure):
        for legend in figure.legends:
            if _meet_one(axes.get_window_extent(), legend.get_window_extent()):
                yield f"the legend lies upon panel {_name(axes)}"
        for text in texts:
            if text.axes is not axes and _meet_one(axes.bbox, text.get_window_extent()):
                yield f"{_quote(text)} lies upon panel {_name(axes)}"


def _find_lost_marks(figure):
    """List marks and lines that the edge of their panel cuts, or that lie beyond it."""
    for axes in _list_panels(figure):
        for line in axes.lines:
            if not line.get_visible() or not line.get_transform().contains_branch(axes.transData):
                continue
            if line.get_transform() != axes.transData:  # a line from edge to edge
                continue
            points = line.get_transform().transform(line.get_xydata())
            points = points[np.isfinite(points).all(1)]
            marked = line.get_marker() not in ("None", None, "")
            half = line.get_markersize() * figure.dpi / 72 / 2 if marked else 0
            for x, y in points if line.get_clip_on() else []:
                box = Bbox([[x - half, y - half], [x + half, y + half]])
                if not _contains(axes.bbox, box, 3):
                    yield f"a mark of panel {_name(axes)} is cut at its edge"
                    break


def _list_panels(figure):
    return [axes for axes in figure.axes if axes.get_visible() and axes.axison]


def _add_gap(text):
    """Widen a text's box along its line."""
    half = (_GAP / 2 * text.figure.dpi / 72, 0)
    across, up = half if text.get_rotation() % 180 == 0 else half[::-1]
    (x0, y0), (x1, y1) = text.get_window_extent().get_points()
    return Bbox([[x0 - across, y0 - up], [x1 + across, y1 + up]])


def _meet(first, second):
    """Tell which of some boxes overlap which of others, (first, second); extents as rows."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    return (high - low > _TOUCH * DOTS_PER_INCH / 72).all(-1)


def _meet_one(first, second):
    return _meet(first.extents[None], second.extents[None]).item()


def _contains(outer, inner, slack):
    return (
        inner.x0 >= outer.x0 - slack
        and inner.y0 >= outer.y0 - slack
        and inner.x1 <= outer.x1 + slack
        and inner.y1 <= outer.y1 + slack
    )


def _quote(text):
    return repr(text.get_text())


def _name(axes):
    return repr(axes.get_title(loc="left") or axes.get_ylabel() or axes.get_xlabel())
