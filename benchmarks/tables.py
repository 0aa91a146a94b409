"""Time merge and all scorers at the scale of a 7B model, on synthetic activations.

    python benchmarks/tables.py [--folder tables] [--cultures 25] [--width 18944]

Each step runs in a process of its own, whose peak resident memory is reported. Needs the
workflow's environment; about 8 GB of disk.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from report import describe_machine, write_result

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow/scripts"
sys.path.insert(0, str(SCRIPTS))

LAYERS, FOLDS, SCOPES = 28, 8, ("image", "text")
SHARDS = 4
DRAWS = 20
SCORERS = {
    "lap": {"statistic": "probability"},
    "lape": {"quantile": 0.95},
    "lape_matched": {"quantile": 0.95},
    "mad": {"variant": "z", "activity_floor": 0.5},
    "cas": {},
}


def name_cultures(count: int) -> list[str]:
    """Name synthetic cultures."""
    return [f"C{number:02d}" for number in range(count)]


def make_shards(folder: Path, cultures: int, width: int) -> None:
    """Write all cells as extraction does: every (culture, fold, scope), SHARDS files."""
    from culture_neurons.neurons import NeuronAxis
    from culture_neurons.storage.tables import write_table

    rng = np.random.default_rng(0)
    axis = NeuronAxis((width,) * LAYERS)
    cells = [(c, f) for c in name_cultures(cultures) for f in range(FOLDS)]
    facts = {"widths": axis.widths, "cultures": name_cultures(cultures)}

    def chunks(mine):
        for culture, fold in mine:
            for scope in SCOPES:
                tokens = 20_000 if scope == "image" else 1_500
                active = rng.integers(0, tokens, len(axis), dtype=np.uint32)
                total = rng.standard_normal(len(axis), dtype=np.float32)
                yield {
                    "culture": culture,
                    "fold": fold,
                    "scope": scope,
                    "questions": 25,
                    "tokens": tokens,
                    "layer": axis.layer,
                    "neuron": axis.neuron,
                    "active": active,
                    "total": total,
                    "total_squares": np.square(total),
                }

    for shard in range(SHARDS):
        path = folder / f"{shard + 1}-of-{SHARDS}.parquet"
        write_table(path, "activations", chunks(cells[shard::SHARDS]), facts)


def merge(folder: Path, cultures: int, width: int) -> None:
    """Merge half of the folds of both scopes, as one split does."""
    from culture_neurons.identify.shards import merge_statistics
    from culture_neurons.neurons import NeuronAxis
    from culture_neurons.storage.tables import write_table

    names = name_cultures(cultures)
    shards = sorted(folder.glob("*-of-*.parquet"))
    axis = NeuronAxis((width,) * LAYERS)
    rows = merge_statistics(shards, range(0, FOLDS, 2), SCOPES, names, axis)
    facts = {"widths": axis.widths, "cultures": names}
    write_table(folder / "statistics.parquet", "statistics", rows, facts)


def merge_all_folds(folder: Path, cultures: int, width: int) -> None:
    """Merge every row of every shard."""
    from culture_neurons.identify.shards import merge_statistics
    from culture_neurons.neurons import NeuronAxis
    from culture_neurons.storage.tables import write_table

    names = name_cultures(cultures)
    shards = sorted(folder.glob("*-of-*.parquet"))
    axis = NeuronAxis((width,) * LAYERS)
    rows = merge_statistics(shards, range(FOLDS), SCOPES, names, axis)
    write_table(folder / "all.parquet", "statistics", rows, {})


def score(folder: Path, name: str) -> None:
    """Score, rank, and write, as rule score_neurons does."""
    from culture_neurons.identify.scoring import (
        load_scorer,
        score_neurons,
        tabulate_scores,
    )
    from culture_neurons.identify.statistics import read_statistics
    from culture_neurons.storage.tables import write_table

    statistics, facts = read_statistics(folder / "statistics.parquet")
    scores = score_neurons(statistics, load_scorer(name), SCORERS[name])
    rows = tabulate_scores(statistics.cultures, statistics.axis, scores)
    write_table(folder / f"{name}.parquet", "scores", rows, facts)


def select(folder: Path, name: str) -> None:
    """Select the best 1 %, as rule select_neurons does."""
    import polars as pl

    from culture_neurons.identify.selection import select_neurons
    from culture_neurons.neurons import NeuronAxis
    from culture_neurons.storage.facts import read_facts

    facts = read_facts(folder / f"{name}.parquet", "scores")
    count = NeuronAxis.from_facts(facts).count_at_rate(0.01)
    pool = "overall" if name == "lape" else "per_culture"
    select_neurons(pl.read_parquet(folder / f"{name}.parquet"), count, pool, None)


def make_control(folder: Path, cultures: int, width: int) -> None:
    """Write a control's masks: DRAWS for each culture, 1 % of the neurons each."""
    from culture_neurons.identify.mask_tables import write_masks
    from culture_neurons.neurons import NeuronAxis

    axis, rng = NeuronAxis((width,) * LAYERS), np.random.default_rng(0)
    count, names = axis.count_at_rate(0.01), name_cultures(cultures)
    masks = [(name, draw) for name in names for draw in range(DRAWS)]
    units = np.concatenate([rng.choice(len(axis), count, replace=False) for _ in masks])
    columns = {
        "culture": np.repeat([name for name, _ in masks], count).tolist(),
        "draw": np.repeat([draw for _, draw in masks], count).tolist(),
        "layer": axis.layer[units],
        "neuron": axis.neuron[units],
        "rank": np.tile(np.arange(count, dtype=np.uint32), len(masks)),
    }
    write_masks(folder / "control.parquet", columns, {}, ["numpy"])


def read_control(folder: Path, _cultures: int, _width: int) -> None:
    """Read a control's masks, as a model job does before it leases a GPU."""
    from culture_neurons.identify.mask_tables import read_masks
    from culture_neurons.neurons import read_sizes
    from culture_neurons.storage.facts import read_facts

    path = folder / "control.parquet"
    read_masks(path, read_sizes(read_facts(path, "masks")))


def measure(step: str, arguments: argparse.Namespace) -> tuple[float, float]:
    """Run one step in a process of its own; seconds and peak memory in GB, start-up included."""
    command = [sys.executable, __file__, "--step", step, "--folder", arguments.folder]
    command += ["--cultures", str(arguments.cultures), "--width", str(arguments.width)]
    begun = time.perf_counter()
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return time.perf_counter() - begun, float(output.split()[-1])


def run_step(arguments: argparse.Namespace) -> None:
    """Do one step and print the process's peak memory in GB."""
    folder = Path(arguments.folder)
    kind, _, name = arguments.step.partition(":")
    if kind in ("score", "select"):
        {"score": score, "select": select}[kind](folder, name)
    else:
        steps = {"make": make_shards, "merge": merge, "merge_all": merge_all_folds}
        steps |= {"control": make_control, "read_control": read_control}
        steps[kind](folder, arguments.cultures, arguments.width)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9)


def main() -> None:
    """Make the data, measure every step, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", default=None)
    parser.add_argument("--cultures", type=int, default=25)
    parser.add_argument("--width", type=int, default=18_944)
    parser.add_argument("--step", default=None, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        run_step(arguments)
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        arguments.folder = folder
        rows = []
        neurons = LAYERS * arguments.width
        for step, what in [
            ("make", "(writing the synthetic shards)"),
            ("merge", "merge, one split (half of the folds)"),
            ("merge_all", "merge, all folds"),
            *((f"score:{name}", f"score {name}") for name in SCORERS),
            *((f"select:{name}", f"select {name}") for name in SCORERS),
            ("control", f"(writing a control's masks, {DRAWS} per culture)"),
            ("read_control", f"read a control's masks, {DRAWS} per culture"),
        ]:
            rows.append([what, *measure(step, arguments)])
            print(*rows[-1], sep="\t", flush=True)
        begun = time.perf_counter()
        with ThreadPoolExecutor(2) as pool:  # as Snakemake does on two cores
            steps = [f"score:{name}" for name in SCORERS]
            peaks = sorted(
                peak for _, peak in pool.map(partial(measure, arguments=arguments), steps)
            )
        together = [time.perf_counter() - begun, sum(peaks[-2:])]
        rows.append(["all scorers, two at a time (peaks of the two largest added)", *together])
        rows = [[what, f"{seconds:.1f}", f"{peak:.2f}"] for what, seconds, peak in rows]
        facts = {
            "neurons": neurons,
            "cultures": arguments.cultures,
            "activation rows": neurons * arguments.cultures * FOLDS * len(SCOPES),
            **describe_machine("numpy", "polars", "pyarrow"),
        }
        write_result("tables", ["step", "seconds", "peak GB"], rows, facts)


if __name__ == "__main__":
    main()
