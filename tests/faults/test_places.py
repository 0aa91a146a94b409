"""Places that take no files: a full disk, read-only results, a cache without permission."""

import hashlib
import json
import shutil
import subprocess
from contextlib import contextmanager

import pytest
import yaml
from dry_runs import run_snakemake
from small_study import CONFIG, RUN, STUDY, fail, hash_tables, make
from stand_in_hub import serve_hub

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


COMMIT = "0123456789" * 4


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A Hub on this host with one dataset, owner/name; serve(path) gives it its only file."""
    content = {}

    def answer(path, _authorization):
        body = json.dumps({"id": "owner/name", "sha": COMMIT}).encode()
        if "/tree/" in path:
            entry = {"type": "file", "path": "test.parquet", "oid": "0" * 40}
            body = json.dumps([entry | {"size": len(content["body"])}]).encode()
        if "/resolve/" in path:
            body = content["body"]
        mark = f'"{hashlib.sha1(body).hexdigest()}"'
        return 200, body, {"X-Repo-Commit": COMMIT, "ETag": mark}

    with serve_hub(answer) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        yield lambda path: content.update(body=path.read_bytes())


def test_a_hub_cache_of_the_config_is_used_and_named_where_it_takes_nothing(study, read_only, hub):
    hub(study / "results/demo/dataset.parquet")
    path = study / "tests/configs/one_model.yaml"
    config = yaml.safe_load(path.read_text())
    config["dataset"]["source"] = "owner/name"
    target = "results/dataset/questions.parquet"

    def choose(cache):
        config["compute"]["hub_cache"] = str(cache)
        path.write_text(yaml.safe_dump(config))
        return RUN

    said = fail(study, target, *choose(read_only))
    assert f"dataset.source 'owner/name': the Hub cache {read_only} lacks a file of it" in said
    assert "Read-only file system" in said
    assert "set compute.hub_cache to a folder with room in which this user may make files" in said
    assert "there is no such file or folder here" not in said
    make(study, target, *choose(writable := read_only.with_name("a cache")))
    (found,) = writable.rglob("test.parquet")
    assert found.read_bytes() == (study / "results/demo/dataset.parquet").read_bytes()
    assert not (read_only.with_name("home") / "hub").exists()
