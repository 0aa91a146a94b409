"""Tables: whole or not at all, the same bytes again, and no foreign or damaged file."""

import json
import multiprocessing
import os
import stat

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from culture_neurons.storage.facts import (
    TableError,
    attach_facts,
    join_facts,
    name_versions,
    read_facts,
)
from culture_neurons.storage.schemas import SCHEMAS
from culture_neurons.storage.tables import read_table, to_columns, write_table
from culture_neurons.storage.writing import atomic_path

FACTS = {"model": "a/b", "cultures": ["A", "B"], "rate": 0.01, "software": {"x": "1"}}
PLANTED = {"culture": ["A", "B"], "layer": [0, 65535], "neuron": [7, 2**32 - 1]}


def example(kind_of_value, number):
    """Return a value of an Arrow type."""
    if pa.types.is_struct(kind_of_value):
        return {field.name: example(field.type, number) for field in kind_of_value}
    if pa.types.is_list(kind_of_value):
        return [example(kind_of_value.value_type, number + place) for place in range(3)]
    if pa.types.is_string(kind_of_value):
        return f"é\n{number}"
    if pa.types.is_binary(kind_of_value):
        return bytes([number, 0, 255])
    if pa.types.is_boolean(kind_of_value):
        return number % 2 == 0
    return number + 0.5 if pa.types.is_floating(kind_of_value) else number


def make_rows(kind, count):
    return [{f.name: example(f.type, number) for f in SCHEMAS[kind]} for number in range(count)]


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", SCHEMAS)
@pytest.mark.parametrize("count", [0, 1, 5])
def test_every_kind_comes_back_as_it_was_written(kind, count, tmp_path):
    rows = make_rows(kind, count)
    write_table(tmp_path / "x.parquet", kind, to_columns(kind, rows), FACTS)
    table = read_table(tmp_path / "x.parquet", kind)
    assert table.to_pylist() == rows
    assert table.schema.equals(SCHEMAS[kind])
    assert read_facts(tmp_path / "x.parquet", kind) == FACTS


def test_chunks_are_row_groups_and_empty_ones_leave_no_trace(tmp_path):
    chunks = [to_columns("planted", make_rows("planted", count)) for count in (2, 0, 3)]
    write_table(tmp_path / "x.parquet", "planted", iter(chunks), {})
    file = pq.ParquetFile(tmp_path / "x.parquet")
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [2, 3]
    write_table(tmp_path / "y.parquet", "planted", iter([]), {})
    assert read_table(tmp_path / "y.parquet", "planted").num_rows == 0


def test_selected_columns_come_alone(tmp_path):
    write_table(tmp_path / "x.parquet", "planted", PLANTED, {})
    table = read_table(tmp_path / "x.parquet", "planted", ["neuron"])
    assert table.to_pydict() == {"neuron": [7, 2**32 - 1]}


def test_a_folder_named_like_a_partition_adds_no_column(tmp_path):
    path = tmp_path / "run=3" / "x.parquet"
    write_table(path, "planted", PLANTED, {})
    assert read_table(path, "planted").column_names == ["culture", "layer", "neuron"]


def test_facts_cannot_change_the_kind(tmp_path):
    write_table(tmp_path / "x.parquet", "planted", PLANTED, {"kind": "scores"})
    assert read_table(tmp_path / "x.parquet", "planted").num_rows == 2


def test_the_same_input_gives_the_same_bytes(tmp_path):
    for name, facts in (("x", FACTS), ("y", dict(reversed(FACTS.items())))):
        rows = to_columns("answers", make_rows("answers", 50))
        write_table(tmp_path / name, "answers", rows, facts)
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, MemoryError])
def test_an_error_between_chunks_leaves_no_file_and_keeps_the_old_one(existing, error, tmp_path):
    def chunks():
        yield PLANTED
        raise error("in the middle")

    path = tmp_path / "x.parquet"
    if existing:
        write_table(path, "planted", PLANTED, FACTS)
    with pytest.raises(error, match="in the middle"):
        write_table(path, "planted", chunks(), {})
    assert files_in(tmp_path) == (["x.parquet"] if existing else [])
    if existing:
        assert read_facts(path, "planted") == FACTS


@pytest.mark.parametrize(
    "chunk",
    [
        {"culture": ["A"], "layer": [0]},
        {**PLANTED, "score": [0.0, 1.0]},
    ],
)
def test_other_columns_than_the_schema_s_are_refused(chunk, tmp_path):
    with pytest.raises(TableError, match=r"x.parquet: a planted table has the columns \['culture'"):
        write_table(tmp_path / "x.parquet", "planted", chunk, {})
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    "column",
    [
        {"layer": [0, -1]},
        {"layer": [0, 65536]},
        {"layer": [0, "x"]},
        {"neuron": np.array([0, 1.5])},
        {"culture": ["A"]},
    ],
)
def test_values_that_do_not_fit_leave_no_file(column, tmp_path):
    with pytest.raises((pa.ArrowException, OverflowError, ValueError)):
        write_table(tmp_path / "x.parquet", "planted", {**PLANTED, **column}, {})
    assert files_in(tmp_path) == []


def test_missing_folders_are_made(tmp_path):
    write_table(tmp_path / "a/b/x.parquet", "planted", PLANTED, {})
    assert files_in(tmp_path / "a/b") == ["x.parquet"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_permissions_follow_the_umask_which_stays(umask, mode, tmp_path):
    before = os.umask(umask)
    try:
        write_table(tmp_path / "x.parquet", "planted", PLANTED, {})
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x.parquet").stat().st_mode) == mode


def _write(path, writer, barrier):
    barrier.wait()
    for _ in range(10):
        rows = {"culture": [writer] * 3000, "layer": [1] * 3000, "neuron": list(range(3000))}
        write_table(path, "planted", rows, {"writer": writer})


def test_two_processes_that_write_one_target_leave_one_whole_file(tmp_path):
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(2)
    path = tmp_path / "x.parquet"
    writers = [context.Process(target=_write, args=(path, name, barrier)) for name in "AB"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert files_in(tmp_path) == ["x.parquet"]
    table = read_table(path, "planted")
    assert table.num_rows == 3000
    owner = read_facts(path, "planted")["writer"]
    assert set(table["culture"].to_pylist()) == {owner}


def test_a_killed_writer_s_rest_is_hidden_and_does_not_stop_the_next_one(tmp_path):
    path = tmp_path / "x.parquet"
    if (child := os.fork()) == 0:
        with atomic_path(path) as temporary:
            temporary.write_bytes(b"half")
            os._exit(9)  # as SIGKILL does: no cleaning up
    os.waitpid(child, 0)
    (rest,) = files_in(tmp_path)
    assert rest.startswith(".x.parquet.")
    assert rest.endswith(".tmp")
    write_table(path, "planted", PLANTED, {})
    assert read_table(path, "planted").num_rows == 2


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "x.parquet"
    write_table(path, "planted", to_columns("planted", make_rows("planted", 40)), FACTS)
    return path


def test_a_missing_file_says_to_make_it(tmp_path):
    with pytest.raises(TableError, match=r"x.parquet: there is no such file; run the step"):
        read_table(tmp_path / "x.parquet", "planted")


def test_a_table_of_another_kind_is_refused_with_both_kinds(table):
    with pytest.raises(TableError, match=r"x.parquet: is a planted table, expected masks; check"):
        read_table(table, "masks")


@pytest.mark.parametrize(
    "metadata", [None, {b"pandas": b"{}"}, {b"culture_neurons": b"{}"}, {b"culture_neurons": b""}]
)
def test_a_parquet_file_of_somebody_else_is_refused(metadata, tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table(PLANTED).replace_schema_metadata(metadata), path)
    with pytest.raises(TableError, match=r"x.parquet: carries no culture-neurons metadata.*delete"):
        read_table(path, "planted")


@pytest.mark.parametrize("metadata", [b"{", b"\xff", b"no json"])
def test_metadata_that_cannot_be_read_are_refused(metadata, tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table(PLANTED).replace_schema_metadata({b"culture_neurons": metadata}), path)
    with pytest.raises(TableError, match=r"x.parquet: cannot be read.*delete it and run again"):
        read_facts(path, "planted")


def test_no_flipped_bit_of_a_file_changes_its_facts_unseen(table):
    whole = table.read_bytes()
    damaged = 0
    for place in range(4, len(whole) - 8, 3):
        table.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        try:
            assert read_facts(table, "planted") == FACTS, place
        except TableError as error:
            damaged += "facts do not match their checksum" in str(error)
    assert damaged > 20


@pytest.mark.parametrize(
    "columns",
    [
        {"culture": ["A"], "layer": pa.array([1], pa.uint16())},
        {
            "culture": ["A"],
            "layer": pa.array([1], pa.int64()),
            "neuron": pa.array([1], pa.uint32()),
        },
    ],
)
def test_missing_columns_and_other_types_are_refused_by_name(columns, tmp_path):
    path = tmp_path / "x.parquet"
    foreign = pa.table(columns)
    pq.write_table(foreign.cast(attach_facts(foreign.schema, "planted", {})), path)
    wrong = "neuron" if len(columns) == 2 else "layer"
    with pytest.raises(TableError, match=rf"x.parquet: lacks the columns \['{wrong}'\].*delete"):
        read_table(path, "planted")


def test_a_file_cut_anywhere_is_refused(table):
    data = table.read_bytes()
    for length in [*range(0, len(data), 29), len(data) - 1]:
        table.write_bytes(data[:length])
        with pytest.raises(TableError, match=r"x.parquet: .*delete it and run again"):
            read_table(table, "planted")


def test_a_folder_or_a_text_in_place_of_a_table_is_refused(tmp_path):
    (tmp_path / "note.parquet").write_text("not a table")
    (tmp_path / "folder.parquet").mkdir()
    for name in ("note", "folder"):
        with pytest.raises(TableError, match=f"{name}.parquet: cannot be read as a Parquet file"):
            read_table(tmp_path / f"{name}.parquet", "planted")


def read_flipped(path, places):
    """Read a file with one bit flipped at each place: the tables and the refusals."""
    data = path.read_bytes()
    tables, refusals = [], []
    for place in places:
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            tables.append(read_table(path, "planted"))
        except TableError as error:
            refusals.append(str(error))
    path.write_bytes(data)
    return tables, refusals


def test_a_flipped_bit_in_the_data_is_found(table):
    good = read_table(table, "planted")
    footer = pq.ParquetFile(table).metadata.serialized_size + 8
    tables, refusals = read_flipped(table, range(4, table.stat().st_size - footer, 2))
    # A flip in a page header's statistics changes no value that we read.
    assert all(found.equals(good) for found in tables)
    assert len(refusals) > 4 * len(tables)
    for message in refusals:
        assert "x.parquet: is damaged" in message
        assert "delete it and run again" in message


def test_a_flipped_bit_in_the_footer_gives_neither_other_values_nor_another_error(table):
    good = read_table(table, "planted")
    size = table.stat().st_size
    footer = pq.ParquetFile(table).metadata.serialized_size + 8
    tables, refusals = read_flipped(table, range(size - footer, size, 3))
    assert all(found.equals(good) for found in tables)
    assert refusals
    assert all("x.parquet: " in message for message in refusals)


PLACE = {"model": "m", "split": "split3", "rate": "r0.02", "scorer": "cas", "selector": "cas"}
OF_PLACE = {"model": "m", "split": 3, "rate": 0.02, "scorer": {"name": "cas"}, "cultures": ["A"]}


def test_a_file_of_its_path_is_read(tmp_path):
    write_table(tmp_path / "x.parquet", "planted", PLANTED, OF_PLACE)
    assert read_facts(tmp_path / "x.parquet", "planted", PLACE) == OF_PLACE


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("model", "n", "'n'"),
        ("split", 0, "'split0'"),
        ("rate", 0.01, "'r0.01'"),
        ("scorer", {"name": "mad", "options": {}}, "'mad'"),
        ("selector", "mad", "'mad'"),
    ],
)
def test_a_file_of_another_path_names_the_fact_and_both_values(name, value, found, tmp_path):
    path = tmp_path / "x.parquet"
    write_table(path, "planted", PLANTED, OF_PLACE | {name: value})
    with pytest.raises(TableError) as caught:
        read_facts(path, "planted", PLACE)
    message = str(caught.value)
    assert message.startswith(f"{path}: its {name} is {found}, but a file of this path has ")
    assert f"has {PLACE[name]!r}; " in message
    assert "delete it and run again" in message
    assert read_facts(path, "planted")[name] == value


def test_facts_are_attached_beside_a_schema_s_own_metadata():
    schema = pa.schema([("a", pa.int8())], metadata={"huggingface": "{}"})
    found = attach_facts(schema, "planted", {"seed": 0}).metadata
    assert found[b"huggingface"] == b"{}"
    assert json.loads(found[b"culture_neurons"]) == {"kind": "planted", "seed": 0}


def test_facts_that_agree_are_united():
    assert join_facts({"a": {"model": "m", "seed": 0}, "b": {"seed": 0, "rate": [0.1]}}) == {
        "model": "m",
        "seed": 0,
        "rate": [0.1],
    }
    assert join_facts({}) == {}


def test_facts_that_differ_name_both_files_the_key_and_both_values():
    sources = {"a.parquet": {"seed": 0}, "b.parquet": {"model": "m"}, "c.parquet": {"seed": 1}}
    with pytest.raises(TableError) as caught:
        join_facts(sources)
    message = str(caught.value)
    assert message.startswith("c.parquet: its seed is 1, but a.parquet has 0;")
    assert "delete the foreign file" in message


def test_software_is_each_file_s_own():
    assert join_facts({"a": {"software": {"x": "1"}}, "b": {"software": {"x": "2"}}}) == {}


def test_keys_that_are_said_to_be_each_file_s_own_are_not_united():
    sources = {"a": {"seed": 0, "scorer": {"name": "x"}}, "b": {"seed": 0, "scorer": {"name": "y"}}}
    assert join_facts(sources, own=("scorer",)) == {"seed": 0}
    with pytest.raises(TableError, match="its scorer is"):
        join_facts(sources, own=("seed",))


def test_versions_are_those_of_the_installed_packages():
    assert name_versions("pyarrow") == {"pyarrow": pa.__version__}
