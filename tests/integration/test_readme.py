"""The README's examples of an own model, own data, and own scorer, run to the end."""

import json
import re

import polars as pl
import pytest
import yaml
from dry_runs import PROJECT, copy_project, run_snakemake

from culture_neurons.dataset.cultures import parse_subset, read_cultures

README = (PROJECT / "README.md").read_text()


def read_examples(title):
    """Read the README's indented blocks after a bold title, up to the next one."""
    part = re.search(rf"^\*\*{title}\.\*\*(.*?)^\*\*", README, re.MULTILINE | re.DOTALL).group(1)
    blocks = re.findall(r"(?<=\n\n)(?:    .*\n|\n(?=\n?    ))+", part)
    return ["".join(line[4:] or "\n" for line in block.splitlines(True)) for block in blocks]


def write_data(folder, rows, columns):
    """Write the demo's rows as the README's example names them: JSONL, pictures, text labels."""
    (folder / "photos").mkdir(parents=True)
    (texts,) = columns["texts"].values()
    lines = []
    for number, row in enumerate(rows):
        name = f"photos/{number}.png"
        (folder / name).write_bytes(row["image"]["bytes"])
        values = {
            columns["id"]: row["ID"],
            columns["image"]: name,
            columns["subset"]: row["Subset"],
            columns["label"]: row["Translated Options"][row["Label"]],
            columns["category"]: row["Category"],
            texts["question"]: row["Translated Question"],
            texts["options"]: row["Translated Options"],
        }
        lines.append(json.dumps(values))
    (folder / "rows.jsonl").write_text("\n".join(lines))


def test_the_row_and_the_culture_file_that_are_printed_belong_to_the_config(tmp_path):
    config, tables = read_examples("Data")
    columns = yaml.safe_load(config)["dataset"]["columns"]
    row, cultures = tables.strip().split("\n\n")
    row = json.loads(row)
    (texts,) = columns.pop("texts").values()
    assert set(row) == {*columns.values(), *texts.values()}
    assert row[columns["label"]] in row[texts["options"]]
    (tmp_path / "cultures.tsv").write_text(cultures)
    codes = read_cultures(tmp_path / "cultures.tsv")
    assert codes[parse_subset(row[columns["subset"]])] == "JPN"
    assert codes["Basque", "Spain"] == "ESP"


def test_own_model_data_and_scorer(study, tmp_path):
    project = copy_project(tmp_path / "the project")
    folder = project / "my_study"
    folder.mkdir()
    dataset = yaml.safe_load(read_examples("Data")[0])["dataset"]
    rows = pl.read_parquet(study / "results/demo/dataset.parquet")
    write_data(folder / "my_data", rows.to_dicts(), dataset["columns"])
    cultures = (project / "config/demo_cultures.tsv").read_text()
    (folder / dataset["cultures"]).write_text(cultures)

    (model,) = yaml.safe_load(read_examples("Model")[0])["models"]
    checkpoint = study / "results/demo/checkpoints/tiny-llava-v1.6-mistral"
    model |= {"checkpoint": str(checkpoint), "revision": None, "dtype": "float32"}

    scorers = project / "workflow/scripts/culture_neurons/scorers"
    (scorers / "spread.py").write_text(read_examples("Scorer")[0])
    entry = re.search(r"entry `- (\{name: spread.*\}\})`", README)
    config = {
        "dataset": dataset,
        "models": [model],
        "cells": {"folds": 4, "cap": 25, "floor": 4, "leave_out": ["blind"]},
        "score": {"scorers": [yaml.safe_load(entry.group(1)), {"name": "cas", "min_score": 0}]},
        "evaluate": {"resamples": 200},
        "compute": {"device": "cpu", "threads": 1, "workers": 0, "batch_tokens": 4096},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(config))
    command = next(line for line in README.splitlines() if "--directory my_study" in line)
    options = command.split()[1:]  # without "snakemake"
    finished = run_snakemake(project, "results/tables/verdicts.csv", *options)
    assert finished.returncode == 0, finished.stderr[-4000:]

    verdicts = pl.read_csv(folder / "results/tables/verdicts.csv")
    assert set(verdicts["model"]) == {"my-model"}
    assert set(verdicts["scorer"]) == {"spread", "cas"}
    # The labels are the right ones, and the model is the demo's.
    assert verdicts["accuracy"].min() >= 95
    assert verdicts.filter(scorer="cas")["self"].item() <= -40
    # What is answered right without a picture is neither recorded nor asked under masks.
    unseen = pl.read_parquet(folder / "results/unseen/my-model.parquet")
    blind = unseen.filter("correct", pl.col("shown") == "blind")["question_id"]
    (outcomes,) = (folder / "results/outcomes").rglob("cas.parquet")
    asked = pl.read_parquet(outcomes)["question_id"].unique()
    cells = pl.read_parquet(folder / "results/cells/my-model.parquet")
    left_out = cells.filter(pl.col("reason") == "answered right blind")["question_id"]
    assert set(left_out) == set(blind)
    assert len(blind) > 0
    assert not set(blind) & {*asked, *cells.filter("used")["question_id"]}
    cultures = pl.read_csv(folder / "results/tables/cultures.csv")
    assert cultures["left_out"].sum() == len(blind)
    assert cultures["blind"].to_list() == pytest.approx(
        (cultures["left_out"] / cultures["questions"]).to_list()
    )

    masks = pl.read_csv(folder / "results/tables/masks.csv").filter(scorer="spread")
    assert masks["neurons"].to_list() == [16] * 8
