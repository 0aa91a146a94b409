"""What is left out of a pass: how many rows and tokens the modules really see."""

from contextlib import ExitStack

import pytest
import torch
from tiny_models import PICTURES, make_questions

from culture_neurons.engine.batches import TokenBudget, group_image
from culture_neurons.engine.feeding import Feed, feed_cells
from culture_neurons.engine.shared_prefix import SharedPrefix
from culture_neurons.engine.shortcuts import run_last_mlp_at, share_until_changed
from culture_neurons.hooks.hookpoints import find_layers
from culture_neurons.hooks.interventions import UNMODIFIED, ablate

QUESTIONS = 3


@pytest.fixture
def prefix(tiny):
    """One image with three questions."""
    questions = make_questions(QUESTIONS, cultures=("AAA",), folds=1, per_image=QUESTIONS)
    ((_, images),) = feed_cells(tiny, Feed(questions, PICTURES, TokenBudget(10_000)))
    (asked,) = images
    return SharedPrefix(tiny, [group_image(asked, tiny.image_token)])


def record_shapes(tiny, prefix, maps):
    """Shapes that each decoder layer's modules get, in both passes: (layer, path) -> shapes."""
    shapes, found = {}, find_layers(tiny.model, "mlp.gate_act")
    with ExitStack() as stack:
        for index, layer in enumerate(tiny.model.get_decoder().layers):
            for path in ("self_attn.q_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"):
                seen = shapes.setdefault((index, path), [])
                handle = layer.get_submodule(path).register_forward_hook(
                    lambda _m, inputs, _o, seen=seen: seen.append(tuple(inputs[0].shape[:2]))
                )
                stack.callback(handle.remove)
        prefix.run(found, maps)
    return shapes


def tokens_of(shapes, index, path):
    return [rows * tokens for rows, tokens in shapes[index, path]]


def test_what_no_map_has_changed_is_computed_for_one_map(tiny, prefix):
    maps = [ablate({1: torch.tensor([3])}), UNMODIFIED, ablate({2: torch.tensor([5, 6])})]
    shapes, one = record_shapes(tiny, prefix, maps), record_shapes(tiny, prefix, maps[:1])
    for path in ("self_attn.q_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"):
        single = tokens_of(one, 0, path)
        assert tokens_of(shapes, 0, path) == single
        assert tokens_of(shapes, 2, path) == [3 * tokens for tokens in single]
    for path in ("self_attn.q_proj", "mlp.gate_proj", "mlp.up_proj"):
        assert tokens_of(shapes, 1, path) == single
    assert tokens_of(shapes, 1, "mlp.down_proj") == [3 * tokens for tokens in single]


def test_one_map_and_maps_without_neurons_are_run_as_they_are(tiny, prefix):
    one = tokens_of(record_shapes(tiny, prefix, [UNMODIFIED]), 0, "mlp.gate_proj")
    for maps in ([ablate({1: torch.tensor([3])})], [UNMODIFIED, ablate({0: torch.tensor([])})]):
        shapes = record_shapes(tiny, prefix, maps)
        assert tokens_of(shapes, 0, "mlp.gate_proj") == [len(maps) * tokens for tokens in one]


def test_the_last_mlp_sees_only_the_tokens_that_are_read(tiny, prefix):
    shapes = record_shapes(tiny, prefix, [UNMODIFIED])
    assert shapes[3, "mlp.gate_proj"] == [(1, 0), (QUESTIONS, 1)]
    assert all(tokens > 1 for _, tokens in shapes[2, "mlp.gate_proj"])
    assert all(tokens > 1 for _, tokens in shapes[3, "self_attn.q_proj"])


def test_an_mlp_at_some_tokens_gives_what_it_gives_there_and_zero_elsewhere(tiny):
    decoder = tiny.model.get_decoder()
    block, hidden = decoder.layers[-1].mlp, tiny.model.config.get_text_config().hidden_size
    states = torch.randn(2, 5, hidden)
    whole = block(states)
    with run_last_mlp_at(decoder, torch.tensor([[4], [1]])):
        partly = block(states)
    assert torch.allclose(partly[[0, 1], [4, 1]], whole[[0, 1], [4, 1]], atol=1e-6)
    partly[[0, 1], [4, 1]] = 0
    assert not partly.any()
    assert torch.equal(block(states), whole)


def list_hooks(model):
    """Hooks on a model's modules: the library has some of its own."""
    return [(*m._forward_hooks, *m._forward_pre_hooks) for m in model.modules()]


def test_savings_leave_no_hooks_behind_after_an_error(tiny):
    decoder, layers = tiny.model.get_decoder(), find_layers(tiny.model, "mlp.gate_act")
    maps = [ablate({2: torch.tensor([1])}), UNMODIFIED]
    before = list_hooks(tiny.model)
    with (
        pytest.raises(RuntimeError, match="stop"),
        share_until_changed(decoder, layers, maps),
        run_last_mlp_at(decoder, torch.zeros(2, 1, dtype=torch.long)),
    ):
        raise RuntimeError("stop")
    assert list_hooks(tiny.model) == before
