"""Masks that others published, or another study made: files of four formats, read as they stand.

What a file says of itself (hookpoint, commit, names of its classes) is held against the study.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from culture_neurons.neurons import AxisError, NeuronAxis


class MaskFileError(Exception):
    """A file that does not hold masks of this model's neurons, or not those that were asked for."""


@dataclass(frozen=True)
class MaskFile:
    """The masks of a file, class by class."""

    path: str | Path
    units: Sequence[np.ndarray]  # of each class, sorted: see NeuronAxis
    names: Sequence[str] | None = None  # of each class; None: the file names none
    says: Mapping[str, object] = field(default_factory=dict)  # facts of its own

    def require_same(self, facts: Mapping[str, object]) -> None:
        """Refuse masks that say that they are of another model or hookpoint.

        Raises:
            MaskFileError: With what the file says, and what the study has.
        """
        for name in ("hookpoint", "commit"):
            if name in self.says and self.says[name] != facts[name]:
                raise MaskFileError(
                    f"{self.path}: its {name} is {self.says[name]!r}, but this model's is "
                    f"{facts[name]!r}; expected masks of the same: correct select.imported"
                )

    def name_classes(self, names: Sequence[str | None] | None) -> list[str | None]:
        """Name the classes: as the config does, or where it does not, as the file does.

        Raises:
            MaskFileError: Neither names them, or there is not one name for each.
        """
        if names is None and self.names is None:
            raise MaskFileError(
                f"{self.path}: does not name its {len(self.units)} classes; expected their names "
                "in the file's order as `cultures` of this entry of select.imported"
            )
        named = list(self.names if names is None else names)
        if len(named) != len(self.units):
            raise MaskFileError(
                f"{self.path}: has {len(self.units)} classes, but the config names {len(named)} "
                "cultures; expected one for each class in the file's order, null for a class of "
                "no culture"
            )
        return named


def find_class_units(
    axis: NeuronAxis, layers: Sequence[int], neurons: Sequence[int], where: str
) -> np.ndarray:
    """Find a class's units, sorted.

    Raises:
        MaskFileError: A neuron is not the model's, or stands there twice; names `where`.
    """
    try:
        units = np.sort(axis.find_units(layers, neurons))
    except AxisError as error:
        raise MaskFileError(f"{where}: {error}: the masks are of another model") from error
    twice = np.flatnonzero(np.diff(units) == 0)
    if len(twice):
        unit = units[twice[0]]
        raise MaskFileError(
            f"{where} names a neuron twice: layer {axis.layer[unit]}, neuron {axis.neuron[unit]}; "
            "expected each once"
        )
    return units


def tabulate_masks(
    file: MaskFile,
    names: list[str | None],
    cultures: Sequence[str] | None,
    axis: NeuronAxis,
    *,
    partial: bool = False,
) -> dict[str, list]:
    """Turn a file's masks into a table.

    Args:
        file: The file.
        names: Of its classes.
        cultures: The study's, of which each must have a class; other classes are left out. None:
            all classes that have a name.
        axis: The model's neurons.
        partial: Cultures may have no class: their masks are empty.

    Returns:
        Columns of table `masks`, ranked by layer and neuron, which the file leaves open.

    Raises:
        MaskFileError: A culture has no class.
    """
    wanted = [name for name in names if name is not None] if cultures is None else cultures
    missing = [culture for culture in wanted if culture not in names]
    if missing and not partial:
        raise MaskFileError(
            f"{file.path}: has no mask for {', '.join(missing)}; expected one for each culture of "
            f"the study, found {[name for name in names if name is not None]}: leave these "
            "cultures out of dataset.cultures, or leave out these masks"
        )
    none = np.empty(0, np.int64)
    units = {name: file.units[names.index(name)] if name in names else none for name in wanted}
    found = np.concatenate([none, *units.values()]).astype(np.int64)
    return {
        "culture": [name for name in wanted for _ in units[name]],
        "draw": [None] * len(found),
        "layer": axis.layer[found].tolist(),
        "neuron": axis.neuron[found].tolist(),
        "rank": [rank for name in wanted for rank in range(len(units[name]))],
    }


def find_doubts(
    file: MaskFile,
    names: Sequence[str | None],
    activity: np.ndarray,
    cultures: Sequence[str],
    axis: NeuronAxis,
) -> list[str]:
    """Say what looks wrong with masks that can be read.

    Args:
        file: The file.
        names: Of its classes.
        activity: Of this study's neurons, (cultures, units).
        cultures: Of the rows of `activity`.
        axis: The model's neurons.
    """
    doubts = []
    half = np.array(axis.widths)[axis.layer] / 2
    used = np.concatenate([np.empty(0, np.int64), *file.units]).astype(np.int64)
    if len(used) >= 20 and (axis.neuron[used] < half[used]).all():  # by chance: 2^-20
        doubts.append(
            f"all {len(used)} neurons lie in the first half of their layers: were they found in a "
            "part of the model?"
        )
    lead = activity - activity.mean(axis=0)
    classes = [index for index, name in enumerate(names) if name in cultures]
    if len(classes) > 1 and all(len(file.units[index]) for index in classes):
        active = np.array([lead[:, file.units[index]].mean(axis=1) for index in classes])
        best = [cultures[row] for row in active.argmax(axis=1)]  # of each class
        named = [names[index] for index in classes]
        if best != named and len(set(best)) == len(best):
            doubts.append(
                f"its classes are named {named}, but their neurons are most active for {best}, "
                "each for another: are the names in the file's order?"
            )
    return doubts
