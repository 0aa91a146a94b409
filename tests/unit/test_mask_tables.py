"""Masks written and read: every mask with its neurons, whatever the order of the rows."""

import numpy as np
import pytest

from culture_neurons.identify.mask_tables import read_masks, read_means, write_masks
from culture_neurons.neurons import MaskName, NeuronAxis, read_sizes
from culture_neurons.storage.facts import TableError, read_facts
from culture_neurons.storage.tables import write_table

AXIS = NeuronAxis((30, 10, 20))  # layers need not be equally wide
OWN, FIRST, SECOND = MaskName("b"), MaskName("a", 0), MaskName("a", 11)
MASKS = {
    OWN: {0: [4, 7], 2: [0]},
    FIRST: {1: [9]},
    SECOND: {0: [29], 1: [3, 1], 2: [19]},
}


def make_columns(masks=MASKS, seed=0):
    """Rows of table masks, mixed up."""
    rows = [
        (name.culture, name.draw, layer, neuron)
        for name, layers in masks.items()
        for layer, neurons in layers.items()
        for neuron in neurons
    ]
    order = np.random.default_rng(seed).permutation(len(rows))
    columns = zip(*(rows[place] for place in order), strict=True)
    named = dict(zip(("culture", "draw", "layer", "neuron"), map(list, columns), strict=True))
    return {**named, "rank": list(range(len(rows)))}


def count(masks):
    return {name: sum(map(len, layers.values())) for name, layers in masks.items()}


def test_masks_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "m.parquet"
    assert write_masks(path, make_columns(), {"model": "m"}, ["numpy"]) == count(MASKS)
    facts = read_facts(path, "masks")
    assert facts["model"] == "m"
    assert read_sizes(facts) == count(MASKS)
    found = read_masks(path, read_sizes(facts))
    assert {
        name: {layer: sorted(neurons.tolist()) for layer, neurons in layers.items()}
        for name, layers in found.items()
    } == {
        name: {layer: sorted(neurons) for layer, neurons in layers.items()}
        for name, layers in MASKS.items()
    }
    assert {part.dtype for layers in found.values() for part in layers.values()} == {
        np.dtype("int64")
    }


def test_a_scorer_s_masks_are_listed_though_they_are_empty(tmp_path):
    path = tmp_path / "m.parquet"
    columns = make_columns({OWN: MASKS[OWN]})
    sizes = write_masks(path, columns, {}, ["numpy"], cultures=["a", "b"])
    assert sizes == {MaskName("a"): 0, OWN: 3}
    assert read_masks(path, sizes)[MaskName("a")] == {}
    nothing = {name: [] for name in columns}
    assert write_masks(path, nothing, {}, ["numpy"], cultures=["a"]) == {MaskName("a"): 0}
    assert read_masks(path, {MaskName("a"): 0}) == {MaskName("a"): {}}


def test_a_table_that_is_not_what_its_facts_say_is_refused(tmp_path):
    path = tmp_path / "m.parquet"
    sizes = write_masks(path, make_columns(), {}, ["numpy"])
    with pytest.raises(TableError, match="the mask of a, draw 11 has 4 neurons, .* says 5"):
        read_masks(path, sizes | {SECOND: 5})
    del sizes[OWN]
    with pytest.raises(TableError, match="has 8 rows, its metadata says 5"):
        read_masks(path, sizes)


def test_means_are_those_of_each_culture_s_and_of_all_tokens(tmp_path):
    rows = {"culture": [], "layer": [], "neuron": [], "tokens": [], "total": []}
    totals = np.random.default_rng(1).normal(size=(2, len(AXIS)))
    for row, (culture, tokens) in enumerate({"a": 10, "b": 30}.items()):
        rows["culture"] += [culture] * len(AXIS)
        rows["layer"] += AXIS.layer.tolist()
        rows["neuron"] += AXIS.neuron.tolist()
        rows["tokens"] += [tokens] * len(AXIS)
        rows["total"] += totals[row].tolist()
    rows |= {name: [0] * len(rows["layer"]) for name in ("active", "total_squares")}
    path, own = tmp_path / "s.parquet", {"widths": AXIS.widths, "hookpoint": "attn.out", "split": 0}
    write_table(path, "statistics", rows, own)
    place = {"split": "split0", "hookpoint": "attn.out"}
    means = read_means(path, own, place)
    expected = {"a": totals[0] / 10, "b": totals[1] / 30, None: totals.sum(axis=0) / 40}
    assert means.keys() == expected.keys()
    for name, layers in means.items():
        assert [len(part) for part in layers] == [30, 10, 20]
        assert np.concatenate(layers) == pytest.approx(expected[name])
    # Of heads of 10 coordinates, a neuron's block each.
    heads = {"widths": [3, 1, 2], "hookpoint": "attn.head", "split": 0}
    for name, layers in read_means(path, heads, place).items():
        assert [part.shape for part in layers] == [(3, 10), (1, 10), (2, 10)]
        assert np.concatenate(layers).ravel() == pytest.approx(expected[name])
    with pytest.raises(TableError, match="its hookpoint is 'attn.out', but a file of this path"):
        read_means(path, own, place | {"hookpoint": "vision.out"})
    with pytest.raises(TableError, match="split is 1, but .*s.parquet has 0"):
        read_means(path, heads | {"split": 1}, place)
