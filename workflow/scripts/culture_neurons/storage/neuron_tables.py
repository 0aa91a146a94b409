"""Long tables, a row per culture and neuron, as arrays (cultures, units); and back."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from culture_neurons.neurons import NeuronAxis
from culture_neurons.storage.facts import TableError
from culture_neurons.storage.tables import open_table


def tabulate_units(
    culture: str, axis: NeuronAxis, columns: Mapping[str, object]
) -> dict[str, object]:
    """Make a chunk of a long table: one culture, every neuron.

    Args:
        culture: Whose rows they are.
        axis: The neurons.
        columns: The table's other columns, each (units,) or one value for all rows.
    """
    return {"culture": culture, "layer": axis.layer, "neuron": axis.neuron, **columns}


def read_units(
    path: str | Path, kind: str, names: Sequence[str], cultures: Sequence[str], axis: NeuronAxis
) -> dict[str, np.ndarray]:
    """Read columns of a long table as arrays (cultures, units).

    A culture is a row group, and its rows are in the order of the axis; both are checked.

    Raises:
        TableError: The file is damaged, or its rows are not these cultures and neurons.
    """
    with open_table(path, kind) as file:
        if file.num_row_groups != len(cultures):
            raise TableError(
                f"{path}: has {file.num_row_groups} row groups, expected one for each of its "
                f"{len(cultures)} cultures; delete it and run again"
            )
        shape = (len(cultures), len(axis))
        types = {name: file.schema_arrow.field(name).type.to_pandas_dtype() for name in names}
        arrays = {name: np.empty(shape, types[name]) for name in names}
        for index, culture in enumerate(cultures):
            group = file.read_row_group(index, ["culture", "layer", "neuron", *names])
            layers, neurons = group["layer"].to_numpy(), group["neuron"].to_numpy()
            if (
                group["culture"].unique().to_pylist() != [culture]
                or not np.array_equal(layers, axis.layer)
                or not np.array_equal(neurons, axis.neuron)
            ):
                raise TableError(
                    f"{path}: row group {index} has {len(layers)} rows of cultures "
                    f"{group['culture'].unique().to_pylist()[:3]}, expected {culture!r} and each of"
                    f" {axis} neurons once, in order; delete it and run again"
                )
            for name in names:
                arrays[name][index] = group[name].to_numpy()
    return arrays
