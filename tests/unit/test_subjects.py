"""Two models' masks: compared where a neuron can be the same, refused with the reason elsewhere."""

import itertools

import numpy as np
import polars as pl
import pytest

from culture_neurons.sensitivity.model_pairs import compare_models, relate_weights
from culture_neurons.storage.tables import to_columns, write_table

LAYERS, WIDTH = 2, 10
FACTS = {"decoder": "qwen2", "widths": [WIDTH] * LAYERS}
FACTS |= {"checkpoint": "org/name", "commit": "c1", "dtype": "float32"}


@pytest.mark.parametrize(
    ("change", "weights"),
    [
        ({}, "same"),
        ({"commit": "c2"}, "other"),
        ({"checkpoint": "org/else"}, "other"),
        ({"dtype": "bfloat16"}, "other"),
        ({"widths": [9, 9]}, "not comparable: qwen2 of 2 x 10, qwen2 of 2 x 9"),
        ({"widths": [10] * 3}, "not comparable: qwen2 of 2 x 10, qwen2 of 3 x 10"),
        ({"decoder": "mistral"}, "not comparable: qwen2 of 2 x 10, mistral of 2 x 10"),
    ],
)
def test_neurons_are_the_same_only_with_the_same_weights(change, weights):
    assert relate_weights(FACTS, FACTS | change) == weights


def write_model(folder, model, cultures, seed, **change):
    """Write scores and masks of one model: two scorers, two rates; return the paths."""
    generator = np.random.default_rng(seed)
    scores, masks, tables = [], [], {}
    for scorer in ("lap", "cas"):
        facts = {**FACTS, **change, "model": model, "cultures": cultures, "split": 0}
        facts["scorer"] = {"name": scorer}
        places = list(itertools.product(cultures, range(LAYERS), range(WIDTH)))
        frame = pl.DataFrame(places, ["culture", "layer", "neuron"], orient="row").with_columns(
            score=pl.Series(generator.random(len(places))),
        )
        frame = frame.with_columns(
            rank=pl.col("score").rank("ordinal", descending=True).over("culture") - 1
        )
        path = folder / f"{model}-{scorer}.parquet"
        write_table(path, "scores", frame.to_dict(as_series=False), facts)
        scores.append(path)
        for rate in (0.1, 0.25):
            best = frame.filter(pl.col("rank") < rate * LAYERS * WIDTH).drop("score")
            best = best.with_columns(draw=pl.lit(None, pl.UInt32))
            path = folder / f"{model}-{scorer}-{rate}.parquet"
            write_table(path, "masks", best.to_dict(as_series=False), facts | {"rate": rate})
            masks.append(path)
            tables[scorer, rate] = frame, best
    return scores, masks, tables


def test_masks_and_scores_of_comparable_models_are_compared(tmp_path):
    first = write_model(tmp_path, "m", ["a", "b", "c"], 0)
    second = write_model(tmp_path, "n", ["b", "c", "d"], 1)
    third = write_model(tmp_path, "o", ["b", "c"], 2, widths=[99, 99])
    parts = list(
        compare_models(
            [*third[0], *first[0], *second[0]], [*second[1], *third[1], *first[1]], ["m", "n", "o"]
        )
    )
    assert [len(part) for part in parts] == [4, 4, 1, 1]  # scorers of m, n; m, o; n, o
    assert [part[0]["second_model"] for part in parts] == ["n", "n", "o", "o"]
    refused = parts[2][0]
    assert refused["weights"].startswith("not comparable: qwen2 of 2 x 10, qwen2 of 2 x 99")
    assert refused["overlap"] is None
    rows = {(r["scorer"], r["rate"], r["culture"]): r for part in parts[:2] for r in part}
    assert {culture for *_, culture in rows} == {"b", "c"}  # that both models have
    for (scorer, rate, culture), row in rows.items():
        pairs = []
        for _, _, tables in (first, second):
            scores, mask = (table.filter(culture=culture) for table in tables[scorer, rate])
            pairs.append((scores["score"].to_numpy(), set(mask.select("layer", "neuron").rows())))
        (one_scores, one), (other_scores, other) = pairs
        assert row["overlap"] == len(one & other) / len(one | other)
        ranks = [scores.argsort().argsort() for scores in (one_scores, other_scores)]
        assert row["spearman"] == pytest.approx(np.corrcoef(*ranks)[0, 1], abs=1e-6)
        assert row["weights"] == "same"
    path = tmp_path / "subjects.parquet"
    write_table(path, "subjects", (to_columns("subjects", part) for part in parts), {})
    assert len(pl.read_parquet(path)) == 10


def test_one_model_has_no_pair(tmp_path):
    scores, masks, _ = write_model(tmp_path, "m", ["a", "b"], 0)
    assert list(compare_models(scores, masks, ["m"])) == []
