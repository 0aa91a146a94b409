"""The trial before a model is used: what is exact is found, and what is not is never trusted."""

import architectures
import pytest
import torch
from tiny_models import PICTURES, make_checkpoint, make_questions

from culture_neurons.demo.checkpoint import save_checkpoint
from culture_neurons.engine import exact_copy, kept_prefix, shared_prefix, trial, whole_prompts
from culture_neurons.engine.batches import TokenBudget
from culture_neurons.engine.exact_copy import make_exact
from culture_neurons.engine.feeding import Feed
from culture_neurons.engine.trial import choose_prompts, find_way
from culture_neurons.engine.way import EVERY_WAY, Way
from culture_neurons.hooks import interventions
from culture_neurons.hooks.hookpoints import HookpointError
from culture_neurons.model.checkpoints import load_checkpoint
from culture_neurons.model.next_token import LogitsError

POINT = ["mlp.gate_act"]
NAMES = ["tiny-qwen2.5-vl", "tiny-llava-v1.6-mistral", "gemma3"]


@pytest.fixture(scope="module", params=NAMES)
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    if request.param == "gemma3":
        return architectures.save_checkpoint(request.param, folder)
    tiny = make_checkpoint(request.param)
    save_checkpoint(tiny.model, tiny.processor, folder)
    return folder


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def checkpoint(request, folder):
    return load_checkpoint(str(folder), None, request.param, "cpu")


def all_but(checkpoint, *ways):
    """Layers of gemma3 see a window alone, behind which nothing can be kept."""
    windowed = getattr(checkpoint.model.config.get_text_config(), "sliding_window", None)
    lost = {*ways, "keep"} if windowed else ways
    return Way(**{name: name not in lost for name in Way._fields})


def make_feed(count=20, per_image=2):
    questions = make_questions(count, cultures=("AAA",), folds=1, per_image=per_image)
    return Feed(questions, PICTURES, TokenBudget(10_000))


def find(checkpoint):
    return find_way(checkpoint, make_feed(), POINT)


def test_right_ways_pass_in_full_and_half_precision(checkpoint):
    layers = len(checkpoint.model.get_decoder().layers)
    assert find(checkpoint) == all_but(checkpoint)
    assert len(checkpoint.model.get_decoder().layers) == layers  # the model itself stays whole


def test_prompts_are_of_pictures_of_one_length_and_of_another(checkpoint):
    groups = choose_prompts(checkpoint, make_feed())
    assert len({group.asked[0][0].image_id for group in groups}) == len(groups) >= 2
    lengths = [group.shared for group in groups]
    assert lengths[0] in lengths[1:] or len(set(lengths)) == len(lengths)
    for group in groups:
        short, long = (prompt.tokens for _, prompt in group.asked)
        assert short < long


def test_the_copy_of_a_half_precision_model_is_of_few_layers_in_float32(checkpoint):
    exact = make_exact(checkpoint)
    if checkpoint.model.dtype == torch.float32:
        assert exact is checkpoint
        return
    assert {weight.dtype for weight in exact.model.parameters()} == {torch.float32}
    decoder, whole = exact.model.get_decoder(), checkpoint.model.get_decoder()
    kinds = getattr(whole.config, "layer_types", None) or [None]
    assert len(decoder.layers) == max(2, 1 + max(kinds.index(kind) for kind in set(kinds)))
    assert whole.config.num_hidden_layers == len(whole.layers) == 4
    weight = whole.layers[0].mlp.down_proj.weight
    assert weight.dtype == torch.bfloat16
    assert torch.equal(decoder.layers[0].mlp.down_proj.weight, weight.float())


def test_a_device_without_room_for_the_copy_has_it_on_the_cpu(checkpoint, monkeypatch):
    if checkpoint.model.dtype == torch.float32:
        return
    right, failed = exact_copy.copy.deepcopy, []

    def small_device(value, known=None):
        if known is None and isinstance(value, torch.nn.Module) and not failed:
            failed.append(value)
            raise torch.OutOfMemoryError("on the device")
        return right(value, known)

    expected = make_exact(checkpoint).model.state_dict()
    monkeypatch.setattr(exact_copy.copy, "deepcopy", small_device)
    found = make_exact(checkpoint).model.state_dict()
    assert failed
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)
    monkeypatch.undo()
    assert checkpoint.model.dtype == torch.bfloat16


@pytest.mark.parametrize("steps", [1, 5, -1])
def test_wrong_positions_are_not_shared(checkpoint, monkeypatch, steps):
    right = shared_prefix.SharedPrefix._continue_positions
    monkeypatch.setattr(
        shared_prefix.SharedPrefix,
        "_continue_positions",
        lambda self, *arguments: right(self, *arguments) + steps,
    )
    assert find(checkpoint) == all_but(checkpoint, "share")


def test_reversed_picture_tokens_are_not_shared(checkpoint, monkeypatch):
    right = shared_prefix.read_decoder_call

    def reverse(model, inputs):
        call = right(model, inputs)
        image = inputs["input_ids"][0] == checkpoint.image_token
        embedded = call["inputs_embeds"].clone()
        embedded[:, image] = embedded[:, image].flip(1)
        return {**call, "inputs_embeds": embedded}

    monkeypatch.setattr(shared_prefix, "read_decoder_call", reverse)
    assert find(checkpoint) == all_but(checkpoint, "share")


def exchange_rows(inputs, key):
    """Exchange the pictures of a batch where they are rows of one tensor."""
    return {**inputs, key: inputs[key].flip(0)} if len(inputs["input_ids"]) > 1 else inputs


@pytest.mark.parametrize(
    ("module", "way"),
    [(whole_prompts, "batch"), (shared_prefix, "share")],
)
def test_exchanged_pictures_are_found_in_batches_and_in_prefixes(
    checkpoint, monkeypatch, module, way
):
    right = module.place_inputs
    monkeypatch.setattr(
        module,
        "place_inputs",
        lambda inputs, model: right(exchange_rows(inputs, "pixel_values"), model),
    )
    assert find(checkpoint) == all_but(checkpoint, way)


def test_a_mask_that_does_nothing_is_refused(checkpoint, monkeypatch):
    monkeypatch.setattr(interventions, "_make_change", lambda *_: lambda _activation: None)
    with pytest.raises(LogitsError, match="with these neurons silenced: logits differ by"):
        find(checkpoint)


def test_masks_that_reach_other_rows_are_found(checkpoint, monkeypatch):
    right = interventions._make_change

    def first_map_for_all(maps, marks, which, neurons, gain, offset):
        return right(maps, marks, torch.zeros_like(which), neurons, gain, offset)

    monkeypatch.setattr(interventions, "_make_change", first_map_for_all)
    assert find(checkpoint) == all_but(checkpoint, "share", "keep")


def test_masks_at_all_tokens_in_place_of_the_text_s_are_found(checkpoint, monkeypatch):
    monkeypatch.setattr(kept_prefix, "place_marks", lambda *_: None)
    assert find(checkpoint) == all_but(checkpoint, "keep")


@pytest.mark.parametrize("steps", [1, 5, -1])
def test_wrong_positions_are_not_kept(checkpoint, monkeypatch, steps):
    right = kept_prefix.run_to_logits

    def run_to_logits(model, inputs, last):
        return right(model, {**inputs, "position_ids": inputs["position_ids"] + steps}, last)

    monkeypatch.setattr(kept_prefix, "run_to_logits", run_to_logits)
    assert find(checkpoint) == all_but(checkpoint, "keep")


def test_questions_that_see_other_questions_are_found(checkpoint, monkeypatch):
    right = kept_prefix.KeptPrefix._see
    monkeypatch.setattr(
        kept_prefix.KeptPrefix, "_see", lambda self, block: right(self, torch.zeros_like(block))
    )
    assert find(checkpoint) == all_but(checkpoint, "keep")


def test_another_picture_is_not_kept(checkpoint, monkeypatch):
    right = kept_prefix.place_inputs

    def reverse(inputs, model):
        return right({**inputs, "pixel_values": inputs["pixel_values"].flip(-1)}, model)

    monkeypatch.setattr(kept_prefix, "place_inputs", reverse)
    assert find(checkpoint) == all_but(checkpoint, "keep")


def test_an_input_that_is_dropped_is_refused(checkpoint, monkeypatch):
    right = whole_prompts.place_inputs
    prompt = choose_prompts(checkpoint, make_feed())[0].asked[0][1]
    extra = sorted(set(prompt.token_inputs) - {"input_ids", "attention_mask"})
    if not extra:
        pytest.skip("this processor hands over no further input of tokens")

    def drop(inputs, model):
        return right({key: value for key, value in inputs.items() if key not in extra}, model)

    monkeypatch.setattr(whole_prompts, "place_inputs", drop)
    with pytest.raises(LogitsError, match="this architecture cannot be used"):
        find(checkpoint)


def test_a_structure_without_the_hookpoint_is_refused_before_any_prompt(checkpoint, monkeypatch):
    monkeypatch.setattr(trial, "choose_prompts", lambda *_: pytest.fail("a prompt was encoded"))
    with pytest.raises(HookpointError, match=r"hookpoint 'mlp\.none' is unknown"):
        find_way(checkpoint, make_feed(), ["mlp.none"])


def test_a_small_device_tries_halves(checkpoint, monkeypatch, caplog):
    forward = type(checkpoint.model).forward

    def small_device(self, *arguments, **named):
        output = forward(self, *arguments, **named)
        if len(named["input_ids"]) > 4:  # two pictures with two questions each, one mask
            raise torch.OutOfMemoryError("on the device")
        return output

    monkeypatch.setattr(type(checkpoint.model), "forward", small_device)
    assert find(checkpoint) == all_but(checkpoint)
    assert "half the batch" in caplog.text


def test_single_questions_are_enough_to_try(checkpoint):
    way = find_way(checkpoint, make_feed(4, per_image=1), POINT)
    assert way == all_but(checkpoint)


def test_prompts_go_alone_where_batches_are_not_exact():
    assert EVERY_WAY.limit(4096).tokens == 4096
    assert EVERY_WAY._replace(batch=False).limit(4096).tokens == 1
