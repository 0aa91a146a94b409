"""Components side by side: what a row holds, and what the figure of depth says."""

import numpy as np
import polars as pl
import pytest
from plot_tables import make_masks

from culture_neurons.identify.mask_tables import write_masks
from culture_neurons.plots.components import (
    measure_density,
    name_components,
    plot_depth,
    word_depth,
)
from culture_neurons.report.components import tabulate_components
from culture_neurons.storage.tables import write_table

KEYS = {"model": "m", "split": 0, "rate": 0.1, "intervention": "ablate", "scorer": "cas"}


def write_chosen(path, hookpoint, layers, widths, weights):
    columns = {
        "culture": ["a"] * len(layers),
        "draw": [None] * len(layers),
        "layer": layers,
        "neuron": list(range(len(layers))),
        "rank": list(range(len(layers))),
    }
    facts = {"model": "m", "hookpoint": hookpoint, "split": 0, "rate": 0.1}
    facts |= {"widths": widths, "weights": weights, "scorer": {"name": "cas"}}
    write_masks(path, columns, facts, ["numpy"], cultures=["a", "b"])
    return path


def make_verdicts(hookpoint, own):
    row = {**KEYS, "hookpoint": hookpoint, "self_p_random": 0.05, "gap_p_exchanged": 0.01}
    for name in ("self", "cross", "gap"):
        row |= {name: own, f"{name}_low": own - 1, f"{name}_high": own + 1}
    return row | {"broken": 0, "masks": 2, "verdict": "not shown", "logp_self": 1.0}


def make_ranks(hookpoint):
    rows = [
        {**KEYS, "hookpoint": hookpoint, "culture": culture, "measure": measure}
        | {"control": control, "outcome": outcome, "control_low": low, "control_high": low + 0.02}
        for culture in ("a", None)
        for control, low in (("random", -0.01), ("permuted", -0.5))
        for outcome in ("accuracy", "logp")
        for measure in ("self", "cross_by_mask", "gap")
    ]
    return pl.DataFrame(rows)


def test_a_component_s_masks_stand_beside_their_size_and_their_control(tmp_path):
    files = [
        write_chosen(tmp_path / "a.parquet", "mlp.gate_act", [0, 0, 1], [10, 20], [5, 7]),
        write_chosen(tmp_path / "b.parquet", "attn.head", [1], [2, 2], [64, 64]),
    ]
    names = ("mlp.gate_act", "attn.head")
    verdicts = pl.DataFrame([make_verdicts(name, -9.0 * i) for i, name in enumerate(names)])
    ranks = pl.concat(map(make_ranks, names))
    table = tabulate_components(verdicts, ranks, files, "random")
    assert table["hookpoint"].to_list() == ["attn.head", "mlp.gate_act"]
    head, neuron = table.rows(named=True)
    assert (neuron["units"], neuron["mask_units"], neuron["mask_weights"]) == (30, 1.5, 8.5)
    assert (head["units"], head["mask_units"], head["mask_weights"]) == (4, 0.5, 32.0)
    assert (head["self"], head["self_low"], head["gap_high"]) == (-9.0, -10.0, -8.0)
    for name in ("self", "cross"):
        assert head[f"{name}_control_low"] == pytest.approx(-1)
        assert head[f"{name}_control_high"] == pytest.approx(1)
    assert (head["self_p_random"], head["gap_p_exchanged"]) == (0.05, 0.01)
    assert "logp_self" not in table.columns


def test_density_is_relative_to_chance():
    masks = pl.DataFrame({"layer": [0, 0, 0, 1]})
    assert measure_density(masks, [10, 10]).tolist() == [1.5, 0.5]
    assert measure_density(masks, [30, 10]).tolist() == [1.0, 1.0]
    assert np.isnan(measure_density(masks.clear(), [10, 10])).all()


def test_components_are_named_by_hookpoint_and_rate():
    named = name_components({("m", "attn.head", "r0.1"): 1, ("m", "attn.head", "r0.005"): 2})
    assert named == {("m", "attn.head, 10 %"): 1, ("m", "attn.head, 0.5 %"): 2}


def test_the_title_says_what_holds_in_every_model():
    early, late = np.array([2.0, 0.0]), np.array([0.0, 2.0])
    densities = {("a", "x"): early, ("b", "x"): early, ("a", "y"): late, ("b", "y"): late}
    title = "Selected neurons lie early at x and late at y in every model"
    assert word_depth(densities) == title
    densities[("b", "y")] = np.array([0.9, 1.1])
    assert word_depth(densities) == "Selected neurons lie early at x in every model"
    del densities[("b", "x")]  # not every model has it
    assert "early or late in no component of every model" in word_depth(densities)
    densities[("b", "x")] = late
    assert (
        word_depth(densities) == "Selected neurons lie early or late in no component of every model"
    )


def test_depth_is_drawn_for_each_model_and_component_from_0_to_1():
    density = measure_density(make_masks(), [400] * 28)
    figure = plot_depth({(m, c): density for m in ("a", "b") for c in ("x, 1 %", "y, 1 %")})
    panels = np.array(figure.axes).reshape(2, 2)
    assert [axes.get_title(loc="left") for axes in panels[0]] == ["a", "b"]
    assert [axes.get_ylabel() for axes in panels[:, 0]] == ["x,\n1 %", "y,\n1 %"]
    for axes in panels.flat:
        middles = [bar.get_x() + bar.get_width() / 2 for bar in axes.patches]
        assert middles == pytest.approx(np.linspace(0, 1, 28))
        assert [bar.get_height() for bar in axes.patches] == density.tolist()
        assert axes.lines[0].get_ydata()[0] == 1  # chance


def test_a_projector_has_no_depth():
    figure = plot_depth({("m", "projector"): np.array([1.0]), ("m", "none"): np.full(4, np.nan)})
    assert "No depth to show" in figure.texts[0].get_text()


def test_tables_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "s.parquet"
    write_table(
        path, "scores", {"culture": [], "layer": [], "neuron": [], "score": [], "rank": []}, {}
    )
    with pytest.raises(Exception, match="is a scores table, expected masks"):
        tabulate_components(pl.DataFrame([make_verdicts("x", 0.0)]), make_ranks("x"), [path], "r")
