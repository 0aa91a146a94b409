"""Which neurons a hookpoint has, where each stands in an array, and what is summed of each.

Tables are long: a row per culture, layer, and neuron. Arrays in memory are (cultures, units): the
neurons of all layers side by side, layer by layer. This file alone knows how one becomes the other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np


class AxisError(Exception):
    """Neurons that a model does not have, or a rate that stands for none."""


class Sum(NamedTuple):
    """A sum over tokens of a function of an activation g (hooks/capture.py)."""

    stored: str  # dtype of a cell's sum
    added: str  # dtype in which cells are added up


SUMS = {
    "active": Sum("uint32", "int64"),  # K, of g > 0
    "total": Sum("float32", "float64"),  # S, of g
    "total_squares": Sum("float32", "float64"),  # Q, of g^2
}


class MaskName(NamedTuple):
    """Whose mask it is. No draw: a scorer's own; no culture either: the unmodified model.

    Where masks are steered, each is there once per strength; elsewhere it has none.
    """

    culture: str | None
    draw: int | None = None
    strength: float | None = None

    @property
    def order(self) -> tuple[str, int, float]:
        """Sort the unmodified model first, then by culture, a scorer's own before draws."""
        return self.culture or "", -1 if self.draw is None else self.draw, self.strength or 0.0

    def __str__(self) -> str:
        """Name the mask in a message."""
        if self.culture is None:
            return "the unmodified model"
        parts = [self.culture]
        parts += [] if self.draw is None else [f"draw {self.draw}"]
        parts += [] if self.strength is None else [f"strength {self.strength:g}"]
        return ", ".join(parts)


@dataclass(frozen=True)
class NeuronAxis:
    """The neurons of a hookpoint, layer by layer: unit = first unit of the layer + neuron."""

    widths: tuple[int, ...]  # neurons of each layer

    @classmethod
    def from_facts(cls, facts: Mapping[str, object]) -> "NeuronAxis":
        """Read the axis from a file's fact `widths`."""
        return cls(tuple(facts["widths"]))

    def __len__(self) -> int:
        """Count the units."""
        return sum(self.widths)

    def __str__(self) -> str:
        """Write the axis as "28 x 18944", or with every width where they differ."""
        if len(set(self.widths)) == 1:
            return f"{len(self.widths)} x {self.widths[0]}"
        return f"{len(self.widths)} layers of {', '.join(map(str, self.widths))}"

    @cached_property
    def starts(self) -> np.ndarray:
        """First unit of each layer, and the end: (layers + 1,)."""
        return np.cumsum([0, *self.widths])

    @cached_property
    def layer(self) -> np.ndarray:
        """Layer of each unit, uint16 (units,)."""
        return np.repeat(np.arange(len(self.widths), dtype=np.uint16), self.widths)

    @cached_property
    def neuron(self) -> np.ndarray:
        """Number of each unit within its layer, uint32 (units,)."""
        return np.concatenate([np.arange(width, dtype=np.uint32) for width in self.widths])

    def find_units(self, layers: Sequence[int], neurons: Sequence[int]) -> np.ndarray:
        """Find the units of (layer, neuron) pairs, int64 (pairs,).

        Raises:
            AxisError: A pair lies outside the axis.
        """
        layers, neurons = (np.asarray(values, dtype=np.int64) for values in (layers, neurons))
        inside = (layers >= 0) & (layers < len(self.widths)) & (neurons >= 0)
        inside[inside] = neurons[inside] < np.take(self.widths, layers[inside])
        if not inside.all():
            outside = int(np.argmin(inside))
            raise AxisError(
                f"layer {layers[outside]}, neuron {neurons[outside]}: the model has {self} neurons,"
                " numbered from 0"
            )
        return self.starts[layers] + neurons

    def split_layers(self, values: np.ndarray) -> Iterator[np.ndarray]:
        """Yield each layer's part of values (..., units)."""
        for start, end in zip(self.starts, self.starts[1:], strict=False):
            yield values[..., start:end]

    def count_at_rate(self, rate: float) -> int:
        """Count the neurons that a rate stands for: k = round(rate * units).

        Raises:
            AxisError: k is 0.
        """
        count = round(rate * len(self))
        if count < 1:
            raise AxisError(
                f"select.rates: {rate:g} of the model's {self} = {len(self)} neurons is no neuron; "
                f"expected one or more: set the rate to {1 / len(self):.2g} or above, for this "
                "hookpoint alone by select.rates_at"
            )
        return count


def read_sizes(facts: Mapping[str, object]) -> dict[MaskName, int]:
    """Read the masks and their sizes from the fact `masks` of a table made of or with them."""
    return {MaskName(culture, draw): size for culture, draw, size in facts["masks"]}
