"""Reads the tables of one figure; not for shaping them, which is each family's module."""

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TypeVar

import polars as pl

from culture_neurons.frames import read_frame
from culture_neurons.tables import read_facts

Key = TypeVar("Key", bound=Hashable)


def read_frames(
    paths: Sequence[str | Path], kind: str, keys: Sequence[Key]
) -> dict[Key, pl.DataFrame]:
    """Read one table per key, in the order of the keys.

    Raises:
        ValueError: Paths and keys are not one to one.
        TableError: A file is missing, damaged, or of another kind.
    """
    frames = {key: read_frame(path, kind) for path, key in zip(paths, keys, strict=True)}
    if len(frames) != len(paths):
        raise ValueError(f"two {kind} tables under one key: {list(keys)}")
    return frames


def read_masks(
    paths: Sequence[str | Path], scorers: Sequence[str]
) -> tuple[dict[str, pl.DataFrame], list[str], int]:
    """Read masks of several scorers with what their rows alone do not tell.

    Returns:
        Masks by scorer; all cultures, also those whose masks are empty; the number of layers.

    Raises:
        ValueError: Paths and scorers are not one to one, the files disagree on the number of
            layers, or a mask is not named for its culture.
    """
    frames = read_frames(paths, "masks", scorers)
    facts = [read_facts(path, "masks") for path in paths]
    layers = {fact["layers"] for fact in facts}
    if len(layers) != 1:
        raise ValueError(f"{list(paths)}: expected masks of one model, found {layers} layers")
    cultures = sorted({name for fact in facts for name in fact["masks"]})
    for path, frame in zip(paths, frames.values(), strict=True):
        foreign = set(frame["culture"].unique()) - set(cultures)
        if foreign:
            raise ValueError(
                f"{path}: has neurons of the cultures {sorted(foreign)}, but its facts name the "
                f"masks {cultures}; a scorer's masks are named for their cultures"
            )
    return frames, cultures, layers.pop()
