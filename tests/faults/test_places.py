"""Places that take no files: a full disk, read-only results, a cache without permission."""

import hashlib
import shutil
import subprocess
from contextlib import contextmanager

import pytest
from planning import run_snakemake
from small_study import CONFIG, RUN, STUDY, fail, hash_tables, make

SHARDS = "results/activations/tiny-llava/mlp.gate_act"
STATISTICS = f"results/statistics/{STUDY}.parquet"


@contextmanager
def mounted(folder, *arguments):
    """Mount something on a folder, or skip the test where that is not permitted."""
    done = subprocess.run(
        ["mount", *arguments, folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_disk_that_is_full_during_a_shard_keeps_the_others_and_a_rerun_completes(study):
    expected = hash_tables(study)
    folder = study / SHARDS
    kept = folder.with_name("kept")
    folder.rename(kept)
    folder.mkdir()
    (study / STATISTICS).unlink()
    size = (kept / "1-of-2.parquet").stat().st_size
    room = size + size // 2  # the first shard and half of the second
    with mounted(folder, "-t", "tmpfs", "-o", f"size={room // 4096 * 4096}", "tmpfs"):
        shutil.copy2(kept / "1-of-2.parquet", folder)
        before = hashlib.sha256((folder / "1-of-2.parquet").read_bytes()).hexdigest()
        said = fail(study, STATISTICS)
        assert f"{SHARDS}/2-of-2.parquet: cannot be written, no space is left on its disk" in said
        assert "nothing of it was kept: free space and run again" in said
        assert [path.name for path in folder.iterdir()] == ["1-of-2.parquet"]
        after = hashlib.sha256((folder / "1-of-2.parquet").read_bytes()).hexdigest()
        assert after == before
        subprocess.run(["mount", "-o", "remount,size=16m", folder], check=True)  # space is freed
        make(study, STATISTICS)
        for path in folder.iterdir():
            shutil.copy2(path, kept)
    folder.rmdir()
    kept.rename(folder)
    assert hash_tables(study) == expected


def test_a_read_only_results_folder_can_be_planned_and_is_refused_before_any_job(study):
    (study / STATISTICS).unlink()
    expected = hash_tables(study)
    with mounted(study / "results", "--bind", study / "results"):
        subprocess.run(["mount", "-o", "remount,ro,bind", study / "results"], check=True)
        planned = run_snakemake(study, "--dry-run", STATISTICS, *CONFIG)
        assert planned.returncode == 0
        assert "merge_statistics" in planned.stdout + planned.stderr
        said = fail(study, STATISTICS)
        assert "results: cannot be written (Read-only file system)" in said
        assert "change its permissions, or run in a copy of the project" in said
        assert "Traceback" not in said
        assert hash_tables(study) == expected
    make(study, STATISTICS)
    assert len(hash_tables(study)) == len(expected) + 1


@pytest.fixture
def read_only(tmp_path):
    """An empty folder on a file system without write permission."""
    folder = tmp_path / "read only"
    folder.mkdir()
    with mounted(folder, "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs"):
        yield folder


def test_a_cache_without_write_permission_is_named(study, read_only, monkeypatch):
    expected = hash_tables(study)
    monkeypatch.setenv("HF_HOME", str(read_only))
    target = "results/dataset/questions.parquet"
    (study / target).unlink()
    said = fail(study, target, *RUN)
    assert "DatasetError: the cache of `datasets` cannot be written" in said
    assert str(read_only) in said
    assert "set HF_HOME to a folder in which this user may make files" in said
    monkeypatch.setenv("HF_HOME", str(read_only.with_name("writable")))
    make(study, target)
    assert hash_tables(study) == expected
