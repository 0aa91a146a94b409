"""The README's examples of an own model, own data, and own scorer, run to the end."""

import json
import re

import polars as pl
import pytest
import yaml
from dry_runs import PROJECT, copy_project, run_snakemake


def read_example(title):
    """Read the README's indented block after a bold title."""
    text = (PROJECT / "README.md").read_text()
    block = re.search(rf"^\*\*{title}\.\*\*(?:.*\n)+?\n((?:    .*\n|\n)+)", text, re.MULTILINE)
    return "".join(line[4:] or "\n" for line in block.group(1).splitlines(keepends=True))


def write_data(folder, rows):
    """Write the demo's rows as the README's example has them: JSONL, pictures, text labels."""
    (folder / "photos").mkdir(parents=True)
    lines, labels = [], ["ID,Label"]
    for number, row in enumerate(rows):
        name = f"photos/{number}.png"
        (folder / name).write_bytes(row["image"]["bytes"])
        labels.append(f"{row['ID']},{row['Translated Options'][row['Label']]}")
        kept = {key: row[key] for key in row if key not in ("ID", "image", "Label")}
        lines.append(json.dumps({"question_id": row["ID"], "image": name, "Label": -1, **kept}))
    (folder / "rows.jsonl").write_text("\n".join(lines))
    (folder / "labels.csv").write_text("\n".join(labels))


def test_own_model_data_and_scorer(study, tmp_path):
    folder = copy_project(tmp_path / "mine")
    dataset = yaml.safe_load(read_example("Data"))["dataset"]
    rows = pl.read_parquet(study / "results/demo/dataset.parquet")
    write_data(folder / "my_data", rows.to_dicts())
    cultures = (folder / "config/demo_cultures.tsv").read_text()
    (folder / dataset["cultures"]).write_text(cultures)

    (model,) = yaml.safe_load(read_example("Model"))["models"]
    checkpoint = study / "results/demo/checkpoints/tiny-llava-v1.6-mistral"
    model |= {"checkpoint": str(checkpoint), "revision": None, "dtype": "float32"}

    scorers = folder / "workflow/scripts/culture_neurons/scorers"
    (scorers / "spread.py").write_text(read_example("Scorer"))
    entry = re.search(r"entry `- (\{name: spread.*\}\})`", (PROJECT / "README.md").read_text())
    config = {
        "dataset": dataset,
        "models": [model],
        "cells": {"folds": 4, "cap": 25, "floor": 4, "leave_out": ["blind"]},
        "score": {"scorers": [yaml.safe_load(entry.group(1)), {"name": "cas", "min_score": 0}]},
        "evaluate": {"resamples": 200},
        "compute": {"device": "cpu", "threads": 1, "workers": 0, "batch_tokens": 4096},
    }
    (folder / "my_study.yaml").write_text(yaml.safe_dump(config))
    options = ("--cores", "all", "--resources", "gpu=1", "--configfile", "my_study.yaml")
    finished = run_snakemake(folder, "results/tables/verdicts.csv", *options)
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
