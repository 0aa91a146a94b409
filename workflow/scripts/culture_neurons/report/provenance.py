"""Of what a study is: its models, dataset, and software, by the facts that its files hold."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from culture_neurons.dataset.cultures import read_names
from culture_neurons.storage.facts import read_facts
from culture_neurons.storage.frames import read_frame

_OF_MODEL = ("model", "checkpoint", "commit", "decoder", "dtype", "prompt")


def describe_models(answers: Iterable[str | Path], cultures: str | Path) -> list[dict[str, object]]:
    """Describe each model, and how well it answers.

    Args:
        answers: A table `answers` of each model.
        cultures: The CSV table of cultures, of all models.
    """
    counted = pl.read_csv(cultures, infer_schema_length=None)
    described = []
    for path in answers:
        facts = read_facts(path, "answers")
        asked = counted.filter(model=facts["model"])
        sums = asked.select(
            questions=pl.col("questions").sum(),
            correct=pl.col("correct").sum(),
            cultures=(pl.col("used") > 0).sum(),
        ).row(0, named=True)
        described.append({key: facts[key] for key in _OF_MODEL} | sums)
    return described


def describe_dataset(
    questions: str | Path, rejected: str | Path, cultures: str | Path
) -> dict[str, object]:
    """Describe the study's dataset: where it comes from, how large it is, one of its questions.

    Args:
        questions: The table `questions`.
        rejected: The table `rejected`.
        cultures: The culture file, which has names for people.
    """
    names = read_names(cultures)
    facts, table = read_facts(questions, "questions"), read_frame(questions, "questions")
    counts = table.group_by("culture").agg(
        questions=pl.len(), pictures=pl.col("image_id").n_unique()
    )
    return {
        "source": facts["dataset_source"],
        "commit": facts["dataset_commit"],
        "fingerprint": facts["dataset"],
        "folds": facts["folds"],
        "questions": table.height,
        "pictures": table["image_id"].n_unique(),
        "rejected": read_frame(rejected, "rejected").height,
        "absent": facts["absent"],
        "cultures": [
            {"culture": culture, "name": names[culture], "questions": asked, "pictures": pictures}
            for culture, asked, pictures in counts.sort("culture").iter_rows()
        ],
        "example": _describe_question(table.row(0, named=True)),
    }


def _describe_question(row: Mapping[str, object]) -> dict[str, object]:
    text = row["texts"][0]  # of the first prompt
    return {
        "culture": row["culture"],
        "question": text["question"],
        "options": text["options"],
        "right": text["options"][row["answer"]],
    }


def list_software(files: Mapping[str, Iterable[str | Path]]) -> dict[str, list[str]]:
    """List the versions of packages that made files: package -> versions, usually one.

    Args:
        files: Kind of a table -> paths.
    """
    versions: dict[str, set[str]] = {}
    for kind, paths in files.items():
        for path in paths:
            for package, version in read_facts(path, kind)["software"].items():
                versions.setdefault(package, set()).add(version)
    return {package: sorted(versions[package]) for package in sorted(versions)}
