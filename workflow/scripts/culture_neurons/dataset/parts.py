"""The parts in which a dataset is read: configurations, splits, and single files."""

import glob
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import datasets
from datasets.data_files import DataFilesDict, EmptyDatasetError, get_data_patterns

from culture_neurons.dataset.columns import list_names
from culture_neurons.dataset.sources import FORMS, DatasetError, Source, find_columns, read_rows
from culture_neurons.dataset.text_tables import DELIMITERS
from culture_neurons.logs import logger

SUFFIXES = {form: suffix for suffix, form in FORMS.items()}


@dataclass(frozen=True)
class Part:
    """Rows of one configuration and split, or of one of its files."""

    rows: datasets.Dataset
    split: str
    name: str = "default"
    file: str = ""  # "": of several, or of files that are not read one by one

    def add_places(self, places: Collection[str]) -> datasets.Dataset:
        """Add the columns of `columns.PLACES` that are asked for and that the rows lack.

        Raises:
            DatasetError: Their file is asked for, and is not known.
        """
        count, rows = len(self.rows), self.rows
        if "file" in places and not self.file and "file" not in rows.column_names:
            raise DatasetError(
                "dataset.columns names 'file', but these rows are not read file by file, as those "
                f"of {', '.join(FORMS)} are; expected one of their columns {rows.column_names}"
            )
        told = {
            "name": [self.name] * count,
            "split": [self.split] * count,
            "file": [Path(self.file).stem] * count,
            "row": list(range(count)),
        }
        for place in sorted(set(places) - set(rows.column_names)):
            rows = rows.add_column(place, told[place])
        return rows


def read_hub_parts(
    source: str,
    folder: Path,
    splits: Sequence[str],
    names: str | Sequence[str] | None,
    *,
    by_file: bool,
) -> list[Part]:
    """Read configurations and splits of a Hub dataset.

    Args:
        source: Hub id.
        folder: Where its files are.
        splits: To be read of each configuration.
        names: Of the configurations; None: the only or default one.
        by_file: Whether each file is a part, where its form allows that.

    Raises:
        DatasetError: There is no such configuration or split.
    """
    known = datasets.get_dataset_config_names(str(folder))
    default = datasets.get_dataset_default_config_name(str(folder))
    chosen = [default] if names is None else list_names(names)
    _require("name", chosen, known, f"{source} has the configurations")
    parts = []
    for name in chosen:
        builder = datasets.load_dataset_builder(str(folder), name)
        files = {str(split): list(map(str, f)) for split, f in builder.config.data_files.items()}
        _require("split", splits, files, f"{source} has the splits")
        form = _find_form(files, getattr(builder.config, "sep", None))
        for split in splits:
            # `datasets` guesses what a CSV file's cells are, and alters texts: "None", "1.50".
            if form in DELIMITERS or (form and by_file):
                parts += _read_parts(form, files[split], split, name, by_file=by_file)
            else:
                rows = datasets.load_dataset(str(folder), name, split=split)
                parts.append(Part(rows, split, name))
    return parts


def read_local_parts(
    source: str, found: Source, splits: Sequence[str], *, by_file: bool
) -> list[Part]:
    """Read splits of local files; arguments and errors as of `read_hub_parts`."""
    if found.form == "saved":
        saved = datasets.load_from_disk(source)
        if isinstance(saved, datasets.DatasetDict):
            _require("split", splits, saved, f"{source} has the splits")
            return [Part(saved[split], split) for split in splits]
        return [Part(saved, _take_only(source, splits))]
    files = _find_splits(source, found) if os.path.isdir(source) else {}
    if files:
        _require("split", splits, files, f"{source} has the splits")
    else:
        files = {_take_only(source, splits): list(found.files)}
    groups = [_read_parts(found.form, files[s], s, by_file=by_file) for s in splits]
    return [part for group in groups for part in group]


def _require(key: str, wanted: Sequence, known: Collection[str], that: str) -> None:
    missing = [value for value in wanted if value not in known]
    if missing:
        raise DatasetError(
            f"dataset.{key} is {missing[0] if len(missing) == 1 else missing!r}, but {that} "
            f"{sorted(map(str, known))}; set it to one of them, or to a list"
        )


def _take_only(source: str, splits: Sequence[str]) -> str:
    if len(splits) > 1:
        raise DatasetError(
            f"dataset.split is {list(splits)}, but nothing in {source} says which split its rows "
            "are of; name one, or give files such names as test-00000-of-00001.parquet"
        )
    return splits[0]


def _find_splits(source: str, found: Source) -> dict[str, list[str]]:
    """Find a folder's splits by its files' names, as `datasets` does; none where none is said."""
    folder = glob.escape(source)
    try:
        patterns = get_data_patterns(folder)
    except EmptyDatasetError:  # it sees no hidden files
        return {}
    by_split = DataFilesDict.from_patterns(
        patterns, base_path=folder, allowed_extensions=[SUFFIXES[found.form]]
    )
    unnamed = ["**"]  # what `datasets` takes for "train" where no name says a split
    named = {str(name): sorted(map(str, by_split[name])) for name in by_split}
    named = {name: files for name, files in named.items() if files and patterns[name] != unnamed}
    known = {os.path.realpath(file) for files in named.values() for file in files}
    aside = [file for file in found.files if os.path.realpath(file) not in known]
    if named and aside:
        logger.warning("files whose names say no split are not read: %s", aside)
    return named


def _find_form(files: Mapping[str, Sequence[str]], delimiter: str | None) -> str | None:
    """Find the form of all files, if it is one that can be read file by file."""
    suffixes = {Path(file).suffix.lower() for split in files for file in files[split]}
    form = FORMS.get(suffixes.pop()) if len(suffixes) == 1 else None
    return form if DELIMITERS.get(form, delimiter) == delimiter else None


def _read_parts(
    form: str, files: Sequence[str], split: str, name: str = "default", *, by_file: bool
) -> list[Part]:
    if not by_file:
        return [Part(_read_files(form, files, split), split, name)]
    return [Part(_read_files(form, [file], split), split, name, file) for file in files]


def _read_files(form: str, files: Sequence[str], split: str) -> datasets.Dataset:
    with _make_cache() as cache:
        if form in DELIMITERS:
            return _read_tables(form, files, cache)
        reader = {"parquet": "parquet", "jsonl": "json"}[form]
        data = {split: list(map(glob.escape, files))}  # names, and no patterns
        return datasets.load_dataset(reader, data_files=data, split=split, cache_dir=cache)


def _read_tables(form: str, files: Sequence[str], cache: str) -> datasets.Dataset:
    """Read CSV or TSV files, whose cells are texts; a column that a file lacks is null there."""

    def read_all() -> Iterator[dict]:
        for file in files:
            yield from read_rows(file, form)

    names = dict.fromkeys(name for file in files for name in find_columns(file) or ())
    return datasets.Dataset.from_generator(
        read_all,
        features=datasets.Features({name: datasets.Value("large_string") for name in names}),
        cache_dir=cache,
        writer_batch_size=100,  # rows in memory, with their pictures
    )


@contextmanager
def _make_cache() -> Iterator[str]:
    """Make a cache of one reading; what is read stays mapped when the folder is gone.

    The cache of `datasets` knows a file by its time, which a copy may keep while its content is
    another.
    """
    os.makedirs(datasets.config.HF_DATASETS_CACHE, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=datasets.config.HF_DATASETS_CACHE) as fresh:
        yield fresh
