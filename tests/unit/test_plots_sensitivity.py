"""Figures of sensitivity: numbers worked by hand, print size, degenerate input, same bytes."""

import re

import numpy as np
import polars as pl
import pytest
from matplotlib.font_manager import fontManager
from matplotlib.text import Text
from plot_tables import make_effects

from culture_neurons.plots.agreement import TITLES, average, plot_agreement
from culture_neurons.plots.curves import (
    plot_layer_agreement,
    plot_rates,
    plot_samples,
    pool_layers,
)
from culture_neurons.plots.parts.fonts import choose_fonts
from culture_neurons.plots.parts.style import save_figure
from culture_neurons.plots.settings import category_matrix, plot_categories, plot_splits

SCORERS = ["lap", "lape", "lape_matched", "mad", "cas"]
MODELS = ["first", "second", "third"]
CULTURES = [f"C{index:02}" for index in range(25)]
CATEGORIES = [f"Geography / Buildings / Landmarks {index}" for index in range(10)]


def make_reliability(analysis, cultures=CULTURES, layers=(None,), sizes=(25,), settings=("",)):
    generator = np.random.default_rng(0)
    rows = [
        (analysis, scorer, setting, size, draw, 0.01, culture, layer, *generator.random(2), 9, 8, 3)
        for scorer in SCORERS
        for setting in settings
        for size in sizes
        for draw in range(2)
        for culture in cultures
        for layer in layers
    ]
    names = ["analysis", "scorer", "setting", "questions", "draw", "rate", "culture", "layer"]
    names += ["spearman", "overlap", "first", "second", "shared"]
    frame = pl.DataFrame(rows, names, orient="row", infer_schema_length=None)
    return frame.with_columns(chance=0.005)


def make_samples(cultures=CULTURES):
    kinds = ("disjoint", "nested")
    return pl.concat(make_reliability(k, cultures, sizes=(25, 50, 100, 175)) for k in kinds)


def make_rates(rates=(0.001, 0.005, 0.01, 0.05), splits=(0, 1, 2)):
    generator = np.random.default_rng(1)
    control = ("random", -0.02, 0.01)
    rows = [
        (model, split, rate, scorer, measure, value, value - 0.02, value + 0.02, *control)
        for model in MODELS
        for split in splits
        for rate in rates
        for scorer in SCORERS
        for measure in ("self", "cross_by_mask", "gap")
        for value in [generator.normal(-0.05, 0.03)]
    ]
    names = ["model", "split", "rate", "scorer", "measure", "value", "ci_low", "ci_high"]
    names += ["control", "control_low", "control_high"]
    return pl.DataFrame(rows, names, orient="row").with_columns(outcome=pl.lit("accuracy"))


def make_asked(splits=(0, 1, 2)):
    """Make stacked effects of one scorer of all models and some splits."""
    keys = [(model, split) for model in MODELS for split in splits]
    return pl.concat(
        make_effects().select(pl.lit(model).alias("model"), pl.lit(split).alias("split"), pl.all())
        for model, split in keys
    )


def make_categories(names=CATEGORIES):
    generator = np.random.default_rng(2)
    rows = [
        (model, scorer, category, measure, 90, 25, generator.normal(-0.05, 0.1))
        for model in MODELS
        for scorer in SCORERS
        for category in names
        for measure in ("self", "cross_by_mask", "gap")
    ]
    columns = ["model", "scorer", "category", "measure", "questions", "cultures", "value"]
    return pl.DataFrame(rows, columns, orient="row").with_columns(outcome=pl.lit("accuracy"))


def by_model(table, models=MODELS):
    return {model: table.filter(model=model) for model in models}


DRAWN = {
    "halves": lambda: plot_agreement({m: make_reliability("disjoint") for m in MODELS}, "halves"),
    "samples": lambda: plot_samples({m: make_samples() for m in MODELS}),
    "layers": lambda: plot_layer_agreement(
        {m: make_reliability("layers", layers=range(28)) for m in MODELS}
    ),
    "scopes": lambda: plot_agreement(
        {m: make_reliability("scopes", settings=("image", "text")) for m in MODELS}, "scopes"
    ),
    "models": lambda: plot_agreement(
        {f"{m}\nother": make_reliability("disjoint") for m in MODELS}, "models"
    ),
    "rates": lambda: plot_rates(
        by_model(make_rates(splits=(0,))), make_asked((0,)).partition_by("model"), {}
    ),
    "splits": lambda: plot_splits(
        by_model(make_rates(rates=(0.01,))), make_asked().partition_by("model", "split"), {}
    ),
    "categories": lambda: plot_categories(by_model(make_categories())),
}


def find_texts(figure, folder):
    """Draw a figure as it is saved; return its visible texts."""
    save_figure(figure, folder / "figure.svg", folder / "figure.png")
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible()]


@pytest.mark.parametrize("analysis", DRAWN)
def test_paper_size_is_printable_with_all_names(analysis, tmp_path):
    figure = DRAWN[analysis]()
    texts = " ".join(find_texts(figure, tmp_path))
    assert figure.get_figwidth() == 6.9
    assert figure.get_figheight() < 11
    assert min(text.get_size() for text in figure.findobj(Text)) >= 7
    for name in [*MODELS, *SCORERS]:
        assert name in texts
    assert "nan" not in texts
    if analysis == "categories":
        assert all(name in texts for name in CATEGORIES)


@pytest.mark.parametrize("analysis", ["samples", "categories"])
def test_same_tables_give_the_same_bytes(analysis, tmp_path):
    paths = [[tmp_path / f"{run}.{suffix}" for suffix in ("svg", "png")] for run in (1, 2)]
    for svg, png in paths:
        save_figure(DRAWN[analysis](), svg, png)
    for first, second in zip(*paths, strict=True):
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    "figure",
    [
        *(lambda a=a: plot_agreement({"m": make_samples().head(0)}, a) for a in TITLES),
        lambda: plot_agreement({}, "models"),
        lambda: plot_samples({"m": make_samples().head(0)}),
        lambda: plot_layer_agreement({}),
        lambda: plot_rates({"m": make_rates().head(0)}, [], {}),
        lambda: plot_splits({"m": make_rates().head(0)}, [], {}),
        lambda: plot_categories({"m": make_categories().head(0)}),
    ],
)
def test_nothing_to_show_is_said(figure, tmp_path):
    assert " to show: " in " ".join(find_texts(figure(), tmp_path))


@pytest.mark.parametrize(
    "figure",
    [
        lambda: plot_agreement(
            {
                "m": make_reliability("scopes", ["a"]).with_columns(
                    spearman=pl.lit(None, pl.Float64),
                    overlap=pl.lit(None, pl.Float64),
                    chance=pl.lit(None, pl.Float64),
                )
            },
            "scopes",
        ),
        lambda: plot_samples({"m": make_reliability("nested", ["a"]), "n": make_samples().head(0)}),
        lambda: plot_layer_agreement(
            {"m": make_reliability("layers", layers=[0]).with_columns(first=0, second=0, shared=0)}
        ),
        lambda: plot_rates(
            {
                "m": make_rates((0.01,)).with_columns(
                    control_low=pl.lit(None, pl.Float64), control_high=pl.lit(None, pl.Float64)
                ),
                "n": make_rates().head(0),
            },
            [make_effects()],
            {},
        ),
        lambda: plot_splits(
            {"m": make_rates((0.01,), (0,)), "n": make_rates().head(0)}, [make_effects()], {}
        ),
        lambda: plot_categories(
            {"m": make_categories(["x"]).with_columns(value=float("nan")), "n": make_categories()}
        ),
    ],
)
def test_a_missing_part_is_drawn(figure, tmp_path):
    texts = " ".join(find_texts(figure(), tmp_path))
    assert "to show" not in texts
    assert "nan" not in texts


def test_means_are_over_draws_then_cultures():
    rows = pl.DataFrame(
        {"culture": ["a", "a", "b", "c"], "overlap": [0.2, 0.4, 0.9, None], "spearman": [None] * 4}
    )
    found = average(rows, "overlap")
    assert found[:3] == pytest.approx((0.6, 0.3, 0.9))
    assert found.cultures == pytest.approx([0.3, 0.9])
    assert np.isnan(average(rows, "spearman").value)


def test_layers_are_pooled_over_cultures():
    rows = pl.DataFrame(
        {"layer": [1, 1, 0], "first": [3, 1, 0], "second": [2, 2, 0], "shared": [2, 0, 0]}
    )
    layer, overlap, share = pool_layers(rows)
    assert layer.tolist() == [0, 1]
    assert np.isnan(overlap[0])
    assert overlap[1] == 2 / 6
    assert share.tolist() == [0, 1]


def test_categories_have_scorers_as_columns():
    rows = pl.DataFrame({"scorer": ["b", "a"], "category": ["y", "x"], "value": [0.5, -0.5]})
    matrix = category_matrix(rows, ["x", "y"], ["a", "b"])
    np.testing.assert_array_equal(matrix, [[-0.5, np.nan], [np.nan, 0.5]])


def test_the_curve_of_a_rate_is_where_its_table_says():
    rates = make_rates((0.01, 0.02), (1,))
    figure = plot_rates(by_model(rates, ["second"]), make_asked((1,)).partition_by("model"), {})
    own, _, gap = figure.axes
    wanted = rates.filter(model="second", split=1, scorer="cas", measure="gap").sort("rate")
    lines = {line.get_label(): line for line in gap.lines}
    np.testing.assert_allclose(lines["cas"].get_ydata(), 100 * wanted["value"].to_numpy())
    np.testing.assert_allclose(own.get_xticks(), [1, 2])


def test_names_of_any_script_are_drawn_by_a_font_that_has_them():
    assert choose_fonts(["Food", "Φαγητό", "طعام", "Еда"]) == (["DejaVu Sans"], [])
    # cmr10 has Latin letters alone; others of matplotlib's own fonts have Greek ones.
    families, unreadable = choose_fonts(["Food", "Φαγητό"], first="cmr10")
    assert families[0] == "cmr10"
    assert len(families) > 1
    assert unreadable == []


def test_names_that_no_font_has_are_numbered_and_the_reader_is_told(tmp_path, monkeypatch):
    own = [font for font in fontManager.ttflist if font.name == "DejaVu Sans"]
    monkeypatch.setattr(fontManager, "ttflist", own)
    figure = plot_categories({"m": make_categories(["Food", "食べ物", "工芸"])})
    save_figure(figure, tmp_path / "f.svg", tmp_path / "f.png")
    texts = re.findall(r"<text[^>]*>([^<]+)<", (tmp_path / "f.svg").read_text())
    assert {"Food", "no. 2", "no. 3"} <= set(texts)
    assert "食べ物" not in texts
    note = " ".join(texts)
    assert "No font of this machine has the letters of 2 names: these are numbered" in note
