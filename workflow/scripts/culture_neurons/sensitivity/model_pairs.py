"""Do the masks of two models share neurons? Asked only where neurons of one index can be the same.

Models of other shape or decoder family have no common neurons. Models of one family with other
weights have neurons of one index, which need not correspond: their overlap is given, and marked.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl

from culture_neurons.neurons import NeuronAxis
from culture_neurons.sensitivity.agreement import describe_overlap, spearman
from culture_neurons.storage.frames import index_tables, read_frame
from culture_neurons.storage.schemas import SCHEMAS

Facts = Mapping[str, object]


def compare_models(
    scores: Sequence[str | Path], masks: Sequence[str | Path], models: Sequence[str]
) -> Iterator[list[dict[str, object]]]:
    """Compare every two models' scores and masks, scorer by scorer on equal splits and rates.

    Args:
        scores: Tables `scores` of all models, scorers, and splits.
        masks: Tables `masks` of the same, and of all rates.
        models: Names of the models, in the order of the result.

    Yields:
        Rows of table `model_pairs`, of one pair of models at a time; one empty row where the two
        are not comparable.
    """
    scored = index_tables(scores, "scores", ("model", "split", "scorer"))
    masked = index_tables(masks, "masks", ("model", "split", "scorer", "rate"))
    facts_of = {facts["model"]: facts for _, facts in scored.values()}
    for first, second in combinations(models, 2):
        weights = relate_weights(facts_of[first], facts_of[second])
        pair = {"first_model": first, "second_model": second, "weights": weights}
        if weights.startswith("not"):
            yield [dict.fromkeys(SCHEMAS["model_pairs"].names) | pair]
            continue
        for (model, split, scorer), (path, facts) in scored.items():
            if model != first:
                continue
            other, other_facts = scored[second, split, scorer]
            rates = sorted(rate for *name, rate in masked if name == [first, split, scorer])
            files = {r: [masked[m, split, scorer, r][0] for m in (first, second)] for r in rates}
            cultures = sorted(set(facts["cultures"]) & set(other_facts["cultures"]))
            neurons = len(NeuronAxis.from_facts(facts))
            rows = compare_files((path, other), files, cultures, neurons)
            yield [{**pair, "split": split, "scorer": scorer, **row} for row in rows]


def relate_weights(first: Facts, second: Facts) -> str:
    """Say whether two models' neurons can be compared: "same", "other", or why they cannot."""
    shapes = [f"{f['decoder']} of {NeuronAxis.from_facts(f)}" for f in (first, second)]
    if shapes[0] != shapes[1]:
        return f"not comparable: {shapes[0]}, {shapes[1]}"
    identity = ("checkpoint", "commit", "dtype")
    return "same" if all(first[key] == second[key] for key in identity) else "other"


def compare_files(
    scores: Sequence[str | Path],
    masks: Mapping[float, Sequence[str | Path]],
    cultures: Sequence[str],
    neurons: int,
) -> Iterator[dict[str, object]]:
    """Compare two scores tables, and two masks tables per rate, culture by culture.

    Args:
        scores: Two files.
        masks: Rate -> two files.
        cultures: Cultures that both have.
        neurons: Number of neurons of the model.
    """
    values = [_read_scores(path, cultures) for path in scores]
    selected = {
        rate: [read_frame(path, "masks") for path in paths] for rate, paths in masks.items()
    }
    identity = ["culture", "layer", "neuron"]
    for culture in cultures:
        agreement = spearman(*(value[culture] for value in values))
        for rate, frames in selected.items():
            one, other = (frame.filter(culture=culture).select(identity) for frame in frames)
            shared = one.join(other, on=identity).height
            overlap = describe_overlap(one.height, other.height, shared, neurons)
            yield {"rate": rate, "culture": culture, "spearman": agreement, **overlap}


def _read_scores(path: str | Path, cultures: Sequence[str]) -> dict[str, np.ndarray]:
    frame = read_frame(path, "scores", ["culture", "layer", "neuron", "score"])
    kept = frame.filter(pl.col("culture").is_in(list(cultures))).sort("layer", "neuron")
    return {name: group["score"].to_numpy() for (name,), group in kept.group_by("culture")}
