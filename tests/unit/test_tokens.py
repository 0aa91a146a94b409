"""Masks at some tokens alone against the plain library, and the prefix that is then run once."""

from dataclasses import replace

import architectures
import pytest
import torch
from tiny_models import PICTURES, make_checkpoint, make_questions
from transformers import PaliGemmaForConditionalGeneration

from culture_neurons.engine.answering import MaskedModel, answer_questions
from culture_neurons.engine.batches import SHORT_ROW, TokenBudget, count_together, group_image
from culture_neurons.engine.feeding import Feed, feed_cells
from culture_neurons.engine.kept_prefix import KeptPrefix
from culture_neurons.engine.responses import AskedTogether
from culture_neurons.engine.way import EVERY_WAY
from culture_neurons.hooks.hookpoints import find_layers
from culture_neurons.hooks.interventions import UNMODIFIED, ablate, replace_by, scale, shift
from culture_neurons.model.checkpoints import load_checkpoint
from culture_neurons.model.prompts import SCOPES, encode_prompt, mark_tokens

DEMO = ["tiny-llava-v1.6-mistral", "tiny-pangea", "tiny-qwen2.5-vl"]
LETTERS = [[5], [6, 7], [8], [9]]
TOKENS = [
    ("question", "options"),
    ("options",),
    ("image",),
    ("template",),
    ("image", "question"),
]
NEURONS = {0: torch.arange(0, 90, 3), 3: torch.arange(20)}
MEANS = {layer: torch.linspace(-1, 1, 300) for layer in range(4)}
MAPS = [
    ablate(NEURONS),
    UNMODIFIED,
    scale({1: torch.arange(40)}, 2.0),
    replace_by({2: torch.arange(30)}, MEANS),
    replace_by({2: torch.arange(5)}, MEANS, 0.5),
    shift({3: torch.arange(9)}, MEANS, -2.0),
]


@pytest.fixture(scope="module", params=[*DEMO, *architectures.BUILDERS])
def checkpoint(request, tmp_path_factory):
    if request.param in DEMO:
        return make_checkpoint(request.param)
    folder = tmp_path_factory.mktemp("checkpoint")
    return load_checkpoint(
        str(architectures.save_checkpoint(request.param, folder)), None, "float32", "cpu"
    )


def can_share(checkpoint):
    """Its attention sees the whole prompt at once: a prefix differs from prompt to prompt."""
    return not isinstance(checkpoint.model, PaliGemmaForConditionalGeneration)


def is_windowed(checkpoint):
    """Some of its layers see a window alone, behind which nothing can be kept."""
    return bool(getattr(checkpoint.model.config.get_text_config(), "sliding_window", None))


def ask_images(count=12, per_image=3):
    return make_questions(count, cultures=("AAA",), folds=1, per_image=per_image)


def make_feed(questions, budget=600):
    return Feed(questions, PICTURES, TokenBudget(budget))


def plain_letters(checkpoint, question, affine, tokens):
    """One question under one map: the library's forward, changed where neurons are read."""
    prompt = encode_prompt(
        checkpoint.processor, checkpoint.image_token, question, PICTURES[question.image_id]
    )
    acted = [SCOPES[scope] in tokens for scope in prompt.scopes.tolist()]
    layers, seen = find_layers(checkpoint.model, "mlp.gate_act"), {}

    # What down_proj reads is g * up: a hook on the gate's activation, of this test alone, gives g.
    def note(layer):
        return lambda _module, _inputs, output: seen.__setitem__(layer, output.clone())

    def change(layer):
        def hook(_module, inputs):  # (1, tokens, width)
            gate, read = seen[layer], inputs[0].clone()
            up = read / gate
            for token, wanted in enumerate(acted):
                for place, neuron in enumerate(affine.neurons[layer].tolist() if wanted else []):
                    shift = affine.offset[layer][place] if layer in affine.offset else 0.0
                    g = affine.gain * gate[0, token, neuron] + shift
                    read[0, token, neuron] = g * up[0, token, neuron]
            return (read,)

        return hook

    handles = []
    for layer in affine.neurons:
        handles.append(layers.modules[layer].register_forward_hook(note(layer)))
        handles.append(layers.consumers[layer].register_forward_pre_hook(change(layer)))
    try:
        with torch.no_grad():
            inputs = {**prompt.token_inputs, **prompt.picture_inputs}
            logits = checkpoint.model(**inputs).logits[0, -1].log_softmax(-1)
    finally:
        for handle in handles:
            handle.remove()
    return torch.stack([logits[ids].logsumexp(-1) for ids in LETTERS])


WHOLE = EVERY_WAY._replace(share=False, keep=False)


def answer(checkpoint, questions, tokens, way=EVERY_WAY, budget=600):
    """Answers of the engine: (map, question id) -> log probabilities of the letters."""
    layers = find_layers(checkpoint.model, "mlp.gate_act")
    feed = make_feed(questions, budget)
    model = MaskedModel(checkpoint, LETTERS, feed.budget, layers, MAPS, way, tokens)
    rounds = [AskedTogether(range(len(MAPS)), [q.question_id for q in questions])]
    found = {}
    for responses in answer_questions(model, feed, lambda _: rounds):
        for row, index in enumerate(responses.masks):
            for column, question_id in enumerate(responses.questions):
                found[index, question_id] = torch.from_numpy(responses.letters[row, column])
    return found


@pytest.mark.parametrize("tokens", TOKENS, ids="+".join)
def test_answers_are_those_of_plain_forwards_changed_at_these_tokens(checkpoint, tokens):
    questions = ask_images(6)
    ways = [WHOLE]
    if can_share(checkpoint):
        ways.append(EVERY_WAY._replace(keep=False))
    if can_share(checkpoint) and not is_windowed(checkpoint):
        ways.append(EVERY_WAY)
    answers = [answer(checkpoint, questions, tokens, way, 10_000) for way in ways]
    changed = 0.0
    for index, affine in enumerate(MAPS):
        for question in questions:
            expected = plain_letters(checkpoint, question, affine, tokens)
            for found in answers:
                assert torch.allclose(found[index, question.question_id], expected, atol=1e-4)
            everywhere = plain_letters(checkpoint, question, affine, SCOPES)
            changed = max(changed, float((everywhere - expected).abs().max()))
    assert changed > 1e-3  # it matters where


@pytest.fixture(scope="module")
def tiny():
    return make_checkpoint("tiny-qwen2.5-vl")


def test_all_tokens_are_the_usual_case_bit_for_bit(tiny):
    questions = ask_images(6)
    usual = answer(tiny, questions, SCOPES)
    reordered = answer(tiny, questions, SCOPES[::-1])
    assert all(torch.equal(usual[key], reordered[key]) for key in usual)


def group_all(checkpoint, tokens):
    ((_, images),) = feed_cells(checkpoint, make_feed(ask_images()))
    return [group_image(asked, checkpoint.image_token, tokens) for asked in images]


def test_a_prefix_is_kept_where_masks_act_behind_the_picture_alone(tiny):
    for tokens, kept in zip(TOKENS, [True, True, False, False, False], strict=True):
        groups = group_all(tiny, tokens)
        assert {group.kept for group in groups} == {kept}
        for group in groups:
            scopes = [prompt.scopes[: group.shared] for _, prompt in group.asked]
            assert mark_tokens(scopes, tokens).any() != kept
            assert all(torch.equal(row, scopes[0]) for row in scopes)


def test_a_kept_prefix_ends_before_the_first_token_at_which_masks_act(tiny):
    (first, *_), *_ = [[q] for q in ask_images(1)]
    # Two questions that begin alike: their first words are shared, but not where masks act there.
    asked = []
    for number, text in enumerate((first.text, first.text + " ?")):
        question = replace(first, question_id=f"p0_{number}", text=text)
        prompt = encode_prompt(tiny.processor, tiny.image_token, question, PICTURES["p0"])
        asked.append((question, prompt))
    anywhere, behind = (
        group_image(asked, tiny.image_token, tokens) for tokens in (SCOPES, TOKENS[0])
    )
    assert behind.kept
    assert not anywhere.kept
    prompt = asked[0][1]
    assert SCOPES[prompt.scopes[behind.shared]] == "question"
    assert "question" not in [SCOPES[scope] for scope in prompt.scopes[: behind.shared]]
    assert "question" in [SCOPES[scope] for scope in prompt.scopes[: anywhere.shared]]


def test_a_kept_prefix_is_run_once_for_all_masks(tiny):
    (group, *_) = group_all(tiny, TOKENS[0])
    layers = find_layers(tiny.model, "mlp.gate_act")
    passes = []
    handle = tiny.model.get_decoder().register_forward_pre_hook(
        lambda _module, _args, named: passes.append(
            tuple(
                (
                    named["inputs_embeds"]
                    if named.get("inputs_embeds") is not None
                    else named["input_ids"]
                ).shape[:2]
            )
        ),
        with_kwargs=True,
    )
    try:
        prefix = KeptPrefix(tiny, group, TOKENS[0])
        together = prefix.run(layers, MAPS)
        one_by_one = torch.cat([prefix.run(layers, [affine]) for affine in MAPS])
    finally:
        handle.remove()
    assert torch.allclose(together, one_by_one, atol=1e-5)
    # Once up to the decoder, once through it; then the questions of all masks in one row.
    assert passes == [
        (1, group.shared),
        (1, group.shared),
        (1, len(MAPS) * group.own),
        *[(1, group.own)] * len(MAPS),
    ]


def test_a_row_behind_a_kept_prefix_is_not_much_longer_than_it(tiny):
    (group, *_) = group_all(tiny, TOKENS[0])
    assert group.shared < SHORT_ROW
    assert count_together(group, 3, TokenBudget(10_000)) == 3
    assert count_together(group, 1000, TokenBudget(10_000)) == SHORT_ROW // group.own
    assert count_together(group, 1000, TokenBudget(3 * group.own)) == 3
    assert count_together(group, 1000, TokenBudget(1)) == 1


def test_a_small_device_takes_fewer_masks_and_loses_none(tiny, monkeypatch, caplog):
    questions = ask_images(6)
    whole = answer(tiny, questions, TOKENS[0])
    forward, longest = type(tiny.model).forward, []

    def small_device(self, *arguments, **named):
        output = forward(self, *arguments, **named)
        longest.append(named["input_ids"].shape[1])
        if named.get("past_key_values") is not None and longest[-1] > 200:
            raise torch.OutOfMemoryError("on the device")
        return output

    monkeypatch.setattr(type(tiny.model), "forward", small_device)
    found = answer(tiny, questions, TOKENS[0], budget=10_000)
    assert max(longest) > 200
    assert "half the batch" in caplog.text
    assert found.keys() == whole.keys()
    assert all(torch.allclose(found[key], whole[key], atol=1e-5) for key in whole)
