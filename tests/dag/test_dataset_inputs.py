"""A dataset of the user's: what it is made of is watched, file by file."""

import json
import os

import polars as pl
import pytest
import yaml
from dataset_rows import COLUMNS, make_picture, make_row
from dry_runs import copy_project, plan, run_snakemake

PICTURES = [make_picture(color) for color in ("red", "blue", "white")]
TARGETS = ("results/dataset/questions.parquet", "--configfile", "study.yaml")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A project whose dataset, a JSONL file with pictures and a file of labels, is prepared."""
    folder = copy_project(tmp_path_factory.mktemp("data") / "my study")
    (folder / "data").mkdir()
    rows = [make_row(f"p{n}_0", image=f"p{n}.png", Label=-1) for n in range(4)]
    other = {"Subset": "('x', 'y')", "Label": -1}  # of the same pictures, in both folds
    rows += [make_row(f"p{n}_1", image=f"p{n}.png", **other) for n in range(2)]
    (folder / "data/rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for number in range(3):  # the fourth picture is missing
        (folder / f"data/p{number}.png").write_bytes(PICTURES[number])
    labels = "ID,Label\n" + "".join(f"p{n}_0,{n}\n" for n in range(4)) + "p0_1,0\np1_1,1\n"
    (folder / "data/labels.csv").write_text(labels)
    (folder / "data/cultures.tsv").write_text(
        "code\tname\tsubsets\nJPN\tJapan\t('Japanese', 'Japan')\nXXX\tx\t('x', 'y')\n"
    )
    dataset = {
        "source": "data/rows.jsonl",
        "labels": "data/labels.csv",
        "cultures": "data/cultures.tsv",
        "max_rejected": 0.25,
        "max_absent": 0.5,
        "columns": COLUMNS,
    }
    models = [{"name": "m", "checkpoint": "owner/name"}]
    config = {"dataset": dataset, "models": models, "cells": {"folds": 2, "floor": 1}}
    (folder / "study.yaml").write_text(yaml.safe_dump(config))
    finished = run_snakemake(folder, "--cores", "1", *TARGETS)
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert plan(folder, *TARGETS) == set()
    return folder


def test_rows_pictures_and_labels_become_tables(prepared):
    questions = pl.read_parquet(prepared / "results/dataset/questions.parquet")
    assert questions["answer"].to_list() == [0, 0, 1, 1, 2]
    rejected = pl.read_parquet(prepared / "results/dataset/rejected.parquet")
    assert rejected.select("question_id", "reason", "counted").rows() == [
        ("p3_0", "missing image", True)
    ]
    images = pl.read_parquet(prepared / "results/dataset/images.parquet")
    assert images["bytes"].to_list() == PICTURES


@pytest.mark.parametrize("name", ["rows.jsonl", "p1.png", "labels.csv", "cultures.tsv"])
def test_an_edit_of_any_file_prepares_the_dataset_again(prepared, name):
    path = prepared / "data" / name
    before, times = path.read_bytes(), path.stat()
    path.write_bytes(make_picture("green") if name == "p1.png" else before + b"\n")
    assert plan(prepared, *TARGETS) == {("prepare_dataset", "")}
    path.write_bytes(before)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert plan(prepared, *TARGETS) == set()


def test_a_picture_that_arrives_later_is_seen(prepared):
    path = prepared / "data/p3.png"
    path.write_bytes(PICTURES[0])
    assert plan(prepared, *TARGETS) == {("prepare_dataset", "")}
    path.unlink()


def test_a_key_that_stands_twice_is_one_clear_line(prepared):
    twice = prepared / "twice.yaml"
    twice.write_text((prepared / "study.yaml").read_text() + "models: []\n")
    process = run_snakemake(prepared, "-n", "--configfile", "twice.yaml")
    assert process.returncode == 1
    said = process.stdout + process.stderr
    assert "twice.yaml: config key 'models' stands in line" in said
    assert "Traceback" not in said
