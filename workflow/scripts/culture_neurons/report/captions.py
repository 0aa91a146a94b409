"""Figures with their captions, for the study's page; both are what Snakemake's report shows.

A caption is a file of workflow/report: reStructuredText with Jinja, which quotes the figure's job.
"""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from docutils.core import publish_parts
from jinja2 import Environment, StrictUndefined

_RST = {"raw_enabled": False, "file_insertion_enabled": False}  # names are quoted, not run


class Figure(NamedTuple):
    """A figure as a page shows it."""

    path: str
    category: str
    family: str
    labels: dict[str, str]  # what tells it from others of its family
    source: str  # the picture itself, as a data URL
    caption: str  # HTML


def embed_figures(
    described: Sequence[Mapping[str, object]], config: Mapping[str, object]
) -> list[Figure]:
    """Read figures and write their captions.

    Args:
        described: Of each figure: path of the SVG file, path of the caption's template, category,
            family, labels, and the job's wildcards and params.
        config: What captions quote of the study's config.
    """
    return [
        Figure(
            path=figure["path"],
            category=figure["category"],
            family=figure["family"],
            labels=figure["labels"],
            source=_embed(Path(figure["path"])),
            caption=render_caption(
                Path(figure["caption"]).read_text(encoding="utf-8"),
                {"config": config, **{key: figure[key] for key in ("wildcards", "params")}},
            ),
        )
        for figure in described
    ]


def render_caption(template: str, job: Mapping[str, object]) -> str:
    """Write a caption as HTML.

    Args:
        template: Text of its file.
        job: `wildcards`, `params`, and `config`, which the template finds in `snakemake`.
    """
    environment = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    text = environment.from_string(template).render(snakemake=job)
    return publish_parts(text, writer="html5", settings_overrides=_RST)["body"]


def _embed(path: Path) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode()}"
