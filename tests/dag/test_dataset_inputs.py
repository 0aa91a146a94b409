"""A dataset of the user's: what it is made of is watched, file by file."""

import json
import os

import polars as pl
import pytest
import yaml
from dataset_rows import COLUMNS, make_picture, make_row
from dry_runs import copy_project, plan, run_snakemake

PICTURES = [make_picture(color) for color in ("red", "blue", "white")]
OTHER = "results/other_datasets/general/questions.parquet"
STUDY = ("--configfile", "study.yaml")
TARGETS = ("results/dataset/questions.parquet", *STUDY)


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
    (folder / "photos").mkdir()
    for number, color in enumerate(("green", "black")):
        (folder / f"photos/{number}.png").write_bytes(make_picture(color))
    table = "id,photo,text,A,B,answer\n0,0.png,Is it?,yes,no,B\n1,1.png,Is it not?,yes,no,A\n"
    (folder / "data/general.csv").write_text(table)
    texts = {"english": {"question": "text", "options": ["A", "B"]}}
    general = {
        "source": "data/general.csv",
        "image_root": "photos",
        "label_is": "letter",
        "option_counts": [2],
        "columns": {"id": ["file", "id"], "image": "photo", "label": "answer", "texts": texts},
    }
    config = {
        "dataset": dataset,
        "other_datasets": {"general": general},
        "models": [{"name": "m", "checkpoint": "owner/name"}],
        "cells": {"folds": 2, "floor": 1},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(config))
    finished = run_snakemake(folder, OTHER, *TARGETS, "--cores", "1")
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert plan(folder, OTHER, *TARGETS) == set()
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


def test_another_dataset_is_read_as_its_own_settings_say(prepared):
    questions = pl.read_parquet(prepared / OTHER).sort("question_id")
    assert questions["question_id"].to_list() == ["general/0", "general/1"]
    assert questions["answer"].to_list() == [1, 0]
    images = pl.read_parquet(prepared / OTHER.replace("questions", "images"))
    assert set(images["bytes"]) == set(map(make_picture, ("green", "black")))


GENERAL = ("prepare_other_dataset", "other_dataset=general")


def test_pictures_below_their_folder_are_watched(prepared):
    path = prepared / "photos/1.png"
    before, times = path.read_bytes(), path.stat()
    path.write_bytes(make_picture("white"))
    assert plan(prepared, OTHER, *STUDY) == {GENERAL}
    path.write_bytes(before)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    (prepared / "photos/unused.png").write_bytes(before)
    assert plan(prepared, OTHER, *STUDY) == set()


CHANGES = [
    ("dataset", {"label_is": "index1"}),
    ("dataset", {"split": "train"}),
    ("dataset", {"image_root": "data"}),
    ("dataset", {"option_counts": [2, 4]}),
    ("general", {"label_is": "text"}),
    ("general", {"columns": {"id": ["file", "row"]}}),
    ("general", {"per_culture": 7}),  # of which are asked, not of which there are
]


@pytest.mark.parametrize(("name", "changes"), CHANGES)
def test_a_setting_that_changes_rows_prepares_them_again(name, changes, prepared):
    path = prepared / "study.yaml"
    before = path.read_text()
    config = yaml.safe_load(before)
    settings = config["dataset"] if name == "dataset" else config["other_datasets"]["general"]
    columns = settings["columns"] | changes.get("columns", {})
    settings |= changes | {"columns": columns}
    path.write_text(yaml.safe_dump(config))
    try:
        planned = plan(prepared, *((OTHER, *STUDY) if name == "general" else TARGETS))
    finally:
        path.write_text(before)
    rule = GENERAL if name == "general" else ("prepare_dataset", "")
    assert planned == (set() if "per_culture" in changes else {rule})


def test_columns_that_a_table_lacks_are_one_clear_line_before_any_job(prepared):
    text = (prepared / "study.yaml").read_text()
    assert "label: answer" in text
    (prepared / "lacks.yaml").write_text(text.replace("label: answer", "label: answered"))
    process = run_snakemake(prepared, "-n", "--configfile", "lacks.yaml")
    said = process.stdout + process.stderr
    key = "other_datasets.general.columns"
    assert f"config key '{key}' names ['answered']; expected columns that every file" in said
    assert "did you mean 'answer'" in said
    assert "Traceback" not in said


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
