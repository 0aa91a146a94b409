"""Opening a dataset in every form, offline too, and what cannot be opened. No network."""

import base64
import csv
import errno
import json
import os

import datasets
import httpx2
import huggingface_hub
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset_rows import PICTURE, make_row, prepare, rejections

from culture_neurons.dataset.raw_rows import open_dataset, read_labels
from culture_neurons.dataset.sources import DatasetError

COMMIT = "0123456789" * 4


@pytest.fixture(autouse=True)
def hub_cache(tmp_path, monkeypatch):
    """Own caches, and no network but for the calls that a test allows."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()
    return tmp_path / "hub"


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


def open_rows(source, split="test", image_column="image"):
    return open_dataset(str(source), None, split, image_column).rows


# Parquet


def test_a_file_is_read_with_pictures_as_delivered(folder):
    opened = open_dataset(str(folder / "a.parquet"), None, "test", "image")
    (row,) = opened.rows
    assert row["ID"] == "p0_0"
    assert row["image"]["bytes"] == b"as delivered"
    assert (opened.commit, opened.picture_folder) == (None, None)


def test_a_folder_is_read_with_its_folders_in_order(folder):
    assert [row["ID"] for row in open_rows(folder)] == ["p0_0", "p1_0"]


def test_bytes_without_a_struct_are_pictures_too(folder):
    assert open_rows(folder, image_column="raw")[0]["raw"]["bytes"] == b"bytes alone"


def test_local_files_are_read_under_any_split_name(folder):
    assert len(open_rows(folder, split="dev")) == 2


def write_splits(folder, **counts):
    folder.mkdir(parents=True, exist_ok=True)
    for split, count in counts.items():
        rows = {"ID": [f"{split}{n}" for n in range(count)], "image": [b"p"] * count}
        pq.write_table(pa.table(rows), folder / f"{split}-00000-of-00001.parquet")
    (folder / "README.md").write_text("as a Hub download leaves it")
    return folder


@pytest.mark.parametrize("name", ["hub", "a [b] *", "test?"])
def test_a_folder_s_files_are_of_the_splits_that_their_names_say(name, tmp_path, caplog):
    folder = write_splits(tmp_path / name / "data", train=3, validation=2, test=4)
    assert sorted(open_rows(folder)["ID"]) == ["test0", "test1", "test2", "test3"]
    assert sorted(open_rows(folder.parent, split="train")["ID"]) == ["train0", "train1", "train2"]
    with pytest.raises(DatasetError, match=r"split is 'dev', but .*'test', 'train', 'validation'"):
        open_rows(folder, split="dev")
    assert "not read" not in caplog.text
    pq.write_table(pa.table({"ID": ["x"], "image": [b"p"]}), folder / "more.parquet")
    assert len(open_rows(folder)) == 4
    assert "files whose names say no split are not read" in caplog.text
    assert "more.parquet" in caplog.text


def test_a_file_name_that_is_no_table_s_says_no_split(folder):
    (folder / "test_notes.md").write_text("of no table")
    assert len(open_rows(folder, split="train")) == 2


def test_a_file_that_changes_and_keeps_its_time_is_read_anew(folder):
    path = folder / "a.parquet"
    open_rows(path)
    times = path.stat()
    pq.write_table(pa.table({"ID": ["new"], "image": [b"new"]}), path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert open_rows(path)["ID"][0] == "new"


def test_a_split_that_is_no_name_is_refused(folder):
    with pytest.raises(DatasetError, match=r"\(split 'a b'\) cannot be opened"):
        open_rows(folder, split="a b")


def test_a_file_that_changes_is_read_anew(folder):
    path = folder / "a.parquet"
    open_rows(path)
    pq.write_table(pa.table({"image": [{"bytes": b"new", "path": None}] * 3}), path)
    assert [row["image"]["bytes"] for row in open_rows(path)] == [b"new"] * 3


@pytest.mark.parametrize("name", ["no.parquet", "no.jsonl", "long" * 100 + ".jsonl"])
def test_a_missing_file_is_refused_without_asking_the_hub(name):
    with pytest.raises(DatasetError, match=rf"results/{name}: there is no such file"):
        open_rows(f"results/{name}")


def test_a_folder_without_parquet_files_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        DatasetError, match=r"empty: no \*.parquet, .* in this folder; expected a P"
    ):
        open_rows(tmp_path / "empty")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x.parquet", r"x.parquet' \(split 'test'\) cannot be opened: .*Parquet magic bytes not"),
        ("x.jsonl", r"x.jsonl, line 1: Expecting value \(character 1\)"),
    ],
)
def test_a_file_that_is_no_table_is_refused(name, message, tmp_path):
    path = tmp_path / name
    path.touch()
    with pytest.raises(DatasetError, match=rf"{name} is empty; expected a Parquet file"):
        open_rows(path)
    path.write_bytes(b"not a table")
    with pytest.raises(DatasetError, match=message):
        open_rows(path)


@pytest.mark.parametrize("name", ["x.json", "x.xlsx"])
def test_a_file_of_another_kind_is_refused_with_those_that_are_read(name, tmp_path):
    (tmp_path / name).write_text(json.dumps(make_row(image="a.png")))
    with pytest.raises(DatasetError) as caught:
        open_rows(tmp_path / name)
    assert f"a file named *{name[1:]} is not read; expected a Parquet file" in str(caught.value)
    assert "a JSONL file (*.jsonl, one object per line)" in str(caught.value)


def test_a_column_that_stands_twice_is_refused_by_name(tmp_path):
    columns = [pa.array(["a_0"]), pa.array(["b_0"]), pa.array([b"x"])]
    pq.write_table(pa.Table.from_arrays(columns, ["ID", "ID", "image"]), tmp_path / "x.parquet")
    with pytest.raises(DatasetError, match=r"generating the dataset: Multiple matches.*\(ID\)"):
        open_rows(tmp_path / "x.parquet")


def make_text(*values):
    """A column of text with any bytes."""
    return pa.array(values, pa.binary()).view(pa.string())


@pytest.mark.parametrize("nested", [False, True])
def test_text_that_is_not_utf_8_is_refused_with_its_column_and_row(nested, tmp_path):
    texts = make_text(*[b"fine"] * 1500, b"\xff\xfe")
    if nested:
        texts = pa.ListArray.from_arrays(pa.array(range(1502), pa.int32()), texts)
    table = pa.table({"image": [b"x"] * 1501, "Q": texts})
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(DatasetError, match=r"column 'Q' of row 1500 \(from 0\) .*expected UTF-8"):
        open_rows(tmp_path / "x.parquet")


def test_a_missing_image_column_is_named_with_those_found(folder):
    with pytest.raises(DatasetError, match=r"columns.image: .* no column 'Image'; found \['ID',"):
        open_rows(folder, image_column="Image")


def test_an_image_column_without_pictures_is_refused_with_its_type(folder):
    with pytest.raises(DatasetError, match=r"columns.image: column 'number' of .* holds no pict"):
        open_rows(folder, image_column="number")


# Arrow's types

TEXTS = {
    "string": pa.string(),
    "large_string": pa.large_string(),
    "string_view": pa.string_view(),
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
}
BYTES = {"binary": pa.binary(), "large_binary": pa.large_binary(), "binary_view": pa.binary_view()}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("picture", BYTES)
@pytest.mark.parametrize("form", ["bytes", "struct"])
def test_every_type_of_text_and_bytes_is_read(text, picture, form, tmp_path):
    rows = [make_row(f"{name}_0") for name in "ab"]
    path = TEXTS[text] if text != "dictionary" else pa.string()
    struct = pa.struct([("bytes", BYTES[picture]), ("path", path)])
    options = pa.large_list(TEXTS["large_string" if text == "dictionary" else text])
    kinds = {"image": struct if form == "struct" else BYTES[picture], "Label": pa.int64()}
    kinds |= {"O": options, "O-en": pa.list_(options.value_type)}
    columns = {
        name: pa.array(
            [PICTURE if name == "image" and form == "bytes" else row[name] for row in rows],
            kinds.get(name, path),
        ).cast(kinds.get(name, TEXTS[text]))
        for name in rows[0]
    }
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    prepared = prepare(open_rows(tmp_path / "x.parquet"), max_rejected=0)
    assert [question["question_id"] for question in prepared.questions] == ["a_0", "b_0"]
    assert prepared.questions[0]["texts"][1]["options"] == ["茶", "米", "汁", "餅"]
    assert [image["bytes"] for image in prepared.images.values()] == [PICTURE]


@pytest.mark.parametrize("text", TEXTS)
def test_a_column_of_paths_or_base64_is_read_in_every_type_of_text(text, tmp_path):
    column = pa.array(["a.png"]).cast(TEXTS[text])
    pq.write_table(pa.table({"ID": ["a"], "image": column}), tmp_path / "x.parquet")
    assert open_rows(tmp_path / "x.parquet")["image"][0] == {"bytes": None, "path": "a.png"}


# CSV and TSV

DELIMITERS = {"csv": ",", "tsv": "\t"}


def write_table(path, *rows):
    """Write rows as spreadsheets do, texts in quotes where they need them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=DELIMITERS[path.suffix[1:].lower()])
        writer.writeheader()
        writer.writerows(rows)
    return path


CELLS = ["None", "NA", "null", "1.50", "007", "1e5", "True", " x ", "", '"', "a\nb", "a\tb", "a,b"]


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.CSV"])
def test_every_cell_of_a_table_is_the_text_that_it_is(name, tmp_path):
    rows = [{"ID": str(n), "image": "p.png", "cell": cell} for n, cell in enumerate(CELLS)]
    write_table(tmp_path / name, *rows)
    opened = open_dataset(str(tmp_path / name), None, "test", "image")
    assert opened.rows["cell"][:] == CELLS
    assert opened.rows["image"][0] == {"bytes": None, "path": "p.png"}
    assert opened.picture_folder == tmp_path


def test_a_cell_may_hold_a_large_picture(tmp_path):
    text = "x" * 3_000_000
    write_table(tmp_path / "x.tsv", {"ID": "a", "image": text})
    assert open_rows(tmp_path / "x.tsv")["image"][0]["path"] == text


def test_files_of_other_columns_are_read_together(tmp_path):
    write_table(tmp_path / "a.csv", {"ID": "a", "image": "p", "C": "c"})
    write_table(tmp_path / "b.csv", {"image": "p", "ID": "b", "D": "d"})
    rows = open_rows(tmp_path)
    assert [(row["ID"], row["C"], row["D"]) for row in rows] == [("a", "c", None), ("b", None, "d")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"ID,image\na\n", r"line 2: 1 fields; expected 2, as in the header: a CSV file has"),
        (b"ID,image\n\na,b\nc,d,e\n", r"line 4: 3 fields; expected 2"),
        (b'ID,image\na,"b\nc,d\n', r"line 3: unexpected end of data"),
        (b'ID,image\na,"b" c\n', r"line 2: ',' expected after"),
        (b"ID,image\na,\xff\n", r"'utf-8' codec can't decode byte 0xff"),
        (b"ID,image,ID\na,b,c\n", r"header: column 'ID' stands there twice"),
        (b"\n\n", r"header: no columns"),
    ],
)
def test_a_broken_table_is_refused_with_its_line(text, message, tmp_path):
    (tmp_path / "x.csv").write_bytes(text)
    with pytest.raises(DatasetError, match=f"x.csv, .*{message}"):
        open_rows(tmp_path / "x.csv")


# Several splits, configurations, and files

SPLITS = {"cs": ["c0", "c1"], "de": ["d0"], "en": ["e0"]}


def write_part(path, ids, split):
    rows = [{"ID": name, "image": encode(PICTURE), "kind": split} for name in ids]
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        write_table(path, *rows)


def encode(picture):
    return base64.b64encode(picture).decode()


@pytest.fixture(params=["parquet", "jsonl", "csv", "tsv", "saved", "hub", "hub csv"])
def split_source(request, tmp_path, hub_cache):
    """A dataset of three splits in every form that has splits."""
    form = request.param
    if form == "saved":
        parts = {
            split: datasets.Dataset.from_list([{"ID": name, "image": PICTURE} for name in ids])
            for split, ids in SPLITS.items()
        }
        datasets.DatasetDict(parts).save_to_disk(tmp_path / "saved")
        return str(tmp_path / "saved")
    folder = tmp_path / "splits"
    if form.startswith("hub"):
        repository = hub_cache / "datasets--owner--splits"
        folder = repository / "snapshots" / COMMIT
        (repository / "refs").mkdir(parents=True)
        (repository / "refs/main").write_text(COMMIT)
    suffix = {"hub": "parquet", "hub csv": "csv"}.get(form, form)
    for split, ids in SPLITS.items():
        write_part(folder / f"data/{split}-00000-of-00001.{suffix}", ids, split)
    return "owner/splits" if form.startswith("hub") else str(folder)


def open_named(source, split, named=(), **settings):
    return open_dataset(str(source), None, split, "image", named=named, **settings).rows


def test_several_splits_are_read_in_the_order_that_is_asked_for(split_source):
    assert open_named(split_source, ["en", "cs"])["ID"][:] == ["e0", "c0", "c1"]
    assert open_named(split_source, "de")["ID"][:] == ["d0"]
    rows = open_named(split_source, ["en", "cs"], ["split", "row", "ID"])
    assert rows["split"][:] == ["en", "cs", "cs"]
    assert rows["row"][:] == [0, 0, 1]


def test_all_splits_that_are_not_there_are_named(split_source):
    message = r"split is \['xx', 'yy'\], but .* has the splits \['cs', 'de', 'en'\]"
    with pytest.raises(DatasetError, match=message):
        open_named(split_source, ["xx", "en", "yy"])


def test_several_splits_of_a_file_that_says_none_are_refused(folder, tmp_path):
    message = r"split is \['a', 'b'\], but nothing in .* says which split its rows are of"
    for source in (folder, folder / "a.parquet"):
        with pytest.raises(DatasetError, match=message):
            open_named(source, ["a", "b"])
    make_dataset("a_0").save_to_disk(tmp_path / "saved")
    with pytest.raises(DatasetError, match=message):
        open_named(tmp_path / "saved", ["a", "b"])


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv", "tsv"])
def test_rows_tell_of_which_file_they_are(suffix, tmp_path):
    for name, ids in (("brazil_local", ["b0", "b1"]), ("japan.local", ["j0"])):
        write_part(tmp_path / f"d/{name}.{suffix}", ids, "")
    rows = open_named(tmp_path / "d", "test", ["file", "row"])
    assert rows["file"][:] == ["brazil_local"] * 2 + ["japan.local"]
    assert rows["row"][:] == [0, 1, 0]


def test_a_column_of_the_dataset_comes_before_what_a_row_s_place_says(tmp_path):
    write_table(tmp_path / "x.csv", {"ID": "a", "image": "p", "split": "own", "name": "dish"})
    rows = open_named(tmp_path / "x.csv", "test", ["split", "name", "row", "file"])
    assert (rows["split"][0], rows["name"][0], rows["row"][0]) == ("own", "dish", 0)
    assert "row" not in open_named(tmp_path / "x.csv", "test", ["split", "name"]).column_names


def test_files_of_other_kinds_in_the_folder_are_told(tmp_path, caplog):
    write_part(tmp_path / "d/a.csv", ["a"], "")
    write_part(tmp_path / "d/b.tsv", ["b"], "")
    assert open_named(tmp_path / "d", "test")["ID"][:] == ["a"]
    assert "b.tsv" in caplog.text


# Saved by datasets


def make_dataset(*ids):
    return datasets.Dataset.from_list([make_row(name) for name in ids]).cast_column(
        "image", datasets.Image()
    )


def test_a_saved_dataset_is_read_with_pictures_as_delivered(tmp_path):
    make_dataset("a_0", "b_0").save_to_disk(tmp_path / "saved")
    rows = open_rows(tmp_path / "saved")
    assert [row["image"]["bytes"] for row in rows] == [PICTURE] * 2
    assert [q["question_id"] for q in prepare(rows).questions] == ["a_0", "b_0"]


def test_a_split_of_saved_datasets_is_read_and_another_refused(tmp_path):
    parts = {"dev": make_dataset("a_0"), "test": make_dataset("b_0", "c_0")}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "saved")
    assert [row["ID"] for row in open_rows(tmp_path / "saved")] == ["b_0", "c_0"]
    with pytest.raises(DatasetError, match=r"split is 'train', but .*'dev', 'test'"):
        open_rows(tmp_path / "saved", split="train")


def test_a_saved_dataset_that_lost_a_file_is_refused(tmp_path):
    make_dataset("a_0").save_to_disk(tmp_path / "saved")
    next((tmp_path / "saved").glob("*.arrow")).unlink()
    with pytest.raises(DatasetError, match=r"saved' .* cannot be opened: "):
        open_rows(tmp_path / "saved")


# JSONL


@pytest.fixture
def jsonl(tmp_path):
    """A JSONL file beside a folder of pictures; write(rows) makes it."""
    (tmp_path / "data/pictures").mkdir(parents=True)
    (tmp_path / "data/pictures/a.png").write_bytes(PICTURE)

    def write(*rows):
        path = tmp_path / "data/rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


def read_jsonl(path):
    opened = open_dataset(str(path), None, "test", "image")
    return prepare(opened.rows, picture_folder=opened.picture_folder)


def test_a_jsonl_file_names_its_pictures_relative_to_itself(jsonl, monkeypatch):
    monkeypatch.chdir("/")
    prepared = read_jsonl(jsonl(make_row("a_0", image="pictures/a.png")))
    assert prepared.images["a"]["bytes"] == PICTURE
    assert prepared.rejected == []


def test_a_picture_that_is_not_there_costs_its_row_only(jsonl):
    rows = [make_row("a_0", image="pictures/a.png"), make_row("b_0", image="pictures/b.png")]
    rows += [make_row("c_0", image=None), make_row("d_0", image="pictures")]
    prepared = read_jsonl(jsonl(*rows))
    assert rejections(prepared) == [(f"{name}_0", "missing image") for name in "bcd"]
    details = [row["detail"] for row in prepared.rejected]
    assert details[0] == "pictures/b.png: No such file or directory"
    assert details[1:] == ["no bytes", "pictures: Is a directory"]


def test_the_suffix_may_be_written_large(jsonl):
    path = jsonl(make_row("a_0", image="pictures/a.png"))
    assert len(read_jsonl(path.rename(path.with_suffix(".JSONL"))).questions) == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{broken", r"Expecting property name enclosed in double quotes \(character 2\)"),
        (b'{"ID": "b_0"', r"Expecting ',' delimiter \(character 13\)"),
        (b'{"ID": "b_0", "ID": "c_0"}', "column 'ID' stands there twice"),
        (b'{"ID": "\xff"}', "'utf-8' codec can't decode byte 0xff in position 8"),
        (b'{"ID": "\\ud800"}', r"'utf-8' codec can't encode character '\\ud800'"),
        (b'[{"ID": "b_0"}]', "found list"),
        (b"7", "found int"),
        (b"[" * 200_000, "lists in lists without end"),
    ],
)
def test_a_broken_line_is_named(jsonl, line, message):
    path = jsonl(make_row("a_0", image="pictures/a.png"))
    for place, text in ((3, path.read_bytes() + b"\n" + line), (1, line)):
        path.write_bytes(text)
        with pytest.raises(
            DatasetError, match=rf"rows.jsonl, line {place}: {message}.*take it out"
        ):
            read_jsonl(path)


@pytest.mark.parametrize("picture", ["../secret", "pictures/../../secret", "/etc/passwd"])
def test_a_picture_elsewhere_costs_its_row_and_is_not_read(jsonl, tmp_path, picture):
    (tmp_path / "secret").write_text("do not quote me")
    prepared = read_jsonl(
        jsonl(make_row("a_0", image="pictures/a.png"), make_row("b_0", image=picture))
    )
    assert rejections(prepared) == [("b_0", "image outside its folder")]
    assert prepared.rejected[0]["detail"] == (
        f"{picture}; expected a path that starts in dataset.image_root (null: beside the rows) and "
        "stays there"
    )


def test_a_text_that_is_no_picture_costs_its_row_and_is_not_quoted_in_full(jsonl):
    rows = [make_row("b_0", image="iVBORw0K" * 1000), make_row("c_0", image="no base64 " * 1000)]
    prepared = read_jsonl(jsonl(make_row("a_0", image="pictures/a.png"), *rows))
    assert rejections(prepared) == [("b_0", "not an image"), ("c_0", "missing image")]
    assert prepared.rejected[1]["detail"].startswith("no base64")
    assert all(len(row["detail"]) < 400 for row in prepared.rejected)


# Hub


@pytest.fixture
def cached(hub_cache, folder):
    """A Hub dataset in the cache at two commits: the pinned one and a newer main."""
    repository = hub_cache / "datasets--owner--name"
    for commit, name in ((COMMIT, "a.parquet"), ("f" * 40, "deep/b.parquet")):
        snapshot = repository / "snapshots" / commit / "data"
        snapshot.mkdir(parents=True)
        blob = repository / "blobs" / f"{commit[0] * 64}"
        blob.parent.mkdir(exist_ok=True)
        blob.write_bytes((folder / name).read_bytes())
        (snapshot / "test-00000-of-00001.parquet").symlink_to(blob)  # as the Hub cache does
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text("f" * 40)


@pytest.mark.usefixtures("cached")
@pytest.mark.parametrize(
    ("revision", "question_id", "commit"),
    [(COMMIT, "p0_0", COMMIT), ("main", "p1_0", "f" * 40), (None, "p1_0", "f" * 40)],
)
def test_a_hub_dataset_is_read_from_the_cache_at_its_revision(revision, question_id, commit):
    opened = open_dataset("owner/name", revision, "test", "image")
    assert [row["ID"] for row in opened.rows] == [question_id]
    assert opened.rows[0]["image"]["bytes"] == b"as delivered"
    assert opened.commit == commit


@pytest.mark.usefixtures("cached")
def test_a_hub_cache_may_be_given(hub_cache, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", "/elsewhere")
    opened = open_dataset("owner/name", COMMIT, "test", "image", cache_dir=str(hub_cache))
    assert (len(opened.rows), opened.commit) == (1, COMMIT)


@pytest.mark.usefixtures("cached")
@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_hub_cache_that_takes_no_file_is_named(monkeypatch, code):
    def refuse(*_arguments, **_settings):
        raise OSError(code, os.strerror(code), "/a cache/models--owner--name")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(DatasetError) as caught:
        open_dataset("owner/name", COMMIT, "test", "image", cache_dir="/a cache")
    message = str(caught.value)
    assert "the Hub cache /a cache lacks a file of it and does not take it" in message
    assert f"({os.strerror(code)}: /a cache/models--owner--name)" in message
    assert "owner/name --cache-dir '/a cache'" in message
    assert "no such file or folder here" not in message


@pytest.mark.usefixtures("cached")
def test_a_split_that_a_hub_dataset_lacks_is_refused():
    message = r"split is 'train', but owner/name has the splits \['test'\]"
    with pytest.raises(DatasetError, match=message):
        open_dataset("owner/name", COMMIT, "train", "image")


@pytest.fixture
def configured(cached, hub_cache):  # noqa: ARG001
    """The same dataset with two configurations; write(first line of the second) makes its card."""
    folder = hub_cache / "datasets--owner--name/snapshots" / COMMIT
    (folder / "data/test-00000-of-00001.parquet").rename(folder / "en.parquet")
    (folder / "jp.parquet").write_bytes((folder / "en.parquet").read_bytes())

    def write(line=""):
        card = ["---", "configs:", "- config_name: en", "  data_files: [{split: test, path: en.*}]"]
        card += ["- config_name: jp", "  data_files: [{split: test, path: jp.*}]", line, "---", ""]
        (folder / "README.md").write_text("\n".join(card))

    return write


def test_a_configuration_is_read_by_its_name(configured):
    configured()
    for name in ("en", "jp"):
        assert len(open_dataset("owner/name", COMMIT, "test", "image", name).rows) == 1


@pytest.mark.parametrize("name", [None, "fr"])
def test_a_choice_of_configurations_is_asked_for_with_their_names(configured, name):
    configured()
    message = rf"dataset.name is {name!r}, but owner/name has the configurations \['en', 'jp'\]"
    with pytest.raises(DatasetError, match=message):
        open_dataset("owner/name", COMMIT, "test", "image", name)


def test_several_configurations_are_read_and_all_that_are_not_there_named(configured):
    configured()
    place = {"named": ["name", "split", "row"], "name": ["jp", "en"]}
    rows = open_dataset("owner/name", COMMIT, "test", "image", **place).rows
    assert rows["name"][:] == ["jp", "en"]
    assert (rows["split"][:], rows["row"][:]) == (["test"] * 2, [0, 0])
    message = r"name is \['fr', 'it'\], but owner/name has the configurations \['en', 'jp'\]"
    with pytest.raises(DatasetError, match=message):
        open_dataset("owner/name", COMMIT, "test", "image", ["fr", "jp", "it"])


def test_a_hub_folder_of_pictures_with_a_table_is_read(hub_cache):
    repository = hub_cache / "datasets--owner--pictures"
    folder = repository / "snapshots" / COMMIT / "test"
    folder.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text(COMMIT)
    (repository / "picture").write_bytes(PICTURE)
    (folder / "a.png").symlink_to(repository / "picture")
    columns = {k: v for k, v in make_row("a_0").items() if k not in ("image", "O", "O-en")}
    write_table(folder / "metadata.csv", {"file_name": "a.png", **columns})
    opened = open_dataset("owner/pictures", None, "test", "image")
    rows = [{**row, "O": "['a', 'b', 'c', 'd']", "O-en": list("wxyz")} for row in opened.rows]
    prepared = prepare(rows, picture_folder=opened.picture_folder, max_rejected=0)
    assert prepared.images["a"]["bytes"] == PICTURE
    with pytest.raises(DatasetError, match="columns names 'file', but these rows are not read"):
        open_dataset("owner/pictures", None, "test", "image", named=["file"])


def test_a_delimiter_that_a_card_states_is_obeyed(hub_cache):
    folder = hub_cache / "datasets--owner--semicolons/snapshots" / COMMIT
    folder.mkdir(parents=True)
    (folder.parents[1] / "refs").mkdir()
    (folder.parents[1] / "refs/main").write_text(COMMIT)
    (folder / "x.csv").write_text("ID;image\na;b.png\n")
    card = "configs:\n- {config_name: default, sep: ';', data_files: [{split: test, path: x.csv}]}"
    (folder / "README.md").write_text(f"---\n{card}\n---\n")
    rows = open_named("owner/semicolons", "test")
    assert (rows["ID"][:], rows["image"][0]["path"]) == (["a"], "b.png")


def test_a_saved_dataset_does_not_tell_files(tmp_path):
    make_dataset("a_0").save_to_disk(tmp_path / "saved")
    with pytest.raises(DatasetError, match=r"columns names 'file', .* columns \['ID', 'image',"):
        open_named(tmp_path / "saved", "test", ["file"])
    own = make_dataset("a_0").add_column("file", ["own"])
    own.save_to_disk(tmp_path / "own")
    assert open_named(tmp_path / "own", "test", ["file"])["file"][:] == ["own"]


@pytest.mark.usefixtures("cached")
def test_pictures_of_a_hub_dataset_may_lie_beside_its_rows(hub_cache, tmp_path):
    opened = open_dataset("owner/name", COMMIT, "test", "image")
    assert opened.picture_folder == hub_cache / "datasets--owner--name/snapshots" / COMMIT
    opened = open_dataset("owner/name", COMMIT, "test", "image", image_root=str(tmp_path))
    assert opened.picture_folder == tmp_path


def test_a_default_configuration_needs_no_name(configured):
    configured("  default: true")
    assert len(open_dataset("owner/name", COMMIT, "test", "image").rows) == 1


def test_a_broken_card_is_refused(configured):
    configured("  default: [")
    with pytest.raises(DatasetError, match=r"'owner/name' \(split 'test'\) cannot be opened: "):
        open_dataset("owner/name", COMMIT, "test", "image")


@pytest.mark.usefixtures("cached")
@pytest.mark.parametrize("source", ["owner/name", "owner/other", "some/folder/that/is/not/there"])
def test_what_is_not_in_the_cache_says_how_to_get_it(source):
    with pytest.raises(DatasetError) as caught:
        open_dataset(source, "e" * 40, "test", "image")
    message = str(caught.value)
    assert f"dataset.source '{source}': there is no such file or folder here" in message
    assert f"hf download --repo-type dataset --revision {'e' * 40} {source}" in message
    assert "a folder saved by `datasets`, or a Hub id" in message


def test_a_hub_that_cannot_be_reached_is_the_same_refusal(monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)

    def refuse(*_arguments, **_settings):
        raise httpx2.ConnectError("no route to host")

    monkeypatch.setattr(huggingface_hub.HfApi, "repo_info", refuse)
    with pytest.raises(DatasetError, match="Hub dataset at revision 'main' cannot be had: "):
        open_dataset("owner/name", None, "test", "image")


# Labels


def write_labels(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_labels_are_read_by_id(tmp_path):
    text = "note,Label,ID\nx, 2 ,a_0\n,soup,b_0\n,soup,b_0\n"
    expected = {"a_0": "2", "b_0": "soup"}
    assert read_labels(write_labels(tmp_path, text)) == expected
    assert read_labels(write_labels(tmp_path, text, "utf-8-sig")) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"found the columns None; expected a comma-separated file with \['ID', 'Label'\]"),
        ("id,label\na,1\n", r"found the columns \['id', 'label'\]"),
        ("ID;Label\na;1\n", r"found the columns \['ID;Label'\]"),
        ("ID,Label\na_0,1\nb_0,1\na_0,2\n", "line 4: 'a_0' has the labels '1' and '2'; keep one"),
    ],
)
def test_a_bad_file_of_labels_is_refused(text, message, tmp_path):
    with pytest.raises(DatasetError, match=f"labels.csv.*{message}"):
        read_labels(write_labels(tmp_path, text))


def test_a_file_of_labels_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="cannot be read: .*No such file"):
        read_labels(tmp_path / "labels.csv")
    with pytest.raises(DatasetError, match="cannot be read: .*utf-8"):
        read_labels(write_labels(tmp_path, "ID,Label\n", "utf-16"))
