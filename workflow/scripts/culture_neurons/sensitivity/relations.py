"""Culture or language? What masks share with, and do to, cultures of one language or one country.

Table `relations`: pairs of cultures by what they share (cultures.relate_cultures). Intervals are of
these cultures, from resampled images.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from culture_neurons.dataset.cultures import NEITHER, relate_cultures
from culture_neurons.evaluate.pairing import PairedAnswers
from culture_neurons.evaluate.resampling import bootstrap_cells, draw_flips, find_interval
from culture_neurons.neurons import NeuronAxis
from culture_neurons.sensitivity.agreement import describe_overlap
from culture_neurons.sensitivity.origins import Origins
from culture_neurons.storage.tables import to_columns

Row = dict[str, object]


def measure_relations(
    answers: Mapping[str, PairedAnswers],
    masks: Mapping[str, np.ndarray],
    axis: NeuronAxis,
    origins: Origins,
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> Iterator[dict[str, list]]:
    """Yield the rows of table `relations`: overlap of masks, then effects in each outcome.

    Args:
        answers: Outcome -> answers under the masks of all cultures.
        masks: Culture -> units.
        axis: The model's neurons.
        origins: Of the cultures.
        resamples: Bootstrap resamples of images.
        confidence: Coverage of the intervals.
        seed: Seed of the bootstrap.
    """
    cultures = sorted(masks)
    relations = np.array(
        [[relate_cultures(origins[one], origins[other]) for other in cultures] for one in cultures]
    )
    own = np.eye(len(cultures), dtype=bool)
    pairs = {
        name: (relations == name) & ~own for name in dict.fromkeys(relations[~own].tolist())
    }  # each (cultures, cultures), symmetric
    overlaps = _measure_overlaps([masks[culture] for culture in cultures], len(axis))
    yield to_columns(
        "relations",
        (
            _name_row(relation, cells, None, measure, _average_known(values[cells]))
            for relation, cells in pairs.items()
            for measure, values in overlaps.items()
        ),
    )
    for paired in answers.values():
        rows = _list_effects(paired, pairs, resamples, confidence, seed)
        yield to_columns("relations", rows)


def _measure_overlaps(units: list[np.ndarray], neurons: int) -> dict[str, np.ndarray]:
    """Measure overlap and that of chance of every two masks, (cultures, cultures); NaN unknown."""
    overlap, chance = np.full((2, len(units), len(units)), np.nan)
    for row, one in enumerate(units):
        for column, other in enumerate(units[:row]):
            shared = len(np.intersect1d(one, other))
            found = describe_overlap(len(one), len(other), shared, neurons)
            if found["overlap"] is not None:
                overlap[row, column] = overlap[column, row] = found["overlap"]
                chance[row, column] = chance[column, row] = found["chance"]
    return {"overlap": overlap, "overlap_chance": chance}


def _average_known(values: np.ndarray) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _list_effects(
    paired: PairedAnswers,
    pairs: Mapping[str, np.ndarray],
    resamples: int,
    confidence: float,
    seed: int,
) -> Iterator[Row]:
    """List what masks change in related cultures' answers, also less than in unrelated ones'."""
    delta = paired.average(paired.gained)  # (masks, cultures)
    drawn = bootstrap_cells(paired, resamples, seed)
    # A question flips under all related masks, or under one: the larger, for a mean of few pairs.
    share = paired.size_flip() / paired.tally(1.0)
    flips = dict(zip(pairs, draw_flips(resamples, len(pairs), seed).T, strict=True))
    samples = {
        name: drawn[:, cells].mean(axis=1) + flips[name] * _size_flip(share, cells)
        for name, cells in pairs.items()
    }
    for name, cells in pairs.items():
        value = float(delta[cells].mean())
        interval = find_interval(samples[name], confidence).tolist()
        yield _name_row(name, cells, paired.outcome, "cross", value, interval)
        if name != NEITHER and NEITHER in pairs:
            value -= float(delta[pairs[NEITHER]].mean())
            interval = find_interval(samples[name] - samples[NEITHER], confidence).tolist()
            yield _name_row(name, cells, paired.outcome, "cross_less_neither", value, interval)


def _size_flip(share: np.ndarray, cells: np.ndarray) -> float:
    """Size what one question's flip under every mask of its culture's pairs adds to their mean."""
    per_culture = (share * cells).sum(axis=0) / cells.sum()
    return float(per_culture[cells.any(axis=0)].mean())


def _name_row(
    relation: str,
    cells: np.ndarray,
    outcome: str | None,
    measure: str,
    value: float | None,
    interval: list[float] | tuple[None, None] = (None, None),
) -> Row:
    return {
        "relation": relation,
        "pairs": int(cells.sum()) // 2,
        "outcome": outcome,
        "measure": measure,
        "value": value,
        "ci_low": interval[0],
        "ci_high": interval[1],
    }
