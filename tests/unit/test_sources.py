"""Which local files a dataset consists of: what must rerun its preparation when it changes."""

import json

import pytest

from culture_neurons.dataset.sources import find_source, list_inputs, stays_inside


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
    for name in ("a.parquet", "b.parquet", "c.jsonl", "d.JSONL", "e.Parquet"):
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
