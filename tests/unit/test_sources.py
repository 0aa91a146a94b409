"""Which local files a dataset consists of: what must rerun its preparation when it changes."""

import json

import pytest

from culture_neurons.dataset.sources import (
    DatasetError,
    find_columns,
    find_source,
    find_splits,
    list_inputs,
    stays_inside,
)


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A folder to stand in; make(names) makes empty files in it."""
    monkeypatch.chdir(tmp_path)

    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()

    return make


def test_a_file_is_itself_even_if_a_rule_has_yet_to_write_it(data):
    data("b.parquet")
    for name in ("a.parquet", "b.parquet", "c.jsonl", "d.JSONL", "e.Parquet", "f.csv", "g.tsv"):
        assert list_inputs(name, "image") == [name]


@pytest.mark.parametrize("name", ["d", "d.parquet", "d.jsonl"])
def test_a_folder_is_its_parquet_files(name, data):
    data(*(f"{name}/{file}" for file in ("b.parquet", "deep/a.parquet", "readme.md", "info.json")))
    assert list_inputs(name, "image") == [f"{name}/b.parquet", f"{name}/deep/a.parquet"]


@pytest.mark.parametrize("name", ["a.json", "a.xlsx", "a"])
def test_a_file_of_another_kind_is_no_hub_id(name, data):
    data(name)
    assert find_source(name).form == "unknown"


@pytest.mark.parametrize("name", ["x" * 5000, "x" * 300 + ".parquet", "x\0y", "x" * 300 + ".jsonl"])
def test_a_name_that_no_file_can_have_is_told_apart_without_an_error(name):
    assert list_inputs(name, "image") in ([], [name])


@pytest.mark.parametrize("marker", ["dataset_dict.json", "state.json"])
def test_a_saved_dataset_is_its_tables_and_their_descriptions(marker, data):
    data(f"s/{marker}", "s/test/data-00000-of-00001.arrow", "s/test/state.json", "s/x.parquet")
    assert find_source("s").form == "saved"
    assert sorted(list_inputs("s", "image")) == sorted(
        {f"s/{marker}", "s/test/data-00000-of-00001.arrow", "s/test/state.json"}
    )


def test_a_jsonl_file_brings_the_pictures_that_it_names_and_that_exist(data):
    data("d/rows.jsonl", "d/p/a.png", "d/p/b.png", "d/unused.png")
    rows = [{"image": "p/b.png"}, {"image": "p/a.png"}, {"image": "p/a.png"}, {"image": "no.png"}]
    rows += [{"image": None}, {"image": 7}, {"other": "unused.png"}, "text", {"image": "p"}]
    lines = [*map(json.dumps, rows), "{ broken", ""]
    with open("d/rows.jsonl", "w") as file:
        file.write("\n".join(lines))
    assert list_inputs("d/rows.jsonl", "image") == ["d/rows.jsonl", "d/p/a.png", "d/p/b.png"]
    assert list_inputs("d/rows.jsonl", "other") == ["d/rows.jsonl", "d/unused.png"]


@pytest.mark.parametrize(
    "picture",
    ["x" * 5000, "a\0b.png", "\ud800.png", "../rows.jsonl", "p/../p/a.png", "/etc/passwd"],
)
def test_a_picture_that_cannot_be_or_is_elsewhere_is_no_input(picture, data):
    data("d/rows.jsonl", "d/p/a.png", "rows.jsonl")
    with open("d/rows.jsonl", "w") as file:
        file.write(json.dumps({"image": picture}))
    assert list_inputs("d/rows.jsonl", "image") == ["d/rows.jsonl"]


@pytest.mark.parametrize("first", ["", "\ufeff"])
def test_lines_end_at_line_breaks_alone_and_may_begin_with_a_mark(first, data):
    data("d/rows.jsonl", "d/a.png")
    row = json.dumps({"Q": "x\u2028y\x85z", "image": "a.png"}, ensure_ascii=False)
    with open("d/rows.jsonl", "w", encoding="utf-8") as file:
        file.write(first + row)
    assert list_inputs("d/rows.jsonl", "image") == ["d/rows.jsonl", "d/a.png"]


def test_lists_without_end_do_not_stop_planning(data):
    data("d/rows.jsonl")
    with open("d/rows.jsonl", "w") as file:
        file.write('{"image":' + "[" * 200_000)
    assert list_inputs("d/rows.jsonl", "image") == ["d/rows.jsonl"]


@pytest.mark.parametrize(
    ("files", "form"),
    [
        (["a.parquet", "b.csv", "c.jsonl"], "parquet"),
        (["b.csv", "c.jsonl"], "jsonl"),
        (["b.csv", "deep/a.csv", "x.tsv"], "csv"),
        (["x.tsv"], "tsv"),
        (["x.txt"], "parquet"),
    ],
)
def test_a_folder_is_of_one_kind_of_files(files, form, data):
    data(*(f"d/{file}" for file in files))
    found = find_source("d")
    wanted = sorted(f"d/{file}" for file in files if file.endswith(f".{form}"))
    assert (found.form, list(found.files)) == (form, wanted)
    assert (found.picture_folder is None) == (form == "parquet")


PICTURES = ("r/a.png", "r/p/b.png", "r/unused.png", "d/a.png")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.csv", 'ID,image\n1,a.png\n2,"p/b.png"\n3,no.png\n4,../d/x.csv\n5,\n'),
        ("x.tsv", "image\tID\na.png\t1\np/b.png\t2\nhttps://x/a.png\t3\n/etc/passwd\t4\n"),
        ("x.jsonl", '{"image": "a.png"}\n{"image": "p/b.png"}\n{"image": null}\n'),
    ],
)
def test_the_pictures_that_rows_name_are_inputs_wherever_they_start(name, text, data):
    data(f"d/{name}", *PICTURES)
    with open(f"d/{name}", "w") as file:
        file.write(text)
    expected = [f"d/{name}", "r/a.png", "r/p/b.png"]
    assert list_inputs(f"d/{name}", "image", "r") == expected
    assert list_inputs("d", "image", "r") == expected
    assert list_inputs(f"d/{name}", "image") == [f"d/{name}", "d/a.png"]
    assert list_inputs(f"d/{name}", "other", "r") == [f"d/{name}"]


def test_a_table_is_read_up_to_its_broken_line_and_pictures_in_it_are_no_paths(data):
    data("d/x.csv", "d/a.png", "d/b.png", "d/c.png")
    with open("d/x.csv", "w") as file:
        file.write("image,ID\na.png,1\n" + "A" * 200_000 + ",0\nb.png,1\nbroken\nc.png,2\n")
    assert list_inputs("d/x.csv", "image") == ["d/x.csv", "d/a.png", "d/b.png"]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_table_that_holds_its_pictures_is_not_read_whole(form, data):
    data(f"d/x.{form}", "d/a.png")
    rows = [{"image": "A" * 200_000}, {"image": "a.png"}]
    lines = map(json.dumps, rows) if form == "jsonl" else ["image", *(r["image"] for r in rows)]
    with open(f"d/x.{form}", "w") as file:
        file.write("\n".join(lines))
    assert list_inputs(f"d/x.{form}", "image") == [f"d/x.{form}"]


@pytest.mark.parametrize("source", ["d/x.parquet", "s", "owner/name"])
def test_where_rows_cannot_be_read_all_files_below_the_pictures_folder_are_inputs(source, data):
    data("d/x.parquet", "s/state.json", *PICTURES)
    own = list_inputs(source, "image")
    assert list_inputs(source, "image", "r") == [*own, "r/a.png", "r/p/b.png", "r/unused.png"]
    assert list_inputs(source, "image", "nowhere") == own


def test_splits_are_found_where_no_table_need_be_read(data):
    data("s/dataset_dict.json", "s/test/state.json", "d/x.parquet", "d/x.csv", "t/state.json")
    assert find_splits("s") is None  # damaged: what it is shows when it is opened
    with open("s/dataset_dict.json", "w") as file:
        json.dump({"splits": ["train", "test"]}, file)
    assert find_splits("s") == ["train", "test"]
    assert find_splits("d/x.csv") == find_splits("d/x.parquet") == []
    assert [find_splits(source) for source in ("d", "t", "owner/name")] == [None] * 3


def test_columns_of_tables_are_those_that_every_file_has(data):
    data("d/a.csv", "d/b.csv", "e.tsv", "f.parquet", "g/x")
    for name, text in (
        ("d/a.csv", "\ufeffC,B,A\n"),
        ("d/b.csv", "A,C,D\n1"),
        ("e.tsv", "A\tB,C\n"),
    ):
        with open(name, "w", encoding="utf-8") as file:
            file.write(text)
    assert find_columns("d") == ["C", "A"]
    assert find_columns("e.tsv") == ["A", "B,C"]
    assert [find_columns(source) for source in ("f.parquet", "g", "owner/name")] == [None] * 3
    with open("e.tsv", "w") as file:
        file.write("A\tA\n")
    with pytest.raises(DatasetError, match="e.tsv, header: column 'A' stands there twice"):
        find_columns("e.tsv")


@pytest.mark.parametrize(
    ("picture", "inside"),
    [
        ("a.png", True),
        ("p/a.png", True),
        ("./a..png", True),
        ("..a/b.png", True),
        ("/a.png", False),
        ("..", False),
        ("p/../../a.png", False),
    ],
)
def test_a_path_stays_inside_if_it_is_relative_and_does_not_climb(picture, inside):
    assert stays_inside(picture) == inside


def test_a_hub_id_has_no_local_files(data):
    data("owner.parquet")
    assert find_source("owner/name").form == "hub"
    assert list_inputs("owner/name", "image") == []
