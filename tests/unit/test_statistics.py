"""Law 1: statistics of any sharding and order are bit-identical; broken shards are refused."""

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from culture_neurons.dataset.folds import identify_folds
from culture_neurons.identify.shards import merge_statistics
from culture_neurons.identify.statistics import read_statistics
from culture_neurons.neurons import NeuronAxis
from culture_neurons.storage.facts import TableError
from culture_neurons.storage.tables import write_table

LAYERS, WIDTH, FOLDS = 2, 3, 4
CULTURES, SCOPES = ["aa", "bb"], ["image", "text"]
AXIS = NeuronAxis((WIDTH,) * LAYERS)
SIZE = len(AXIS)


def make_cell(culture, fold, scope, seed):
    generator = np.random.default_rng([seed, CULTURES.index(culture), fold, SCOPES.index(scope)])
    return {
        "culture": [culture] * SIZE,
        "fold": [fold] * SIZE,
        "scope": [scope] * SIZE,
        "questions": [5] * SIZE,
        "tokens": [100 + fold] * SIZE,
        "layer": np.repeat(np.arange(LAYERS), WIDTH),
        "neuron": np.tile(np.arange(WIDTH), LAYERS),
        "active": generator.integers(0, 100, SIZE),
        # Magnitudes far apart: any other order of addition would round differently.
        "total": (generator.normal(size=SIZE) * 10.0 ** generator.integers(-12, 12, SIZE)),
        "total_squares": generator.random(SIZE) * 10.0 ** generator.integers(-12, 12, SIZE),
    }


CELLS = [(c, f, s) for c in CULTURES for f in range(FOLDS) for s in SCOPES]


def merge(paths, folds, scopes=SCOPES):
    parts = merge_statistics(paths, folds, scopes, CULTURES, AXIS)
    return pl.concat([pl.DataFrame(part) for part in parts])


def write_shards(folder, assignment, order):
    """Write cell i to shard assignment[i], in the given order."""
    paths = []
    for shard in sorted(set(assignment)):
        chunks = [make_cell(*CELLS[i], seed=7) for i in order if assignment[i] == shard]
        path = folder / f"{shard}.parquet"
        write_table(path, "activations", chunks, {})
        paths.append(path)
    return paths


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    assignment=st.lists(st.integers(0, 3), min_size=len(CELLS), max_size=len(CELLS)),
    order=st.permutations(range(len(CELLS))),
)
def test_any_sharding_and_order_gives_the_same_bits(tmp_path, assignment, order):
    for old in tmp_path.glob("*.parquet"):
        old.unlink()
    folds = identify_folds(FOLDS, 0)
    expected = {}
    for culture, fold, scope in CELLS:  # sorted by culture, fold, scope
        if fold in folds:
            cell = make_cell(culture, fold, scope, seed=7)
            sums = expected.setdefault(
                culture, [np.zeros(SIZE, np.int64), np.zeros(SIZE), np.zeros(SIZE)]
            )
            sums[0] = sums[0] + cell["active"]
            sums[1] = sums[1] + cell["total"].astype(np.float32).astype(np.float64)
            sums[2] = sums[2] + cell["total_squares"].astype(np.float32).astype(np.float64)
    merged = merge(write_shards(tmp_path, assignment, order)[::-1], folds)
    for culture in CULTURES:
        part = merged.filter(culture=culture)
        assert part["active"].to_list() == expected[culture][0].tolist()
        assert part["total"].to_numpy().tobytes() == expected[culture][1].tobytes()
        assert part["total_squares"].to_numpy().tobytes() == expected[culture][2].tobytes()
        assert set(part["tokens"]) == {2 * sum(100 + fold for fold in folds)}


def test_scopes_and_folds_choose_what_is_added(tmp_path):
    paths = write_shards(tmp_path, [0] * len(CELLS), range(len(CELLS)))
    merged = merge(paths, [2], ["text"])
    cell = make_cell("bb", 2, "text", seed=7)
    assert merged.filter(culture="bb")["active"].to_list() == cell["active"].tolist()
    assert set(merged["tokens"]) == {102}


def test_a_missing_or_doubled_cell_is_named(tmp_path):
    paths = write_shards(tmp_path, [0] * len(CELLS), range(1, len(CELLS)))
    with pytest.raises(TableError, match=r"\('aa', 0, 'image'\).*missing or occur twice"):
        merge(paths, [0, 1])
    double = write_shards(tmp_path, [1] * len(CELLS), [*range(len(CELLS)), 3])
    with pytest.raises(TableError, match=r"\('aa', 1, 'text'\)"):
        merge(double, [0, 1])


def test_statistics_survive_the_file(tmp_path):
    paths = write_shards(tmp_path, [0] * len(CELLS), range(len(CELLS)))
    merged = merge(paths, [0, 1])
    facts = {"cultures": CULTURES, "widths": AXIS.widths, "model": "m"}
    chunks = [merged.filter(culture=name).to_dict(as_series=False) for name in CULTURES]
    write_table(tmp_path / "s.parquet", "statistics", chunks, facts)
    statistics, found = read_statistics(tmp_path / "s.parquet")
    assert found == facts | {"widths": list(AXIS.widths)}
    assert statistics.active.shape == (2, SIZE)
    assert statistics.tokens.tolist() == [2 * 201, 2 * 201]
    assert (
        statistics.active[1, WIDTH + 2]
        == merged.filter(culture="bb", layer=1, neuron=2)["active"][0]
    )
    assert statistics.probability[0, 0] == merged["active"][0] / 402


@pytest.mark.parametrize("spoil", ["exchanged neurons", "exchanged cultures", "a row less"])
def test_statistics_whose_rows_are_not_in_order_are_refused(tmp_path, spoil):
    merged = merge(write_shards(tmp_path, [0] * len(CELLS), range(len(CELLS))), [0, 1])
    chunks = [merged.filter(culture=name) for name in CULTURES]
    if spoil == "exchanged neurons":
        chunks[1] = chunks[1].reverse()
    elif spoil == "exchanged cultures":
        chunks.reverse()
    else:
        chunks[0] = chunks[0].head(SIZE - 1)
    columns = [chunk.to_dict(as_series=False) for chunk in chunks]
    facts = {"cultures": CULTURES, "widths": AXIS.widths}
    write_table(tmp_path / "s.parquet", "statistics", columns, facts)
    with pytest.raises(TableError, match="each of 2 x 3 neurons once, in order"):
        read_statistics(tmp_path / "s.parquet")


def test_shards_with_a_neuron_twice_are_refused(tmp_path):
    cells = [make_cell(*cell, seed=7) for cell in CELLS]
    cells[3]["neuron"] = [0, 1, 1, *cells[3]["neuron"][3:]]
    write_table(tmp_path / "1.parquet", "activations", cells, {})
    with pytest.raises(TableError, match="rows, expected 4 cells of 2 x 3 neurons"):
        merge([tmp_path / "1.parquet"], [0, 1])
