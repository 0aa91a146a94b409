"""How far one scorer's scores and masks depend on the questions and on choices.

The same scorer on other folds, token scopes, or options: sums over stored cells, no model runs.
Folds of both halves of a split are used: nothing is evaluated here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from culture_neurons.identify.scoring import frame_scores, score_neurons
from culture_neurons.identify.selection import select_neurons
from culture_neurons.identify.statistics import Cells, add_cells
from culture_neurons.neurons import SUMS, NeuronAxis
from culture_neurons.sensitivity.agreement import describe_overlap, spearman

Masks = Mapping[float, np.ndarray]  # rate -> bool (cultures, units)

_ATTEMPTS = 50  # per draw, to find folds that were not drawn before: few folds have few divisions


@dataclass(frozen=True)
class Scoring:
    """One scorer and how its masks are selected."""

    name: str
    function: Callable[..., np.ndarray]
    options: Mapping[str, object]
    pool: str
    min_score: float | None
    rates: Sequence[float]


@dataclass(frozen=True)
class Scored:
    """Scores (cultures, units), and the masks that are selected by them."""

    scores: np.ndarray
    selected: Masks


def measure_reliability(
    cells: Cells,
    questions: int,
    scopes: Sequence[Sequence[int]],
    names: Sequence[str],
    scoring: Scoring,
    variants: Mapping[str, Mapping[str, object]],
    draws: int,
    seed: int,
) -> Iterator[list[dict[str, object]]]:
    """Compare one scorer with itself on other folds, scopes, and options.

    Args:
        cells: Sums per cell, of all folds and of every scope that is compared.
        questions: Questions of one cell.
        scopes: Sets of scopes, by their places; the first is the study's own.
        names: Names of the sets.
        scoring: The scorer.
        variants: Name -> other options of the scorer.
        draws: Divisions of the folds of each size, where there are as many.
        seed: Seed of the divisions.

    Yields:
        Rows of table `reliability`, one comparison at a time.
    """
    usual = take_scopes(cells, scopes[0])
    folds = len(cells.folds)

    def label(analysis: str, setting: str, size: int, draw: int | None, rows: list) -> list:
        head = {"analysis": analysis, "scorer": scoring.name, "setting": setting}
        return [{**head, "questions": size * questions, "draw": draw, **row} for row in rows]

    whole = score_folds(usual, range(folds), scoring)
    halves = []
    for size in range(1, folds // 2 + 1):
        for draw, sets in enumerate(draw_folds(folds, [size, size], draws, seed)):
            pair = [score_folds(usual, part, scoring) for part in sets]
            yield label("disjoint", "", size, draw, compare_scored(*pair, cells.cultures))
            if size == folds // 2:
                halves.append(tuple(scored.selected for scored in pair))
    yield label("layers", "", folds // 2, None, compare_layers(halves, cells.cultures, cells.axis))
    for size in range(1, folds):
        for draw, (subset,) in enumerate(draw_folds(folds, [size], draws, seed)):
            part = score_folds(usual, subset, scoring)
            yield label("nested", "", size, draw, compare_scored(part, whole, cells.cultures))
    for name, places in zip(names[1:], scopes[1:], strict=True):
        other = score_folds(take_scopes(cells, places), range(folds), scoring)
        yield label("scopes", name, folds, None, compare_scored(other, whole, cells.cultures))
    for name, options in variants.items():
        other = score_folds(usual, range(folds), replace(scoring, options=options))
        yield label("variants", name, folds, None, compare_scored(other, whole, cells.cultures))


def name_options(options: Mapping[str, object], usual: Mapping[str, object]) -> str:
    """Name a scorer's options by those that are not the usual ones."""
    return ", ".join(
        f"{name}={'null' if value is None else value}"
        for name, value in options.items()
        if name not in usual or value != usual[name]
    )


def take_scopes(cells: Cells, places: Sequence[int]) -> Cells:
    """Keep some of the scopes, by their places."""
    sums = {name: getattr(cells, name)[:, :, list(places)] for name in ("tokens", *SUMS)}
    return replace(cells, **sums)


def score_folds(cells: Cells, folds: Sequence[int], scoring: Scoring) -> Scored:
    """Score and select on the cells of some folds, by their places."""
    labels = len(cells.folds) * np.arange(len(cells.cultures))[:, None] + np.array(folds)
    scores = score_neurons(add_cells(cells, labels), scoring.function, scoring.options)
    table = frame_scores(cells.cultures, cells.axis, scores)
    selected = {}
    for rate in scoring.rates:
        count = cells.axis.count_at_rate(rate)
        masks = select_neurons(table, count, scoring.pool, scoring.min_score)
        culture = [cells.cultures.index(name) for name in masks["culture"]]
        selected[rate] = np.zeros(scores.shape, dtype=bool)
        selected[rate][culture, cells.axis.find_units(masks["layer"], masks["neuron"])] = True
    return Scored(scores, selected)


def draw_folds(folds: int, sizes: Sequence[int], draws: int, seed: int) -> list[list[list[int]]]:
    """Draw disjoint sets of folds, no two draws alike; fewer where no more are found.

    Args:
        folds: Number of folds.
        sizes: Folds of each set.
        draws: Number of draws.
        seed: Seed of the draws.
    """
    generator = np.random.default_rng([seed, *sizes])
    divisions: list[list[list[int]]] = []
    for _ in range(_ATTEMPTS * draws):
        order = generator.permutation(folds).tolist()
        ends = np.cumsum(sizes).tolist()
        drawn = sorted(
            sorted(order[end - size : end]) for end, size in zip(ends, sizes, strict=True)
        )
        if drawn not in divisions:
            divisions.append(drawn)
        if len(divisions) == draws:
            break
    return divisions


def compare_scored(
    first: Scored, second: Scored, cultures: Sequence[str]
) -> list[dict[str, object]]:
    """Compare two sets of scores and masks, per culture and rate: rows of table `reliability`."""
    rows = []
    for index, culture in enumerate(cultures):
        agreement = spearman(first.scores[index], second.scores[index])
        for rate, selected in first.selected.items():
            one, other = selected[index], second.selected[rate][index]
            overlap = describe_overlap(one.sum(), other.sum(), (one & other).sum(), len(one))
            rows.append(
                {"rate": rate, "culture": culture, "layer": None, "spearman": agreement, **overlap}
            )
    return rows


def compare_layers(
    pairs: Sequence[tuple[Masks, Masks]], cultures: Sequence[str], axis: NeuronAxis
) -> list[dict[str, object]]:
    """Compare masks layer by layer, the neurons of all pairs counted together."""
    rows = []
    for rate in pairs[0][0]:
        one, other = (np.stack([pair[side][rate] for pair in pairs]) for side in (0, 1))
        counts = [
            np.stack([part.sum(axis=(0, 2)) for part in axis.split_layers(masks)], axis=1)
            for masks in (one, other, one & other)
        ]  # (cultures, layers) each
        for index, layer in np.ndindex(counts[0].shape):
            neurons = len(pairs) * axis.widths[layer]
            overlap = describe_overlap(*(count[index, layer] for count in counts), neurons)
            identity = {"rate": rate, "culture": cultures[index], "layer": layer}
            rows.append({**identity, "spearman": None, **overlap})
    return rows
