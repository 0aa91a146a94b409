"""Masks of a .pth file: read as they stand, refused by name, and never run."""

import pickle
import random

import pytest
import torch

from culture_neurons.identify.published_masks import MaskFileError, read_mask_file, tabulate_masks
from culture_neurons.neurons import NeuronAxis

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


def test_neurons_are_read_by_class_and_layer_in_order(save):
    expected = [[[2, 7], [], [9]], [[0], [1, 2], [3]]]
    assert read_mask_file(save(classes()), AXIS) == expected


def test_a_table_has_one_mask_per_culture_of_the_study(save):
    masks = read_mask_file(save([*classes(), classes()[0]]), AXIS)
    columns = tabulate_masks("f.pth", masks, ["JPN", "BRA", None], ["BRA", "JPN"])
    assert columns == {
        "culture": ["BRA"] * 4 + ["JPN"] * 3,
        "draw": [None] * 7,
        "layer": [0, 1, 1, 2, 0, 0, 2],
        "neuron": [0, 1, 2, 3, 2, 7, 9],
        "rank": [0, 1, 2, 3, 0, 1, 2],
    }


def test_a_class_of_a_culture_that_the_study_lacks_is_left_out():
    masks = [[[1], [], []], [[2], [], []]]
    columns = tabulate_masks("f.pth", masks, ["BRA", "JPN"], ["JPN"])
    assert columns["neuron"] == [2]


def test_an_empty_mask_is_a_mask_without_rows():
    columns = tabulate_masks("f.pth", [[[], [], []]], ["BRA"], ["BRA"])
    assert not any(columns.values())


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["BRA"], ["f.pth: has 2 classes", "names 1 cultures", "null for a class of no culture"]),
        (["BRA", None], ["f.pth: has no mask for JPN", "dataset.cultures"]),
    ],
)
def test_names_that_do_not_fit_the_classes_are_refused(names, parts):
    with pytest.raises(MaskFileError) as caught:
        tabulate_masks("f.pth", [[[1], [], []], [[2], [], []]], names, ["BRA", "JPN"])
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
        (spoil(0, torch.zeros(10, dtype=torch.bool)), ["a tensor [10] of torch.bool"]),
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
        (spoil(1, torch.tensor([3, 10])), ["class 1, layer 1 has neurons 3 to 10", "0 to 9"]),
        (spoil(1, torch.tensor([-1, 2])), ["has neurons -1 to 2", "another model"]),
        (spoil(1, torch.tensor([2, 2])), ["class 1, layer 1 names a neuron twice"]),
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
            read += read_mask_file(path, AXIS)
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
