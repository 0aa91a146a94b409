"""Reads the tables of one figure; not for shaping them, which is each family's module."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import polars as pl

from culture_neurons.neurons import read_sizes
from culture_neurons.storage.facts import read_facts
from culture_neurons.storage.frames import read_frame

Key = TypeVar("Key", str, tuple[str, ...])


class ModelMasks(NamedTuple):
    """The masks of one model, and what their rows alone do not tell."""

    masks: dict[str, pl.DataFrame]  # scorer -> its masks table
    cultures: list[str]  # all of them, also those whose masks are empty
    layers: int


def read_frames(
    paths: Sequence[str | Path], kind: str, keys: Sequence[Key], named: Sequence[str]
) -> dict[Key, pl.DataFrame]:
    """Read one table per key, in the order of the keys.

    Unlike `stack_tables`, this holds each file against its key, and keeps a table without rows.

    Args:
        paths: Parallel to `keys`.
        kind: Of all tables.
        keys: What tells the tables apart.
        named: The facts that a key is made of: ["scorer"], or ["model", "scorer"] of a pair.

    Raises:
        ValueError: Paths and keys are not one to one.
        TableError: A file is missing, damaged, of another kind, or not what its key says.
    """
    frames = {}
    for path, key in zip(paths, keys, strict=True):
        values = [key] if isinstance(key, str) else key
        read_facts(path, kind, dict(zip(named, values, strict=True)))
        frames[key] = read_frame(path, kind)
    if len(frames) != len(paths):
        raise ValueError(f"two {kind} tables under one key: {list(keys)}")
    return frames


def choose_outcome(frames: Mapping[Key, pl.DataFrame], outcome: str) -> dict[Key, pl.DataFrame]:
    """Choose the rows of each table that are of an outcome."""
    return {key: frame.filter(outcome=outcome) for key, frame in frames.items()}


def read_models(
    paths: Sequence[str | Path], models: Sequence[str], scorers: Sequence[str]
) -> dict[str, ModelMasks]:
    """Read the masks of several models; paths, models, and scorers are parallel.

    Raises:
        ValueError: They are not parallel; for the others see `read_scorer_masks`.
    """
    files: dict[str, list] = {}
    for path, model, scorer in zip(paths, models, scorers, strict=True):
        files.setdefault(model, []).append((path, scorer))
    return {model: read_scorer_masks(*zip(*pairs, strict=True)) for model, pairs in files.items()}


def read_scorer_masks(paths: Sequence[str | Path], scorers: Sequence[str]) -> ModelMasks:
    """Read one model's masks of several scorers.

    Raises:
        ValueError: Paths and scorers are not one to one, the files disagree on the number of
            layers, or a mask is not named for its culture.
    """
    frames = read_frames(paths, "masks", scorers, ["selector"])
    facts = [read_facts(path, "masks") for path in paths]
    layers = {len(fact["widths"]) for fact in facts}
    if len(layers) != 1:
        raise ValueError(f"{list(paths)}: expected masks of one model, found {layers} layers")
    cultures = sorted({mask.culture for fact in facts for mask in read_sizes(fact)})
    for path, frame in zip(paths, frames.values(), strict=True):
        foreign = set(frame["culture"].unique()) - set(cultures)
        if foreign:
            raise ValueError(
                f"{path}: has neurons of the cultures {sorted(foreign)}, but its facts name the "
                f"masks {cultures}; a scorer's masks are named for their cultures"
            )
    return ModelMasks(frames, cultures, layers.pop())
