"""Figures of sensitivity: numbers worked by hand, degenerate input."""

import re

import numpy as np
import polars as pl
import pytest
from matplotlib.font_manager import fontManager
from matplotlib.text import Text
from plot_tables import (
    MODELS,
    make_categories,
    make_effects,
    make_rates,
    make_reliability,
    make_samples,
)

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


def make_asked(splits=(0, 1, 2)):
    """Make stacked effects of one scorer of all models and some splits."""
    keys = [(model, split) for model in MODELS for split in splits]
    return pl.concat(
        make_effects().select(pl.lit(model).alias("model"), pl.lit(split).alias("split"), pl.all())
        for model, split in keys
    )


def find_texts(figure, folder):
    """Draw a figure as it is saved; return its visible texts."""
    save_figure(figure, folder / "figure.svg", folder / "figure.png")
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible()]


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
    effects = make_asked((1,)).partition_by("model")
    figure = plot_rates({"second": rates.filter(model="second")}, effects, {})
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
