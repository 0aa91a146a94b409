"""How to cite this software and the works that it builds on: CITATION.cff as sentences."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import yaml


class Citation(NamedTuple):
    """What a reader is asked to cite."""

    message: str
    works: list[str]  # this software first
    version: str  # of this software


def read_citation(path: str | Path) -> Citation:
    """Read a file in the Citation File Format."""
    document = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    works = [document, *document["references"]]
    return Citation(document["message"], list(map(_form, works)), document["version"])


def _form(work: Mapping) -> str:
    authors = " and ".join(map(_name, work["authors"]))
    edition = f"Version {work['version']}" if "version" in work else work.get("year")
    parts = (authors, work["title"], edition, work.get("notes"))
    return ". ".join(str(part).rstrip(".") for part in parts if part) + "."


def _name(author: Mapping) -> str:
    return author.get("name") or f"{author['given-names']} {author['family-names']}"
