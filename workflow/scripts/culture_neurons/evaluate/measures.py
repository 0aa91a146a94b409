"""self, cross, and gap: what a matrix of changes (masks x cultures) is reduced to; no intervals."""

from collections.abc import Mapping

import numpy as np

MEASURES = ("self", "cross_by_mask", "cross_by_target", "gap")


def contrast(delta: np.ndarray, cross: str) -> dict[str, np.ndarray]:
    """Reduce matrices delta[..., mask, culture] to measures per culture, each [..., culture].

    self(c) = delta[c, c]; cross_by_mask(m) = mean over c != m of delta[m, c];
    cross_by_target(c) = mean over m != c of delta[m, c]; gap = self - cross_{cross}.
    """
    cultures = delta.shape[-1]
    own = np.diagonal(delta, axis1=-2, axis2=-1)
    measures = {
        "self": own,
        "cross_by_mask": (delta.sum(axis=-1) - own) / (cultures - 1),
        "cross_by_target": (delta.sum(axis=-2) - own) / (cultures - 1),
    }
    return {**measures, "gap": own - measures[f"cross_{cross}"]}


def share_out(measures: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Give each culture its part in the means over cultures, each [..., culture].

    A culture enters the mean cross as a mask and as a target: its part deviates from the mean as
    both do together. Its own cell is left out of both, which shortens deviations by
    (cultures - 2) / (cultures - 1). Of two cultures, one's mask has the other as its only target:
    there the parts are those of the masks. The parts' mean is the measures' own.
    """
    by_mask, by_target = measures["cross_by_mask"], measures["cross_by_target"]
    mean = by_mask.mean(axis=-1, keepdims=True)
    cultures = by_mask.shape[-1]
    cross = by_mask
    if cultures > 2:
        cross = mean + (by_mask + by_target - 2 * mean) * (cultures - 1) / (cultures - 2)
    return {
        "self": measures["self"],
        "cross_by_mask": cross,
        "cross_by_target": cross,
        "gap": measures["self"] - cross,
    }
