"""Culture or language? What masks share with, and do to, cultures of one language or one country.

Table `relations`: pairs of cultures by what they share (cultures.relate_cultures). That one mask is
strong, or one culture easily turned, is no relation: see `fit_relations`. Masks without a neuron
and masks that break the model are left out, with their cultures. Intervals are of these cultures,
from resampled images.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from culture_neurons.dataset.cultures import NEITHER, relate_cultures
from culture_neurons.evaluate.collapse import find_broken
from culture_neurons.evaluate.pairing import PairedAnswers
from culture_neurons.evaluate.resampling import bootstrap_cells, draw_flips, find_interval
from culture_neurons.neurons import NeuronAxis
from culture_neurons.outcomes import ACCURACY
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
    collapse: float,
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
        collapse: See `find_broken`.
    """
    cultures = sorted(masks)
    whole = find_broken(answers[ACCURACY], collapse) != 1
    whole &= [len(masks[culture]) > 0 for culture in cultures]
    relations = np.array(
        [[relate_cultures(origins[one], origins[other]) for other in cultures] for one in cultures]
    )
    counted = np.logical_and.outer(whole, whole) & ~np.eye(len(cultures), dtype=bool)
    pairs = {
        name: (relations == name) & counted for name in dict.fromkeys(relations[counted].tolist())
    }  # each (cultures, cultures), symmetric
    overlaps = _measure_overlaps([masks[culture] for culture in cultures], len(axis))
    yield to_columns(
        "relations",
        (
            _name_row(relation, cells, None, measure, float(values[cells].mean()))
            for relation, cells in pairs.items()
            for measure, values in overlaps.items()
        ),
    )
    for paired in answers.values():
        rows = _list_effects(paired, pairs, resamples, confidence, seed)
        yield to_columns("relations", rows)


def _measure_overlaps(units: list[np.ndarray], neurons: int) -> dict[str, np.ndarray]:
    """Measure overlap and that of chance of every two masks, (cultures, cultures); NaN of empty."""
    overlap, chance = np.full((2, len(units), len(units)), np.nan)
    for row, one in enumerate(units):
        for column, other in enumerate(units[:row]):
            shared = len(np.intersect1d(one, other))
            found = describe_overlap(len(one), len(other), shared, neurons)
            if found["overlap"] is not None:
                overlap[row, column] = overlap[column, row] = found["overlap"]
                chance[row, column] = chance[column, row] = found["chance"]
    return {"overlap": overlap, "overlap_chance": chance}


def _list_effects(
    paired: PairedAnswers,
    pairs: Mapping[str, np.ndarray],
    resamples: int,
    confidence: float,
    seed: int,
) -> Iterator[Row]:
    """List what masks change in related cultures' answers, also beyond what they do to others."""
    delta = paired.average(paired.gained)  # (masks, cultures)
    drawn = bootstrap_cells(paired, resamples, seed)
    # A question flips under all related masks, or under one: the larger, for a mean of few pairs.
    share = paired.size_flip() / paired.tally(1.0)
    flips = dict(zip(pairs, draw_flips(resamples, len(pairs), seed).T, strict=True))
    means = {name: cells / cells.sum() for name, cells in pairs.items()}
    fits = {name: weights for name, weights in fit_relations(pairs).items() if weights is not None}
    for measure, weighted in (("cross", means), ("cross_beyond", fits)):
        for name, weights in weighted.items():
            samples = np.tensordot(drawn, weights)
            samples += flips[name] * _size_flip(share, np.abs(weights) * pairs[name])
            interval = find_interval(samples, confidence).tolist()
            value = float((delta * weights).sum())
            yield _name_row(name, pairs[name], paired.outcome, measure, value, interval)


def fit_relations(pairs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray | None]:
    """Fit delta[m, c] = strength of m + ease of c + effect of what m and c share, by least squares.

    Args:
        pairs: Relation -> its cells, (cultures, cultures).

    Returns:
        Relation but NEITHER -> weights (cultures, cultures) whose sum over delta is its effect,
        less that of NEITHER; None where masks and cultures explain as much.
    """
    named = [name for name in pairs if name != NEITHER]
    if NEITHER not in pairs:
        return dict.fromkeys(named)
    counted = np.logical_or.reduce(list(pairs.values()))
    mask, culture = np.nonzero(counted)
    count = len(counted)
    columns = [np.equal.outer(mask, np.arange(count)), np.equal.outer(culture, np.arange(count))]
    columns += [pairs[name][counted][:, None] for name in named]
    design = np.concatenate(columns, axis=1).astype(float)  # (cells, 2 cultures + relations)
    weights = np.zeros((len(named), count, count))
    weights[:, counted] = np.linalg.pinv(design)[2 * count :]
    # An effect that cannot be told from masks and cultures has a column that the others span.
    rank, first = np.linalg.matrix_rank(design), 2 * count
    others = (np.delete(design, first + number, axis=1) for number in range(len(named)))
    told = [np.linalg.matrix_rank(rest) < rank for rest in others]
    return {
        name: each if known else None
        for name, each, known in zip(named, weights, told, strict=True)
    }


def _size_flip(share: np.ndarray, weights: np.ndarray) -> float:
    """Size what one question's flip under every mask of its culture's pairs adds to their sum."""
    per_culture = (share * weights).sum(axis=0)
    return float(per_culture[weights.any(axis=0)].mean())


def _name_row(
    relation: str,
    cells: np.ndarray,
    outcome: str | None,
    measure: str,
    value: float,
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
