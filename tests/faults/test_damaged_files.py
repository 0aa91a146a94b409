"""Files that are damaged, foreign, or written twice: refused by name, and deleting them heals."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest
import torch
from dry_runs import run_snakemake
from small_study import CONFIG, RUN, STUDY, fail, find_jobs, hash_tables, make

from culture_neurons.storage.facts import attach_facts

SHARD = "results/activations/tiny-llava/mlp.gate_act/2-of-2.parquet"
STATISTICS = f"results/statistics/{STUDY}.parquet"
MASKS = f"results/masks/{STUDY}/r0.01/conact.parquet"
OUTCOMES = f"results/outcomes/{STUDY}/r0.01/ablate/conact.parquet"
IMPORTED = f"results/masks/{STUDY}/r0.01/published.parquet"
EFFECTS = f"results/effects/{STUDY}/r0.01/ablate/conact.parquet"
ANSWERS = "results/answers/tiny-llava.parquet"
CELLS = "results/cells/tiny-llava.parquet"


def flip_a_bit(path, column):
    """Flip one bit in the middle of a column's data, in every row group."""
    metadata = pq.read_metadata(path)
    data = bytearray(path.read_bytes())
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        chunk = next(
            group.column(i)
            for i in range(group.num_columns)
            if group.column(i).path_in_schema == column
        )
        data[chunk.data_page_offset + chunk.total_compressed_size // 2] ^= 1
    path.write_bytes(data)


def forge(path, **facts):
    """Change facts in a file's metadata, as if another study had written it."""
    table = pq.read_table(path)
    found = json.loads(table.schema.metadata[b"culture_neurons"])
    assert facts.keys() <= found.keys()
    kind = found.pop("kind")
    pq.write_table(table.cast(attach_facts(table.schema, kind, found | facts)), path)


@pytest.mark.parametrize(
    ("path", "column", "target"),
    [
        (SHARD, "total", STATISTICS),
        (ANSWERS, "correct", CELLS),
        (OUTCOMES, "non_letter_mass", EFFECTS),
    ],
    ids=["shard", "answers", "outcomes"],
)
def test_a_flipped_bit_is_found_and_deleting_the_file_heals(study, path, column, target):
    expected = hash_tables(study)
    flip_a_bit(study / path, column)
    said = fail(study, target)
    assert f"{path}: is damaged" in said
    assert "delete it and run again" in said
    assert not (study / target).exists()
    (study / path).unlink()
    make(study, target)
    assert hash_tables(study) == expected


def test_a_truncated_shard_is_found_and_deleting_it_heals(study):
    expected = hash_tables(study)
    shard = study / SHARD
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    said = fail(study, STATISTICS)
    assert f"{SHARD}: cannot be read as a Parquet file" in said
    assert "delete it and run again" in said
    shard.unlink()
    make(study, STATISTICS)
    assert hash_tables(study) == expected


@pytest.mark.parametrize(
    ("key", "value"), [("option_seed", 99), ("model", "another")], ids=["config", "model"]
)
def test_a_shard_of_another_study_is_refused_by_name(study, key, value):
    forge(study / SHARD, **{key: value})
    said = fail(study, STATISTICS)
    assert f"{SHARD}: its {key} is {value!r}, but " in said
    assert re.search("delete (it|the foreign file) and run again", said)


def test_shards_that_agree_with_each_other_alone_are_refused_too(study):
    for name in ("1-of-2", "2-of-2"):
        forge((study / SHARD).with_name(f"{name}.parquet"), option_seed=99)
    said = fail(study, STATISTICS)
    assert f"its option_seed is 99, but {CELLS} has 0" in said


def test_masks_of_another_model_are_refused_before_they_are_used(study):
    forge(study / MASKS, commit="0" * 40)
    said = fail(study, OUTCOMES)
    assert f"{MASKS}: its commit is '{'0' * 40}', but {CELLS} has" in said
    assert not (study / OUTCOMES).exists()


def test_masks_and_cells_of_another_model_are_refused_when_it_is_loaded(study):
    times = (study / CELLS).stat()
    for name in (MASKS, CELLS):
        forge(study / name, commit="0" * 40)
    # What is made of cells is not to be made anew.
    os.utime(study / CELLS, ns=(times.st_atime_ns, times.st_mtime_ns))
    said = fail(study, OUTCOMES)
    assert f"but {MASKS} has '{'0' * 40}'" in said
    assert "the loaded checkpoint results/demo/checkpoints/tiny-llava-v1.6-mistral" in said
    assert not (study / OUTCOMES).exists()


def test_two_writers_of_one_shard_leave_one_whole_file(study):
    """The job of a killed workflow goes on while the next run makes the same file."""
    expected = hash_tables(study)
    (study / SHARD).unlink()
    workflow = subprocess.Popen(
        [sys.executable, "-m", "snakemake", SHARD, *RUN],
        cwd=study,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not (scripts := find_jobs(study, "extract_activations")):
        assert workflow.poll() is None
        time.sleep(0.01)
    (orphan,) = scripts
    os.kill(orphan, signal.SIGSTOP)  # so that it outlives the second run's beginning
    workflow.kill()
    workflow.wait()
    assert run_snakemake(study, "--unlock", *CONFIG).returncode == 0
    second = subprocess.Popen(
        [sys.executable, "-m", "snakemake", SHARD, *RUN],
        cwd=study,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while len(scripts) < 2 and second.poll() is None:
        scripts = find_jobs(study, "extract_activations")
        time.sleep(0.01)
    os.kill(orphan, signal.SIGCONT)
    assert len(scripts) == 2
    assert second.wait() == 0
    while orphan in find_jobs(study, "extract_activations"):
        time.sleep(0.05)
    assert hash_tables(study) == expected
    assert not list((study / SHARD).parent.glob(".*"))


class Malicious:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return exec, ("open('foreign-code-ran', 'w')",)


def test_a_mask_file_that_would_run_code_is_refused_and_not_run(study, monkeypatch):
    masks = study / "tests/configs/masks.pth"
    torch.save([Malicious()], masks)
    said = fail(study, IMPORTED)
    assert "tests/configs/masks.pth: holds more than tensors and lists" in said
    assert "nothing of it was run" in said
    assert not (study / "foreign-code-ran").exists()
    monkeypatch.chdir(study)
    torch.load(masks, weights_only=False)
    assert (study / "foreign-code-ran").exists()  # so it would have shown
