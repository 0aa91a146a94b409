"""Which local files a dataset consists of: what must rerun its preparation when it changes."""

import json

import pytest

from culture_neurons.sources import find_source, list_inputs


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
    for name in ("a.parquet", "b.parquet", "c.jsonl"):
        assert list_inputs(name, "image") == [name]


def test_a_folder_is_its_parquet_files(data):
    data("d/b.parquet", "d/deep/a.parquet", "d/readme.md", "d/info.json")
    assert list_inputs("d", "image") == ["d/b.parquet", "d/deep/a.parquet"]


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


def test_a_hub_id_has_no_local_files(data):
    data("owner.parquet")
    assert find_source("owner/name").form == "hub"
    assert list_inputs("owner/name", "image") == []
