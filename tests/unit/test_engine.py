"""The engine against the unmodified library and slow, plain references, on all architectures."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from plain_models import plain_logits, silence_columns
from tiny_models import PICTURES, make_checkpoint, make_questions
from torch import nn

from culture_neurons.engine.answering import tabulate_answers
from culture_neurons.engine.batches import TokenBudget, group_cells, pack_prompts, take_shard
from culture_neurons.engine.feeding import Feed, feed_cells
from culture_neurons.engine.recording import capture_cells
from culture_neurons.engine.responses import ResponseTable, read_responses
from culture_neurons.engine.way import EVERY_WAY
from culture_neurons.engine.whole_prompts import run_plain
from culture_neurons.hooks.capture import TERMS, capture, make_sums
from culture_neurons.hooks.hookpoints import HookpointError, find_layers
from culture_neurons.hooks.interventions import (
    UNMODIFIED,
    AffineMap,
    ablate,
    intervene,
    replace_by,
    scale,
)
from culture_neurons.model.prompts import SCOPES, encode_prompt, find_letter_tokens
from culture_neurons.neurons import SUMS, MaskName

SCOPE_GROUPS = {"image": ["image"], "text": ["question", "options"]}
BUDGET = 400
# Masks that include the first and the last layer.
MASK = {0: torch.tensor([0, 7, 399]), 2: torch.arange(50), 3: torch.tensor([1, 2, 3])}


def encode(checkpoint, questions):
    cells = feed_cells(checkpoint, make_feed(questions))
    asked = {item[0].question_id: item for _, images in cells for image in images for item in image}
    return [asked[question.question_id] for question in questions]


def make_feed(questions, budget=10_000):
    return Feed(questions, PICTURES, TokenBudget(budget))


def batched_logits(checkpoint, questions, budget):
    rows = {}
    for batch in pack_prompts(encode(checkpoint, questions), TokenBudget(budget)):
        logits = run_plain(checkpoint, [prompt for _, prompt in batch])
        rows |= {q.question_id: row for (q, _), row in zip(batch, logits, strict=True)}
    return rows


def assert_same_logits(found, expected):
    scale = float(expected.max() - expected.min())
    assert float((found - expected).abs().max()) <= 1e-5 * scale
    assert int(found.argmax()) == int(expected.argmax())


@pytest.mark.parametrize("budget", [1, 300, 100_000])
def test_batched_logits_equal_the_plain_forward(tiny, budget):
    questions = make_questions(14)
    rows = batched_logits(tiny, questions, budget)
    assert len({len(p.ids) for _, p in encode(tiny, questions)}) > 2
    for question in questions:
        assert_same_logits(rows[question.question_id], plain_logits(tiny, question))


def test_batched_ablated_logits_equal_a_model_with_silenced_columns(tiny):
    questions = make_questions(7)
    silenced = silence_columns(tiny, MASK)
    with intervene(find_layers(tiny.model, "mlp.gate_act"), [ablate(MASK)]):
        rows = batched_logits(tiny, questions, 100_000)
    for question in questions:
        expected = plain_logits(silenced, question)
        assert_same_logits(rows[question.question_id], expected)
        assert not torch.allclose(expected, plain_logits(tiny, question), atol=1e-3)


def test_rows_of_one_batch_can_carry_different_maps(tiny):
    questions = make_questions(3)
    layers = find_layers(tiny.model, "mlp.gate_act")
    prompts = [prompt for _, prompt in encode(tiny, questions)]
    other = {1: torch.tensor([5, 6])}
    maps = [ablate(MASK), AffineMap({}, 1.0), scale(other, 3.0)]
    with intervene(layers, maps):
        mixed = run_plain(tiny, prompts)
    for row, affine in enumerate(maps):
        with intervene(layers, [affine]):
            alone = run_plain(tiny, prompts)[row]
        assert_same_logits(mixed[row], alone)


def test_empty_map_and_gain_one_change_nothing_bit_for_bit(tiny):
    prompts = [prompt for _, prompt in encode(tiny, make_questions(5))]
    layers = find_layers(tiny.model, "mlp.gate_act")
    bare = run_plain(tiny, prompts)
    for affine in (UNMODIFIED, ablate({}), scale(MASK, 0.0)):
        with intervene(layers, [affine]):
            assert torch.equal(run_plain(tiny, prompts), bare)


def test_steer_by_minus_one_equals_ablate_bit_for_bit(tiny):
    prompts = [prompt for _, prompt in encode(tiny, make_questions(5))]
    layers = find_layers(tiny.model, "mlp.gate_act")
    with intervene(layers, [ablate(MASK)]):
        ablated = run_plain(tiny, prompts)
    with intervene(layers, [scale(MASK, -1.0)]):
        steered = run_plain(tiny, prompts)
    assert torch.equal(ablated, steered)
    assert not torch.equal(ablated, run_plain(tiny, prompts))


def test_affine_maps_touch_only_their_neurons(tiny):
    layers = find_layers(tiny.model, "mlp.gate_act")
    means = {layer: torch.linspace(-1, 1, 400) for layer in range(4)}
    seen = []
    gates = torch.randn(2, 3, 400)
    gates[0, 0, 10] = -0.0
    mask = {2: MASK[2]}
    with intervene(layers, [replace_by(mask, means), scale({2: torch.tensor([4])}, 1.0)]):
        seen = layers.modules[2](gates)
    bare = layers.modules[2](gates)
    assert torch.equal(seen[0, :, :50], means[2][:50].expand(3, 50))
    assert torch.equal(seen[0, :, 50:].view(torch.int32), bare[0, :, 50:].view(torch.int32))
    assert torch.equal(seen[1, :, 4], 2 * bare[1, :, 4])
    rest = [n for n in range(400) if n != 4]
    assert torch.equal(seen[1][:, rest], bare[1][:, rest])


def test_hooks_leave_no_trace_even_after_an_error_and_spare_those_of_others(tiny):
    layers = find_layers(tiny.model, "mlp.gate_act")
    calls = []
    foreign = layers.modules[0].register_forward_hook(lambda *_: calls.append(1))
    prompts = [prompt for _, prompt in encode(tiny, make_questions(2))]
    bare = run_plain(tiny, prompts)
    with (
        pytest.raises(RuntimeError, match="in the middle"),
        intervene(layers, [ablate(MASK)]),
        capture(layers, make_sums(layers, 1), torch.ones(1, 1, 1)),
    ):
        raise RuntimeError("in the middle")
    assert [len(module._forward_hooks) for module in layers.modules] == [1, 0, 0, 0]
    assert torch.equal(run_plain(tiny, prompts), bare)
    assert len(calls) == 2
    foreign.remove()


def test_masks_of_another_model_are_refused(tiny):
    layers = find_layers(tiny.model, "mlp.gate_act")
    with (
        pytest.raises(ValueError, match="layer 9, but the model has layers 0 to 3"),
        intervene(layers, [ablate({9: torch.tensor([0])})]),
    ):
        pass
    with (
        pytest.raises(ValueError, match="neuron 400 of layer 1"),
        intervene(layers, [ablate({1: torch.tensor([3, 400])})]),
    ):
        pass
    assert not any(module._forward_hooks for module in layers.modules)


def reference_counts(checkpoint, question):
    """K, S, Q, T of one question by a hand-written SwiGLU block and python loops over tokens."""
    layers = checkpoint.model.get_decoder().layers
    blocks = {}
    handles = [
        layer.mlp.register_forward_pre_hook(
            lambda _module, args, index=index: blocks.__setitem__(index, args[0][0])
        )
        for index, layer in enumerate(layers)
    ]
    plain_logits(checkpoint, question)
    for handle in handles:
        handle.remove()
    scopes = encode(checkpoint, [question])[0][1].scopes.tolist()
    result = {}
    for name, members in SCOPE_GROUPS.items():
        tokens = [t for t, scope in enumerate(scopes) if SCOPES[scope] in members]
        active = np.zeros((4, 400), dtype=np.int64)
        total, squares = np.zeros((4, 400)), np.zeros((4, 400))
        for index, block in blocks.items():
            weight = layers[index].mlp.gate_proj.weight.detach()
            for token in tokens:
                u = weight @ block[token].detach()
                g = (u / (1 + torch.exp(-u))).double().numpy()
                active[index] += g > 0
                total[index] += g
                squares[index] += g * g
        result[name] = (active, total, squares, len(tokens))
    return result


def test_capture_equals_a_slow_reference(tiny):
    questions = make_questions(6, cultures=("AAA",), folds=1)
    layers = find_layers(tiny.model, "mlp.gate_act")
    (cell,) = capture_cells(tiny, make_feed(questions), layers, SCOPE_GROUPS)
    assert (cell.culture, cell.fold, cell.questions) == ("AAA", 0, 6)
    parts = [reference_counts(tiny, question) for question in questions]
    for index, scope in enumerate(cell.scopes):
        active, total, squares, tokens = (sum(p[scope][i] for p in parts) for i in range(4))
        assert cell.tokens[index] == tokens
        # Batched matmuls round differently: a token with u within 1e-5 of 0 may flip.
        differs = np.abs(cell.sums["active"][index].numpy() - active.ravel())
        assert differs.sum() <= 2
        assert np.allclose(cell.sums["total"][index], total.ravel(), rtol=1e-5, atol=1e-4)
        found = cell.sums["total_squares"][index]
        assert np.allclose(found, squares.ravel(), rtol=1e-5, atol=1e-4)


def test_sums_do_not_depend_on_sharding(tiny):
    questions = make_questions(16)
    layers = find_layers(tiny.model, "mlp.gate_act")
    whole = list(capture_cells(tiny, make_feed(questions, BUDGET), layers, SCOPE_GROUPS))
    cells = [cell for cell, _ in group_cells(questions)]
    parts = {}
    for shard in ("1-of-3", "2-of-3", "3-of-3"):
        mine = take_shard(cells, shard)
        chosen = [q for q in reversed(questions) if (q.culture, q.fold) in mine]
        for cell in capture_cells(tiny, make_feed(chosen, BUDGET), layers, SCOPE_GROUPS):
            parts[cell.culture, cell.fold] = cell
    assert len(whole) == len(parts) == 4
    for cell in whole:
        other = parts[cell.culture, cell.fold]
        assert cell.tokens == other.tokens
        for name in SUMS:
            assert torch.equal(cell.sums[name], other.sums[name])


def test_answers_do_not_depend_on_the_other_questions(tiny):
    questions = make_questions(12)
    letters = find_letter_tokens(tiny.processor, 4)

    def ask(chosen, budget):
        table = tabulate_answers(tiny, make_feed(chosen, budget), letters, EVERY_WAY)
        columns = table.tabulate_answers()
        return dict(zip(columns["question_id"], range(len(chosen)), strict=True)), columns

    places, whole = ask(questions, 100_000)
    few_places, few = ask(questions[::-1][:5], 1)
    for question_id, few_place in few_places.items():
        place = places[question_id]
        assert few["predicted"][few_place] == whole["predicted"][place]
        assert few["option_logprobs"][few_place] == pytest.approx(
            whole["option_logprobs"][place], abs=1e-4
        )


def test_responses_follow_the_shuffled_options():
    (question,) = make_questions(1)
    logits = torch.full((1, 1, 10), -20.0)
    logits[..., 3], logits[..., 4], logits[..., 5] = 2.0, 1.6, 1.6  # forms of A: 3; of B: 4 and 5
    table = ResponseTable([MaskName(None)], [question])
    table.add(read_responses([0], [question], logits, [[3], [4, 5], [6], [7]]))
    columns = table.tabulate_answers()
    probability = logits.softmax(-1)[0, 0]
    # B's two forms together outweigh A's one.
    assert columns["predicted"] == [question.option_order[1]]
    assert columns["correct"] == [question.option_order[1] == question.answer]
    by_option = columns["option_logprobs"][0]
    shown = [float(by_option[option]) for option in question.option_order]
    assert np.exp(shown[:2]) == pytest.approx(
        [float(probability[3]), float(probability[4] + probability[5])], rel=1e-5
    )
    assert columns["non_letter_mass"] == pytest.approx(1 - float(probability[3:8].sum()), abs=1e-6)


def test_prompt_scopes_are_the_texts_they_name(tiny):
    for question, prompt in encode(tiny, make_questions(4)):
        ids = prompt.ids
        decode = tiny.processor.tokenizer.decode

        def text(scope, ids=ids, scopes=prompt.scopes, decode=decode):
            return decode(ids[scopes == SCOPES.index(scope)]).replace(" ", "")

        options = [question.options[i] for i in question.option_order]
        lettered = "".join(f"{a}.{b}" for a, b in zip("ABCD", options, strict=True))
        assert text("question") == question.text.replace(" ", "")
        assert text("options") == lettered
        image = ids[prompt.scopes == SCOPES.index("image")]
        assert set(image.tolist()) == {tiny.image_token}


def test_sums_are_of_activity_of_g_and_of_its_square():
    values, out = torch.tensor([[-2.0, 0.0, 3.0]]), torch.full((1, 3), 7.0)
    found = {name: TERMS[name](values, out).tolist() for name in SUMS}
    expected = {"active": [0, 0, 1], "total": [-2, 0, 3], "total_squares": [4, 0, 9]}
    assert found == {name: [row] for name, row in expected.items()}


def test_silu_is_positive_exactly_where_its_input_is():
    u = torch.cat([torch.linspace(-80, 80, 100_001), torch.tensor([0.0, -0.0, 1e-30, -1e-30])])
    assert torch.equal(nn.functional.silu(u) > 0, u > 0)


def test_a_model_without_gated_mlp_is_refused():
    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            block = nn.Module()
            block.mlp = nn.Sequential(nn.Linear(2, 2))
            self.layers = nn.ModuleList([block])

        def get_decoder(self):
            return self

    with pytest.raises(HookpointError, match=r"gated MLP.*missing: Plain.layers.0.mlp.act_fn"):
        find_layers(Plain(), "mlp.gate_act")


def test_a_hook_that_never_fires_is_an_error(tiny):
    """A module that the model does not call would give zeros, or an unmodified model."""
    layers = find_layers(tiny.model, "mlp.gate_act")
    prompts = [prompt for _, prompt in encode(tiny, make_questions(2))]
    unused = replace(layers, modules=(*layers.modules[:2], nn.SiLU(), layers.modules[3]))
    name = type(tiny.model).__name__
    refused = rf"^{name}: hookpoint 'mlp.gate_act': .* its modules of layers \[2\]; expected"
    sums = make_sums(layers, 1)
    weights = torch.ones(1, 2, max(prompt.tokens for prompt in prompts))
    with pytest.raises(HookpointError, match=refused), capture(unused, sums, weights):
        run_plain(tiny, prompts)
    assert not any(total.any() for total in sums.values())  # all of it or nothing
    with pytest.raises(HookpointError, match=refused), intervene(unused, [ablate(MASK)]):
        run_plain(tiny, prompts)
    with intervene(unused, [ablate({0: torch.tensor([1])})]):  # no mask names the unused layer
        run_plain(tiny, prompts)


@pytest.mark.parametrize(
    "start", ["", "<s>", " <s>", "\n<s>"], ids=["none", "written", "after a space", "after a line"]
)
def test_a_prompt_begins_once_whatever_its_template_writes(start):
    tiny = make_checkpoint("tiny-llava-v1.6-mistral")
    tiny.processor.chat_template = start + tiny.processor.chat_template.removeprefix("<s>")
    (question,) = make_questions(1)
    prompt = encode_prompt(tiny.processor, tiny.image_token, question, PICTURES["p0"])
    tokenizer = tiny.processor.tokenizer
    assert tokenizer.bos_token == "<s>"
    assert int((prompt.ids == tokenizer.bos_token_id).sum()) == 1
    assert int(prompt.ids[0]) == tokenizer.bos_token_id or start.strip() != start
