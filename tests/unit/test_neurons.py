"""The axis of neurons: layers side by side, of any widths."""

import numpy as np
import pytest

from culture_neurons.neurons import AxisError, MaskName, NeuronAxis

AXIS = NeuronAxis((3, 1, 2))


def test_units_are_the_neurons_layer_by_layer():
    assert len(AXIS) == 6
    assert AXIS.layer.tolist() == [0, 0, 0, 1, 2, 2]
    assert AXIS.neuron.tolist() == [0, 1, 2, 0, 0, 1]
    units = AXIS.find_units(AXIS.layer, AXIS.neuron)
    assert units.tolist() == list(range(6))
    parts = list(AXIS.split_layers(np.arange(12).reshape(2, 6)))
    assert [part.tolist() for part in parts] == [
        [[0, 1, 2], [6, 7, 8]],
        [[3], [9]],
        [[4, 5], [10, 11]],
    ]


@pytest.mark.parametrize("pair", [(1, 1), (3, 0), (-1, 0), (0, -1), (0, 3)])
def test_a_neuron_outside_is_named(pair):
    with pytest.raises(
        AxisError, match=f"layer {pair[0]}, neuron {pair[1]}: the model has 3 layers"
    ):
        AXIS.find_units([0, pair[0]], [2, pair[1]])


def test_an_axis_is_written_short_where_layers_are_alike():
    assert str(NeuronAxis((18944,) * 28)) == "28 x 18944"
    assert str(AXIS) == "3 layers of 3, 1, 2"
    assert NeuronAxis.from_facts({"widths": [3, 1, 2]}) == AXIS


def test_masks_are_named_and_sorted():
    names = [MaskName("b"), MaskName("a", 10), MaskName("a", 2), MaskName("a"), MaskName(None)]
    ordered = sorted(names, key=lambda name: name.order)
    assert list(map(str, ordered)) == ["the unmodified model", "a", "a, draw 2", "a, draw 10", "b"]
