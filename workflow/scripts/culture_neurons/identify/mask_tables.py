"""Tables of masks and means: written one way, and read as neurons by mask and layer."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from culture_neurons.neurons import MaskName, NeuronAxis
from culture_neurons.storage.facts import TableError, join_facts, name_versions, read_facts
from culture_neurons.storage.tables import read_table, write_table


def write_masks(
    path: str | Path,
    columns: Mapping[str, Sequence],
    facts: Mapping[str, object],
    packages: Sequence[str],
    cultures: Sequence[str] = (),
) -> dict[MaskName, int]:
    """Write a table `masks`; its fact `masks` lists every mask with its number of neurons.

    Args:
        path: Target file.
        columns: Of the table.
        facts: Of the file, but for `masks` and `software`.
        packages: Whose versions are noted.
        cultures: Of a scorer's own masks, which are listed though they may be empty; none for a
            control, whose masks are those that have neurons, in the order of their rows.

    Returns:
        Mask -> number of neurons.
    """
    counts = Counter(map(MaskName, columns["culture"], columns["draw"]))
    names = [MaskName(culture) for culture in cultures] or list(counts)
    sizes = {name: counts[name] for name in names}
    listed = {
        "masks": [[name.culture, name.draw, size] for name, size in sizes.items()],
        "software": name_versions(*packages),
    }
    write_table(path, "masks", columns, {**facts, **listed})
    return sizes


def read_masks(
    path: str | Path, sizes: Mapping[MaskName, int]
) -> dict[MaskName, dict[int, np.ndarray]]:
    """Read masks: name -> layer -> neurons, int64, for every mask, also the empty ones.

    Raises:
        TableError: The file is damaged, or a mask has not the size that `sizes` says.
    """
    table = read_table(path, "masks", ["culture", "draw", "layer", "neuron"])
    cultures = table["culture"].combine_chunks().dictionary_encode()
    codes = {culture: code for code, culture in enumerate(cultures.dictionary.to_pylist())}
    # One key per row: culture, draw (0: none), layer; one stable sort brings masks together.
    draws = pc.fill_null(pc.add(table["draw"].cast("int64"), 1), 0).to_numpy()
    layers = table["layer"].to_numpy().astype(np.int64)
    most_draws, most_layers = draws.max(initial=0) + 1, layers.max(initial=0) + 1
    keys = (cultures.indices.to_numpy() * most_draws + draws) * most_layers + layers
    order = np.argsort(keys, kind="stable")
    neurons = table["neuron"].to_numpy()[order].astype(np.int64)
    keys = keys[order]
    starts = np.flatnonzero(np.diff(keys, prepend=-1))  # of each mask's layer
    # An empty table has no starts, and one part all the same.
    parts = dict(zip(keys[starts].tolist(), np.split(neurons, starts[1:]), strict=False))
    masks = {}
    for name, size in sizes.items():
        draw = 0 if name.draw is None else name.draw + 1
        first = (codes.get(name.culture, len(codes)) * most_draws + draw) * most_layers
        masks[name] = {
            layer: parts[first + layer] for layer in range(most_layers) if first + layer in parts
        }
        if (count := sum(map(len, masks[name].values()))) != size:
            raise TableError(
                f"{path}: the mask of {name} has {count} neurons, its metadata says {size}; delete "
                "it and run again"
            )
    if sum(sizes.values()) != len(table):
        raise TableError(
            f"{path}: has {len(table)} rows, its metadata says {sum(sizes.values())}; delete it "
            "and run again"
        )
    return masks


def read_mask_units(path: str | Path, axis: NeuronAxis) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Read a table `masks`: its columns, and the unit of each row."""
    table = read_table(path, "masks")
    columns = {name: np.array(table[name].to_pylist()) for name in table.column_names}
    return columns, axis.find_units(columns["layer"], columns["neuron"])


def read_means(
    path: str | Path, study: Mapping[str, object], wildcards: Mapping[str, str]
) -> dict[str | None, list[np.ndarray]]:
    """Read mean activations S / T: of each culture; None: over all tokens.

    Args:
        path: Table `statistics`, of the hookpoint that has the coordinates of masks' neurons.
        study: Facts of the masks.
        wildcards: What the file's path says of it.

    Returns:
        Layer by layer (neurons,); of heads (neurons, coordinates of a head).

    Raises:
        TableError: See `read_facts` and `join_facts`.
    """
    facts = read_facts(path, "statistics", wildcards)
    join_facts({path: facts, "the masks": study}, own=("hookpoint", "widths", "weights"))
    axis, neurons = NeuronAxis.from_facts(facts), NeuronAxis.from_facts(study)
    table = read_table(path, "statistics", ["culture", "layer", "neuron", "tokens", "total"])
    units = axis.find_units(table["layer"].to_numpy(), table["neuron"].to_numpy())
    cultures = table["culture"].combine_chunks().dictionary_encode()
    names, codes = cultures.dictionary.to_pylist(), cultures.indices.to_numpy()
    totals, tokens = (
        np.bincount(
            codes * len(axis) + units, table[name].to_numpy(), len(names) * len(axis)
        ).reshape(len(names), len(axis))
        for name in ("total", "tokens")
    )  # (cultures, units) each
    means = dict(zip(names, totals / tokens, strict=True))
    means[None] = totals.sum(axis=0) / tokens.sum(axis=0)
    return {name: _split_blocks(values, axis, neurons) for name, values in means.items()}


def _split_blocks(values: np.ndarray, axis: NeuronAxis, neurons: NeuronAxis) -> list[np.ndarray]:
    """Split values of coordinates (units,) into layers, and layers into their neurons' blocks."""
    parts = axis.split_layers(values)
    if axis == neurons:
        return list(parts)
    return [part.reshape(width, -1) for part, width in zip(parts, neurons.widths, strict=True)]
