"""Activation shards -> cells, and the statistics of a split."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from culture_neurons.identify.statistics import Cells, add_cells
from culture_neurons.neurons import SUMS, NeuronAxis
from culture_neurons.storage.facts import TableError
from culture_neurons.storage.neuron_tables import tabulate_units
from culture_neurons.storage.tables import open_table, read_rows


def read_cells(
    shards: Sequence[str | Path],
    folds: Sequence[int],
    scopes: Sequence[str],
    cultures: Sequence[str],
    axis: NeuronAxis,
) -> Cells:
    """Read the cells of some cultures.

    Raises:
        TableError: A cell is missing, incomplete, or there twice.
    """
    folds, scopes, cultures = sorted(folds), sorted(scopes), sorted(cultures)
    parts = [_read_culture(shards, name, folds, scopes, axis) for name in cultures]
    return Cells(
        cultures=tuple(cultures),
        folds=tuple(folds),
        axis=axis,
        tokens=np.stack([part["tokens"][..., 0] for part in parts]),
        **{name: np.stack([part[name] for part in parts]) for name in SUMS},
    )


def _read_culture(
    shards: Sequence[str | Path],
    culture: str,
    folds: Sequence[int],
    scopes: Sequence[str],
    axis: NeuronAxis,
) -> dict[str, np.ndarray]:
    """Read one culture's cells: arrays (folds, scopes, units)."""
    wanted = {"culture": [culture], "fold": folds, "scope": scopes}
    columns = [*wanted, "layer", "neuron", "tokens", *SUMS]
    chosen = [pl.col(name).is_in(list(values)) for name, values in wanted.items()]
    frame = pl.concat(
        pl.from_arrow(read_rows(path, "activations", columns, wanted)).filter(chosen)
        for path in shards
    ).sort("fold", "scope", "layer", "neuron")
    heads = frame.filter(layer=0, neuron=0)
    found = list(heads.select(*wanted).iter_rows())
    cells = [(culture, fold, scope) for fold in folds for scope in scopes]
    if found != cells:
        odd = sorted(set(cells) ^ set(found)) or [cell for cell in found if found.count(cell) > 1]
        raise TableError(
            f"activation shards of {Path(shards[0]).parent}: cells {odd[:3]} are missing or occur "
            "twice; delete the shards there and run again"
        )
    shape = (len(folds), len(scopes), len(axis))
    complete = len(frame) == len(cells) * len(axis) and all(
        (frame[name].to_numpy().reshape(shape) == getattr(axis, name)).all()
        for name in ("layer", "neuron")
    )
    if not complete:
        raise TableError(
            f"activation shards of {Path(shards[0]).parent}: culture {culture} has {len(frame)} "
            f"rows, expected {len(cells)} cells of {axis} neurons; delete the shards there and run "
            "again"
        )
    return {name: frame[name].to_numpy().reshape(shape) for name in ("tokens", *SUMS)}


def merge_statistics(
    shards: Sequence[str | Path],
    folds: Sequence[int],
    scopes: Sequence[str],
    cultures: Sequence[str],
    axis: NeuronAxis,
) -> Iterator[dict[str, object]]:
    """Add up cells over folds and scopes; yields one culture's columns at a time.

    Cells are added in the order of (fold, scope) in float64 whatever the sharding, so the result
    is bit-identical. Only one culture is in memory.

    Raises:
        TableError: A cell is missing, incomplete, or there twice.
    """
    for culture in sorted(cultures):
        cells = read_cells(shards, folds, scopes, [culture], axis)
        statistics = add_cells(cells, np.arange(len(folds))[None])
        sums = {name: getattr(statistics, name)[0] for name in SUMS}
        yield tabulate_units(culture, axis, {"tokens": int(statistics.tokens[0]), **sums})


def count_questions(shards: Sequence[str | Path]) -> int:
    """Count the questions of one cell; all have equally many."""
    with open_table(shards[0], "activations") as file:
        return file.read_row_group(0, ["questions"])["questions"][0].as_py()
