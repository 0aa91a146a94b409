"""Figures on paper: nothing is cut, covered, or too small, at a paper's size and at the demo's."""

from functools import cache
from pathlib import Path

import figure_families
import pytest
from figure_families import COMPONENTS, DEMO, FAMILIES, LONG, PAPER, SUBSETS
from figure_faults import find_drawn_texts, find_faults
from matplotlib.figure import Figure
from plot_tables import make_doses, make_effects

import culture_neurons.plots
from culture_neurons.dataset.cultures import read_names
from culture_neurons.plots.deactivation import plot_deactivation
from culture_neurons.plots.doses import plot_doses
from culture_neurons.plots.parts.names import label_cultures
from culture_neurons.plots.parts.style import NARROW, WIDE, in_style, lay_out

STUDY = {
    "model": "llava-v1.6-mistral-7b",
    "hookpoint": "mlp.gate_act",
    "split": "split0",
    "rate": "r0.01",
    "intervention": "ablate",
}
SIZES = {"paper": PAPER, "demo": DEMO, "long": LONG, "subsets": SUBSETS}
BY_STUDY = ("accuracy", "rejected")  # of all models, so that their path says nothing
BY_CULTURE = ("accuracy", "layers", "overlap", "deactivation", "doses", "prompts")


@cache
def draw(family, size):
    """Draw a family's figure as it is saved; return it and its faults."""
    figure = FAMILIES[family](SIZES[size])
    lay_out(figure, None if family in BY_STUDY else STUDY)
    return figure, find_faults(figure)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", ["paper", "demo"])
def test_a_figure_fits_a_page_and_nothing_is_cut_or_covered(family, size):
    _, faults = draw(family, size)
    assert faults == []


@pytest.mark.parametrize(
    ("family", "size"),
    [*((family, "long") for family in FAMILIES), *((family, "subsets") for family in BY_CULTURE)],
)
def test_long_names_and_many_cultures_may_take_more_than_a_page_and_no_more(family, size):
    _, faults = draw(family, size)
    assert [fault for fault in faults if "more than a page" not in fault] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_drawn_is_named(family):
    figure, _ = draw(family, "paper")
    texts = [text.get_text() for text in find_drawn_texts(figure)]
    by_model = ("layers", "overlap", "deactivation", "deactivation_logp", "doses", "relations")
    wanted = set()
    if family in ("components", "depth"):
        wanted |= {name.partition(",")[0] for name in COMPONENTS}
    elif family not in ("accuracy", "rejected", "doses", "prompts"):
        wanted |= set(PAPER.scorers)
    if family not in (*by_model, "rejected", "prompts"):
        wanted |= set(PAPER.models)
    if family in BY_CULTURE:
        wanted |= {f"{code} {name}" for code, name in PAPER.cultures.items()}
    assert {name for name in wanted if not any(name in text for text in texts)} == set()
    assert not any("nan" in text.split() for text in texts)


def test_many_strengths_are_not_all_numbered():
    figure = plot_doses(make_doses(["a", "b"], range(1, 15)), "cas", "accuracy")
    lay_out(figure)
    assert find_faults(figure) == []
    numbers = [label.get_text() for label in figure.axes[-1].get_xticklabels()]
    assert numbers == ["1", "", "", "4", "", "", "7", "", "", "10", "", "", "13", "", "chosen"]


def test_every_function_that_draws_a_figure_is_drawn_here():
    files = Path(culture_neurons.plots.__file__).parent.glob("*.py")
    written = {
        line.split("(")[0].removeprefix("def ")
        for file in files
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.startswith("def plot_")
    }
    assert len(written) > 10
    assert written == {name for name in vars(figure_families) if name.startswith("plot_")}


# The checks find what they look for


@in_style
def make_sound(width=WIDE, height=3.0):
    """Draw a figure of two panels without a fault."""
    figure = Figure(figsize=(width, height), layout="constrained")
    for axes, title in zip(figure.subplots(1, 2), ("left", "right"), strict=True):
        axes.plot([0, 1, 2], [0, 1, 2], marker="o", label=title)
        axes.set_title(title, loc="left")
    figure.legend(loc="outside lower center")
    return figure


def cover_panel(figure):
    figure.legends[0].remove()
    figure.legend(loc="center left")


FAULTS = [  # what is found, and what is done to the panel on the left
    (
        "a very long name of a tick",
        lambda axes: axes.set_xticks(range(3), ["a very long name of a tick"] * 3),
    ),
    ("'5' meets '50'", lambda axes: axes.set_xticks([1, 1.045], ["5", "50"])),
    ("meets 'right'", lambda axes: axes.set_title("left " * 40, loc="left")),
    ("'beyond' is cut by the figure's edge", lambda axes: axes.figure.text(0.99, 0.99, "beyond")),
    ("a mark of panel 'left' is cut at its edge", lambda axes: axes.set_xlim(0, 2)),
    ("a mark of panel 'left' is cut at its edge", lambda axes: axes.set_ylim(-1, 1)),
    ("the legend lies upon panel 'left'", lambda axes: cover_panel(axes.figure)),
    ("'foreign' lies upon panel 'right'", lambda axes: axes.figure.text(0.7, 0.5, "foreign")),
    ("'left' has 5 points", lambda axes: axes.set_title("left", loc="left", size=5)),
    ("neither a column nor a page", lambda axes: axes.figure.set_figwidth(5)),
    ("more than a page", lambda axes: axes.figure.set_figheight(9.5)),
]


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_a_sound_figure_has_no_fault(width):
    figure = make_sound(width)
    lay_out(figure)
    assert find_faults(figure) == []


@pytest.mark.parametrize(("fault", "spoil"), FAULTS)
def test_a_fault_is_found(fault, spoil):
    figure = make_sound()
    spoil(figure.axes[0])
    lay_out(figure)
    assert any(fault in found for found in find_faults(figure))


# Names and order of cultures


def test_names_stand_beside_codes_where_all_have_room(tmp_path):
    path = tmp_path / "cultures.tsv"
    text = "code\tname\tsubsets\nJPN\tJapan\t('Japanese', 'Japan')\nESP\t\t('Spanish', 'Spain')\n"
    path.write_text(text, encoding="utf-8-sig")
    names = read_names(path)
    assert names == {"JPN": "Japan", "ESP": ""}
    assert label_cultures(["ESP", "JPN"], names) == ["ESP", "JPN Japan"]
    assert label_cultures(["JPN", "XXX"], names) == ["JPN Japan", "XXX"]
    assert label_cultures(["JPN"], None) == ["JPN"]
    assert label_cultures(["ESP", "JPN"], names | {"ESP": "Kingdom of Spain, all"}) == [
        "ESP",
        "JPN",
    ]
    assert label_cultures(["ESP", "JPN"], names | {"ESP": "スペイン"}) == ["ESP", "JPN"]


def test_matrices_of_all_scorers_have_one_order_of_cultures_and_one_scale_of_colours():
    effects = make_effects(["b", "c", "a"], change=-0.5)
    tables = {"cas": effects, "mad": effects.reverse(), "lap": effects.filter(mask_culture="b")}
    figure = plot_deactivation(tables, 0.05, names={"a": "A"})
    meshes = [axes.collections[0] for axes in figure.axes[:3]]
    assert len({mesh.get_clim() for mesh in meshes}) == 1
    cas, mad, lap = (mesh.get_array() for mesh in meshes)
    assert cas.tolist() == mad.tolist()
    assert lap.mask.tolist() == [[True] * 3, [False] * 3, [True] * 3]
    assert lap[1].tolist() == cas[1].tolist()
    (label,) = {axes.get_xlabel() for axes in figure.axes[:3]} - {""}
    assert label == "evaluated culture"
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["a A", "b", "c"]
