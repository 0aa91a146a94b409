"""Files of masks: read as they stand, refused by name, and never run; masks made of masks."""

import pickle
import random

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from culture_neurons.identify.mask_algebra import combine_masks
from culture_neurons.identify.mask_export import write_json, write_safetensors, write_torch
from culture_neurons.identify.mask_files import (
    MaskFile,
    MaskFileError,
    find_doubts,
    tabulate_masks,
)
from culture_neurons.identify.mask_readers import read_mask_file
from culture_neurons.identify.mask_tables import write_masks
from culture_neurons.neurons import MaskName, NeuronAxis

AXIS = NeuronAxis((10, 10, 10))


def classes():
    """Two classes of three layers, in no order and of another integer type."""
    return [
        [torch.tensor([7, 2]), torch.tensor([], dtype=torch.int64), torch.tensor([9])],
        [torch.tensor([0], dtype=torch.int32), torch.tensor([2, 1]), torch.tensor([3])],
    ]


@pytest.fixture
def save(tmp_path):
    def save(content):
        torch.save(content, tmp_path / "masks.pth")
        return tmp_path / "masks.pth"

    return save


def refuse(path):
    with pytest.raises(MaskFileError) as caught:
        read_mask_file(path, AXIS)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert len(message.splitlines()) == 1
    return message


def split(file):
    """Units of a file's classes as [classes][layers] of neurons."""
    return [
        [[int(AXIS.neuron[u]) for u in units if AXIS.layer[u] == layer] for layer in range(3)]
        for units in file.units
    ]


def make_file(*classes, **named):
    units = [
        AXIS.find_units([layer for layer, _ in pairs], [neuron for _, neuron in pairs])
        for pairs in classes
    ]
    return MaskFile("f.pth", units, **named)


def tabulate(file, names, cultures):
    return tabulate_masks(file, file.name_classes(names), cultures, AXIS)


EXPECTED = [[[2, 7], [], [9]], [[0], [1, 2], [3]]]


def test_neurons_are_read_by_class_and_layer_in_order(save):
    assert split(read_mask_file(save(classes()), AXIS)) == EXPECTED


def test_bool_tensors_mark_what_index_tensors_name(save):
    marks = torch.zeros(2, 3, 10, dtype=torch.bool)
    for number, by_layer in enumerate(EXPECTED):
        for layer, neurons in enumerate(by_layer):
            marks[number, layer, neurons] = True
    assert split(read_mask_file(save(list(marks)), AXIS)) == EXPECTED
    assert split(read_mask_file(save([list(layers) for layers in marks]), AXIS)) == EXPECTED
    half = refuse(save(list(marks[:, :, :5])))
    assert "class 0, layer 0 marks 5 neurons; expected 10" in half


def test_a_table_has_one_mask_per_culture_of_the_study(save):
    file = read_mask_file(save([*classes(), classes()[0]]), AXIS)
    assert tabulate(file, ["JPN", "BRA", None], ["BRA", "JPN"]) == {
        "culture": ["BRA"] * 4 + ["JPN"] * 3,
        "draw": [None] * 7,
        "layer": [0, 1, 1, 2, 0, 0, 2],
        "neuron": [0, 1, 2, 3, 2, 7, 9],
        "rank": [0, 1, 2, 3, 0, 1, 2],
    }


def test_a_class_of_a_culture_that_the_study_lacks_is_left_out_unless_all_are_wanted():
    file = make_file([(0, 1)], [(0, 2)])
    assert tabulate(file, ["BRA", "JPN"], ["JPN"])["neuron"] == [2]
    assert tabulate(file, ["Portuguese", None], None)["culture"] == ["Portuguese"]


def test_masks_that_another_model_lends_may_lack_a_culture():
    file, axis = make_file([(0, 1)]), NeuronAxis((9, 9))
    columns = tabulate_masks(file, ["BRA"], ["BRA", "JPN"], axis, partial=True)
    assert (columns["culture"], columns["neuron"]) == (["BRA"], [1])


def test_an_empty_mask_is_a_mask_without_rows():
    assert not any(tabulate(make_file([]), ["BRA"], ["BRA"]).values())


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["BRA"], ["f.pth: has 2 classes", "names 1 cultures", "null for a class of no culture"]),
        (["BRA", None], ["f.pth: has no mask for JPN", "dataset.cultures"]),
        (None, ["f.pth: does not name its 2 classes", "`cultures`"]),
    ],
)
def test_names_that_do_not_fit_the_classes_are_refused(names, parts):
    with pytest.raises(MaskFileError) as caught:
        tabulate(make_file([(0, 1)], [(0, 2)]), names, ["BRA", "JPN"])
    assert all(part in str(caught.value) for part in parts)


def spoil(layer, value):
    found = classes()
    found[1][layer] = value
    return found


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (torch.zeros(2, 3), ["holds a tensor [2, 3] of torch.float32", "a list of classes"]),
        ([], ["holds list of 0", "a list of classes"]),
        ([classes()[0][:2]], ["class 0 is list of 2", "list of 3 index tensors", "another model"]),
        ([torch.tensor([1])], ["class 0 is a tensor [1]", "list of 3 index tensors"]),
        (spoil(2, [4]), ["class 1, layer 2 is list of 1", "a dense tensor of integers"]),
        (spoil(2, torch.tensor([0.5])), ["class 1, layer 2 is a tensor [1] of torch.float32"]),
        (spoil(0, torch.zeros(9, dtype=torch.bool)), ["layer 0 marks 9 neurons; expected 10"]),
        (spoil(0, torch.tensor([[1]])), ["a tensor [1, 1] of torch.int64", "one dimension"]),
        (
            spoil(0, torch.tensor([1]).to_sparse()),
            ["a tensor [1] of torch.int64, torch.sparse_coo"],
        ),
        (spoil(0, torch.tensor([1], device="meta")), ["a tensor [1] of torch.int64, meta"]),
        (
            spoil(0, torch.tensor([1]).expand(10**12)),
            ["1000000000000 neurons; expected at"],
        ),
        (
            spoil(1, torch.tensor([3, 10])),
            ["class 1: layer 1, neuron 10", "3 x 10", "another model"],
        ),
        (spoil(1, torch.tensor([-1, 2])), ["layer 1, neuron -1", "another model"]),
        (spoil(1, torch.tensor([2, 2])), ["class 1 names a neuron twice: layer 1, neuron 2"]),
    ],
)
def test_what_is_not_a_mask_of_the_model_is_refused_with_its_place(save, content, parts):
    message = refuse(save(content))
    for part in parts:
        assert part in message


class Malicious:
    """Runs a command when it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return exec, (self.command,)


@pytest.mark.parametrize("form", ["torch.save", "pickle"])
def test_a_pickle_that_would_run_code_is_refused_and_not_run(tmp_path, form):
    path, trace = tmp_path / "masks.pth", tmp_path / "ran"
    content = [*classes(), Malicious(f"open({str(trace)!r}, 'w')")]
    if form == "torch.save":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content, protocol=2))
    message = refuse(path)
    assert "nothing of it was run" in message
    assert not trace.exists()
    if form == "pickle":
        pickle.loads(path.read_bytes())
    else:
        torch.load(path, weights_only=False)
    assert trace.exists()  # so it would have shown


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "cannot be read"),
        (b"no masks", "holds more than tensors and lists"),
        (b"PK\x03\x04 cut off", "cannot be read"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, data, reason):
    path = tmp_path / "masks.pth"
    path.write_bytes(data)
    assert reason in refuse(path)


def test_a_truncated_file_is_refused(save):
    path = save(classes())
    path.write_bytes(path.read_bytes()[:-300])
    assert "cannot be read" in refuse(path)


@pytest.mark.filterwarnings("ignore")  # torch's, about protocols that the damage makes up
@pytest.mark.parametrize("zipped", [True, False])
def test_damaged_bytes_are_masks_still_or_refused_and_nothing_else(tmp_path, zipped):
    path, drawn = tmp_path / "masks.pth", random.Random(0)
    torch.save(classes(), path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    read, refused = [], []
    for number in range(400):
        damaged = bytearray(whole)
        for _ in range(drawn.choice([1, 1, 3])):
            damaged[drawn.randrange(len(whole))] = drawn.randrange(256)
        path.write_bytes(damaged[: drawn.randrange(len(whole))] if number % 10 == 0 else damaged)
        try:
            read += split(read_mask_file(path, AXIS))
        except MaskFileError as error:
            refused.append(error)
    assert all(len(layers) == 3 for layers in read)
    assert {neuron for layers in read for layer in layers for neuron in layer} <= set(range(10))
    messages = [str(error) for error in refused]
    assert all(message.startswith(f"{path}: ") for message in messages)
    assert all(len(message.splitlines()) == 1 for message in messages)
    causes = {type(error.__cause__) for error in refused}
    assert {RuntimeError, pickle.UnpicklingError} <= causes
    assert zipped or {AssertionError, EOFError, KeyError, IndexError} <= causes


MASKS = {
    MaskName("JPN"): {0: [2, 7], 2: [9]},
    MaskName("BRA"): {0: [0], 1: [1, 2], 2: [3]},
}
FACTS = {"model": "m", "hookpoint": "mlp.gate_act", "commit": "abc", "widths": [10, 10, 10]}


SAYS = {name: FACTS[name] for name in ("model", "hookpoint", "commit")}


def write_all(folder):
    """The same masks in every format."""
    write_torch(folder / "masks.pth", MASKS, AXIS)
    write_safetensors(folder / "masks.safetensors", MASKS, SAYS)
    write_json(folder / "masks.json", MASKS)
    rows = [(c.culture, n, i) for c, layers in MASKS.items() for n in layers for i in layers[n]]
    columns = dict(zip(("culture", "layer", "neuron"), zip(*rows, strict=True), strict=True))
    columns |= {"draw": [None] * len(rows), "rank": list(range(len(rows)))}
    write_masks(folder / "masks.parquet", columns, FACTS, ["numpy"], ["JPN", "BRA"])


@pytest.mark.parametrize("suffix", ["pth", "safetensors", "json", "parquet"])
def test_what_is_exported_is_read_again(tmp_path, suffix):
    write_all(tmp_path)
    file = read_mask_file(tmp_path / f"masks.{suffix}", AXIS)
    names = ["JPN", "BRA"] if suffix == "pth" else None
    found = dict(zip(file.name_classes(names), split(file), strict=True))
    assert found == {"JPN": EXPECTED[0], "BRA": EXPECTED[1]}


def test_the_same_masks_are_exported_as_the_same_bytes(tmp_path):
    names = [str(number) for number in range(6)]
    for name in names:
        (tmp_path / name).mkdir()
        write_all(tmp_path / name)
    for suffix in ("pth", "safetensors", "json"):
        found = {(tmp_path / name / f"masks.{suffix}").read_bytes() for name in names}
        assert len(found) == 1


@pytest.mark.parametrize(
    ("suffix", "other"),
    [
        ("parquet", {"commit": "def"}),
        ("parquet", {"hookpoint": "mlp.neuron"}),
        ("safetensors", {"hookpoint": "mlp.neuron"}),
    ],
)
def test_masks_of_another_model_or_hookpoint_are_refused(tmp_path, suffix, other):
    write_all(tmp_path)
    file = read_mask_file(tmp_path / f"masks.{suffix}", AXIS)
    file.require_same(FACTS)
    ((name, value),) = other.items()
    with pytest.raises(MaskFileError, match=rf"masks\.{suffix}: its {name} is .*{value!r}"):
        file.require_same(FACTS | other)


def test_marks_of_safetensors_are_read_and_other_tensors_refused(tmp_path):
    path, marks = tmp_path / "masks.safetensors", np.zeros((3, 10), dtype=bool)
    marks[0, [2, 7]] = marks[2, 9] = True
    save_file({"JPN": marks}, path)
    assert split(read_mask_file(path, AXIS)) == [EXPECTED[0]]
    for wrong in (marks[:, :5], np.zeros((4, 3), dtype=np.int64), np.zeros((4, 2))):
        save_file({"JPN": np.ascontiguousarray(wrong)}, path)
        assert "class 'JPN' is [" in refuse(path)
    path.write_bytes(b"no tensors")
    assert "cannot be read" in refuse(path)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("[", "cannot be read as JSON"),
        ("[1]", "class '' has no list `top_neurons`"),
        ('{"JPN": {}}', "class 'JPN' has no list `top_neurons`"),
        ('{"top_neurons": [{"layer_idx": 0, "neuron_idx": 1}]}', "entry 0 is {'layer_idx'"),
        (
            '{"top_neurons": [{"module_name": "l.0.self_attn.q_proj", "layer_idx": 0, '
            '"neuron_idx": 1}]}',
            "entry 0 is of module 'l.0.self_attn.q_proj'; expected ['act_fn', 'gate_proj']",
        ),
        (
            '{"top_neurons": [{"module_name": "mlp.gate_proj", "layer_idx": 3, "neuron_idx": 1}]}',
            "layer 3, neuron 1",
        ),
    ],
)
def test_a_list_that_is_not_of_the_model_s_neurons_is_refused(tmp_path, content, part):
    path = tmp_path / "masks.json"
    path.write_text(content)
    assert part in refuse(path)


def test_draws_of_a_control_and_other_suffixes_are_refused(tmp_path):
    columns = {"culture": ["a"], "draw": [0], "layer": [0], "neuron": [1], "rank": [0]}
    write_masks(tmp_path / "random.parquet", columns, FACTS, ["numpy"])
    assert "holds a control's draws" in refuse(tmp_path / "random.parquet")
    assert "ends in one of .pth, .pt, .parquet" in refuse(tmp_path / "masks.npz")


def test_a_permuted_order_and_half_a_model_are_seen():
    axis = NeuronAxis((40, 40))
    probability = np.full((3, 80), 0.5)
    units = [np.arange(start, start + 8) for start in (0, 40, 60)]
    for row, own in enumerate(units):
        probability[row, own] = 0.9
    cultures = ["a", "b", "c"]

    def doubt(order, names=("a", "b", "c")):
        file = MaskFile("f", [units[index] for index in order])
        return find_doubts(file, names, probability, cultures, axis)

    assert doubt([0, 1, 2]) == []
    assert doubt([1, 0, 2], ["b", "a", "c"]) == []
    (message,) = doubt([1, 2, 0])
    assert "named ['a', 'b', 'c']" in message
    assert "most active for ['b', 'c', 'a']" in message
    assert doubt([0, 2, 2]) == []  # no permutation: not a matter of order
    half = MaskFile("f", [np.arange(20), np.arange(40, 60)])
    (message,) = find_doubts(half, [None, None], probability, cultures, axis)
    assert "all 40 neurons lie in the first half" in message


def test_masks_are_made_of_masks():
    units = np.array([3, 5, 8, 5, 9, 2])
    others = [np.array([5]), np.array([9, 11])]
    columns = {"culture": np.array([*"babaab"]), "rank": np.array([0, 4, 2, 1, 3, 1])}

    def combine(others, within):
        made = combine_masks(columns, units, others, within=within)
        return list(zip(made["culture"], made["rank"], strict=True))

    assert combine(others, False) == [("b", 0), ("b", 2), ("b", 1)]
    assert combine(others, True) == [("a", 2), ("a", 0), ("a", 1)]
    assert combine([], True) == []
    assert combine([], False) == [("b", 0), ("a", 2), ("b", 2), ("a", 0), ("a", 1), ("b", 1)]
