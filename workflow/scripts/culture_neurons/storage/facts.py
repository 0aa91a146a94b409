"""The facts that travel in a table file's metadata: of which model, dataset, and settings it is.

A file made for another model, hookpoint, or dataset is refused by name.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from importlib import metadata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

STUDY = ("model", "hookpoint", "split", "rate")  # what the paths of one study have in common
# What differs between the files of one study's selectors, and is no fact of what compares them.
SELECTOR_FACTS = ("masks", "selector", "scorer", "select", "count", "control")

_METADATA_KEY = b"culture_neurons"
_CHECKSUM_KEY = b"culture_neurons.sha256"  # Parquet has checksums of pages, none of metadata
_IN_PATHS = {"split": "split{}", "rate": "r{:g}"}  # how paths write a fact; others as they are


class TableError(Exception):
    """A table file that is missing, damaged, of another kind, or of another study."""


def attach_facts(schema: pa.Schema, kind: str, facts: Mapping[str, object]) -> pa.Schema:
    """Put a file's kind and facts into its schema's metadata, beside what stands there."""
    document = json.dumps({**facts, "kind": kind}, sort_keys=True).encode()
    checksum = hashlib.sha256(document).hexdigest().encode()
    own = {_METADATA_KEY: document, _CHECKSUM_KEY: checksum}
    return schema.with_metadata({**(schema.metadata or {}), **own})


def name_versions(*packages: str) -> dict[str, str]:
    """Name the installed versions of packages, for a file's `software` fact."""
    return {package: metadata.version(package) for package in packages}


def read_facts(
    path: str | Path, kind: str, wildcards: Mapping[str, str] | None = None
) -> dict[str, object]:
    """Read the facts of a table file.

    Args:
        path: A table of `kind`.
        kind: Key of `SCHEMAS`.
        wildcards: What the file's path says of it, as paths write it; None if nothing. Each that
            is a fact of the file too must say the same.

    Raises:
        TableError: The file is missing, unreadable, not ours, not of this kind, or was made for
            another path.
    """
    if not Path(path).exists():
        raise TableError(f"{path}: there is no such file; run the step that writes it")
    try:
        metadata = pq.read_schema(path).metadata or {}
        document = metadata.get(_METADATA_KEY)
        facts = json.loads(document) if document else {}
    except (OSError, ValueError, pa.ArrowException) as error:
        raise TableError(
            f"{path}: cannot be read as a Parquet file ({error}); delete it and run again"
        ) from error
    found = facts.pop("kind", None)
    if found is None:
        raise TableError(
            f"{path}: carries no culture-neurons metadata; expected a {kind} table written by "
            "this workflow; delete it and run again"
        )
    if metadata.get(_CHECKSUM_KEY) != hashlib.sha256(document).hexdigest().encode():
        raise TableError(
            f"{path}: is damaged (its facts do not match their checksum); delete it and run again"
        )
    if found != kind:
        raise TableError(f"{path}: is a {found} table, expected {kind}; check the path")
    for name, expected in (wildcards or {}).items():
        if name in facts and (written := _write_fact(name, facts[name])) != expected:
            raise TableError(
                f"{path}: its {name} is {written!r}, but a file of this path has {expected!r}; "
                "it was made for another path: delete it and run again"
            )
    return facts


def _write_fact(name: str, value: object) -> str:
    named = value["name"] if isinstance(value, Mapping) else value  # scorers, interventions
    return _IN_PATHS.get(name, "{}").format(named)


def read_other_dataset(path: str | Path, name: str) -> dict[str, object]:
    """Read which dataset a table `questions` is of, as the fact `other_dataset`.

    The masks that are asked it were found on the study's, which is the fact `dataset`.
    """
    facts = read_facts(path, "questions")
    kept = ("dataset", "dataset_source", "dataset_commit")
    return {"name": name, **{key: facts[key] for key in kept}}


def join_facts(
    sources: Mapping[str, Mapping[str, object]], own: Collection[str] = ()
) -> dict[str, object]:
    """Unite the facts of files that one step reads together.

    Args:
        sources: File name -> its facts.
        own: Keys that are each file's own, as `software` always is: they are not united.

    Raises:
        TableError: Two sources state one fact differently: a file of another model, hookpoint,
            dataset, or config lies in the folder.
    """
    united: dict[str, object] = {}
    origin: dict[str, str] = {}
    for name, facts in sources.items():
        for key, value in facts.items():
            if key == "software" or key in own:
                continue
            if key in united and united[key] != value:
                raise TableError(
                    f"{name}: its {key} is {value!r}, but {origin[key]} has {united[key]!r}; "
                    "the two do not belong together: delete the foreign file and run again"
                )
            united[key] = value
            origin[key] = name
    return united


def read_joined(kinds: Mapping[str | Path, str], wildcards: Mapping[str, str]) -> dict[str, object]:
    """Read the facts of files that one step reads together, and unite them.

    Args:
        kinds: File -> its kind.
        wildcards: What the step's path says of all of them; see `read_facts`.

    Raises:
        TableError: See `read_facts` and `join_facts`.
    """
    return join_facts({path: read_facts(path, kind, wildcards) for path, kind in kinds.items()})
