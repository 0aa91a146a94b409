"""Opening a dataset: a Parquet file, a folder of them, and what cannot be opened. No network."""

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from culture_neurons.questions import DatasetError, open_dataset


@pytest.fixture(autouse=True)
def _no_hub_and_own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    load = datasets.load_dataset

    def load_local(path, **settings):
        if path != "parquet":
            raise ConnectionError(f"asked the Hub for {path} {settings}")
        return load(path, **settings)

    monkeypatch.setattr(datasets, "load_dataset", load_local)
    datasets.disable_progress_bars()


@pytest.fixture
def folder(tmp_path):
    """Two Parquet files; the pictures are no pictures, so that decoding would fail."""
    for number, name in enumerate(("a.parquet", "deep/b.parquet")):
        rows = {
            "ID": [f"p{number}_0"],
            "image": [{"bytes": b"as delivered", "path": "p.png"}],
            "raw": [b"bytes alone"],
            "number": [number],
        }
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(rows), path)
    (tmp_path / "data/readme.txt").write_text("not read")
    return tmp_path / "data"


def test_a_file_is_read_with_pictures_as_delivered(folder):
    (row,) = open_dataset(str(folder / "a.parquet"), None, "test", "image")
    assert row["ID"] == "p0_0"
    assert row["image"]["bytes"] == b"as delivered"


def test_a_folder_is_read_with_its_folders_in_order(folder):
    rows = open_dataset(str(folder), None, "test", "image")
    assert [row["ID"] for row in rows] == ["p0_0", "p1_0"]


def test_bytes_without_a_struct_are_pictures_too(folder):
    rows = open_dataset(str(folder), None, "test", "raw")
    assert rows[0]["raw"]["bytes"] == b"bytes alone"


def test_local_files_are_read_under_any_split_name(folder):
    assert len(open_dataset(str(folder), None, "dev", "image")) == 2


def test_a_split_that_is_no_name_is_refused(folder):
    with pytest.raises(DatasetError, match=r"\(split 'a b'\) cannot be opened"):
        open_dataset(str(folder), None, "a b", "image")


def test_a_file_that_changes_is_read_anew(folder):
    path = folder / "a.parquet"
    open_dataset(str(path), None, "test", "image")
    pq.write_table(pa.table({"image": [{"bytes": b"new", "path": None}] * 3}), path)
    rows = open_dataset(str(path), None, "test", "image")
    assert [row["image"]["bytes"] for row in rows] == [b"new"] * 3


def test_a_missing_file_is_refused_without_asking_the_hub():
    with pytest.raises(DatasetError, match=r"results/no.parquet: there is no such file"):
        open_dataset("results/no.parquet", None, "test", "image")


def test_a_folder_without_parquet_files_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"empty: no \*.parquet in this folder"):
        open_dataset(str(tmp_path / "empty"), None, "test", "image")


@pytest.mark.parametrize("content", [b"", b"not a table"])
def test_a_file_that_is_no_table_is_refused(content, tmp_path):
    path = tmp_path / "x.parquet"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"x.parquet' \(split 'test'\) cannot be opened: .*Parq"):
        open_dataset(str(path), None, "test", "image")


def test_a_missing_image_column_is_named_with_those_found(folder):
    with pytest.raises(DatasetError, match=r"columns.image: .* no column 'Image'; found \['ID',"):
        open_dataset(str(folder), None, "test", "Image")


def test_an_image_column_without_pictures_is_refused_with_its_type(folder):
    with pytest.raises(DatasetError, match=r"columns.image: column 'number' of .* holds no pict"):
        open_dataset(str(folder), None, "test", "number")


def test_any_other_source_is_a_hub_id_at_its_revision():
    with pytest.raises(DatasetError) as caught:
        open_dataset("owner/name", "abc123", "test", "image")
    message = str(caught.value)
    assert "dataset.source 'owner/name' (split 'test') cannot be opened" in message
    assert "asked the Hub for owner/name {'revision': 'abc123', 'split': 'test'}" in message
    assert "expected a Parquet file, a folder of Parquet files, or a Hub dataset id" in message
