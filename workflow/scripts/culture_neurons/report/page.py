"""The study's page: one HTML file that needs no network, and no Snakemake to be read."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from culture_neurons.outcomes import ACCURACY
from culture_neurons.report.captions import Figure
from culture_neurons.report.citation import Citation
from culture_neurons.report.csv_tables import CsvTable
from culture_neurons.report.headlines import Told
from culture_neurons.storage.writing import atomic_path

_TEMPLATES = Path(__file__).parent / "templates"
_HEADLINE = "Self against cross"  # how families of figures begin that show the verdicts
_COMPONENTS = "Components"  # the category of figures of several hookpoints


def build_page(
    *,
    models: Sequence[Mapping[str, object]],
    dataset: Mapping[str, object],
    config: Mapping[str, object],
    words: Told,
    told: Sequence[Told],
    figures: Sequence[Figure],
    tables: Sequence[CsvTable],
    sensitivity: Sequence[Told],
    citation: Citation,
    demo_models: Sequence[str],
    settings: Sequence[tuple[str, object, object]],
    software: Mapping[str, Sequence[str]],
) -> str:
    """Write the page.

    Args:
        models: Of `describe_models`.
        dataset: Of `describe_dataset`.
        config: The study's, completed.
        words: The verdicts in words.
        told: Tables that belong to the verdicts.
        figures: All of them, the reference's split and rate first.
        tables: The CSV files.
        sensitivity: Tables of sensitivity; none where it was not measured.
        citation: How to cite.
        demo_models: Which of the models the demo made.
        settings: Key, value, and default of each that is not the default.
        software: Package -> its versions.
    """
    headline = _choose_headline(figures)
    return _load_template().render(
        models=models,
        model_table=_tabulate(models, without="commit"),
        dataset=dataset,
        culture_table=_tabulate(dataset["cultures"]),
        config=config,
        demo_models=demo_models,
        words=words,
        told=told,
        headline=headline,
        figures=[figure for figure in figures if figure != headline],
        tables=tables,
        sensitivity=sensitivity,
        citation=citation,
        settings=[(key, *map(_form, values)) for key, *values in settings],
        versions=_list_versions(models, dataset, citation, software),
        style=_read("page.css"),
        script=_read("page.js"),
        hash=_hash,
    )


def write_page(page: str, path: str | Path) -> None:
    """Write a page atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _load_template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("page.html.jinja")


def _choose_headline(figures: Sequence[Figure]) -> Figure:
    """Choose the figure of the verdicts: of all components, or the first, by accuracy."""
    shown = [
        figure
        for figure in figures
        if figure.family.startswith(_HEADLINE) and figure.labels["outcome"] == ACCURACY
    ]
    return next((figure for figure in shown if figure.category == _COMPONENTS), shown[0])


def _tabulate(records: Sequence[Mapping[str, object]], without: str = "") -> Told:
    columns = [name for name in records[0] if name != without]
    return Told("", columns, [[str(record[name]) for name in columns] for record in records])


def _list_versions(
    models: Sequence[Mapping[str, object]],
    dataset: Mapping[str, object],
    citation: Citation,
    software: Mapping[str, Sequence[str]],
) -> list[tuple[str, str]]:
    return [
        ("culture-neurons", citation.version),
        *(
            (f"model {model['model']}", f"{model['checkpoint']} {model['commit']}")
            for model in models
        ),
        (f"dataset {dataset['source']}", dataset["commit"] or f"content {dataset['fingerprint']}"),
        *((package, ", ".join(versions)) for package, versions in software.items()),
    ]


def _form(value: object) -> str:
    """Write a setting as YAML would have it on one line; what has no default as nothing."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Name a style or script by its content, for a policy that allows no other."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
