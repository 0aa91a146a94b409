"""Components side by side: what masks of each hookpoint do, and how much of the model they are."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from culture_neurons.neurons import NeuronAxis
from culture_neurons.outcomes import ACCURACY, OUTCOMES
from culture_neurons.storage.facts import STUDY, read_facts
from culture_neurons.storage.frames import read_frame

_VERDICTS = ("self", "cross", "gap")
_KEYS = ("model", "split", "rate", "intervention", "scorer")


def tabulate_components(
    verdicts: pl.DataFrame, ranks: pl.DataFrame, masks: Iterable[str | Path], control: str
) -> pl.DataFrame:
    """Put the verdicts of one scorer at all hookpoints in a row, with what its masks touch.

    Args:
        verdicts: From `tabulate_verdicts`: accuracy in per cent.
        ranks: Stacked `ranks`, with the keys of verdicts.
        masks: Tables `masks`, of the scorers.
        control: Whose draws' smallest and largest mean stand beside self and cross.

    Returns:
        One row per model, split, rate, intervention, scorer, and hookpoint: its neurons; mean
        number of neurons in a mask, and of the weights that read them; effects with intervals and
        the control's band; rank p-values; the verdict.
    """
    intervals = [f"{name}{end}" for name in _VERDICTS for end in ("", "_low", "_high")]
    tests = [name for name in verdicts.columns if name.startswith(("self_p_", "gap_p_"))]
    table = verdicts.select(*_KEYS, "hookpoint", *intervals, *tests, "broken", "masks", "verdict")
    for measure, name in (("self", "self"), ("cross_by_mask", "cross")):
        band = ranks.filter(pl.col("culture").is_null(), measure=measure, control=control)
        band = band.filter(outcome=ACCURACY).select(
            *_KEYS,
            "hookpoint",
            *(
                (OUTCOMES[ACCURACY].scale * pl.col(f"control_{end}")).alias(f"{name}_control_{end}")
                for end in ("low", "high")
            ),
        )
        table = table.join(band, on=[*_KEYS, "hookpoint"], how="left")
    sizes = pl.DataFrame(list(map(_measure_masks, masks)))
    table = sizes.join(table, on=[*STUDY, "scorer"])
    return table.select(*_KEYS, pl.exclude(*_KEYS)).sort(*_KEYS, "hookpoint")


def _measure_masks(path: str | Path) -> dict[str, object]:
    """Measure the masks of one file: their study, and means over cultures."""
    facts = read_facts(path, "masks")
    layers = read_frame(path, "masks", ["layer"])["layer"].to_list()
    count = max(1, len(facts["masks"]))
    return {key: facts[key] for key in STUDY} | {
        "scorer": facts["scorer"]["name"],
        "units": len(NeuronAxis.from_facts(facts)),
        "mask_units": len(layers) / count,
        "mask_weights": sum(facts["weights"][layer] for layer in layers) / count,
    }
