"""Many masks over shared prefixes against the plain library, on every architecture at hand."""

import architectures
import numpy as np
import pytest
import torch
from plain_models import plain_logits, reference_sums, silence_columns
from tiny_models import PICTURES, make_checkpoint, make_questions
from transformers import AutoModelForImageTextToText, PaliGemmaForConditionalGeneration

from culture_neurons.demo.checkpoint import save_checkpoint
from culture_neurons.engine.answering import (
    BASELINE,
    MaskedModel,
    answer_questions,
    tabulate_answers,
)
from culture_neurons.engine.batches import TokenBudget, group_image
from culture_neurons.engine.feeding import Feed, feed_cells
from culture_neurons.engine.recording import capture_cells
from culture_neurons.engine.responses import AskedTogether, ResponseTable
from culture_neurons.engine.shared_prefix import SharedPrefix
from culture_neurons.engine.trial import find_way
from culture_neurons.engine.way import Way
from culture_neurons.hooks.hookpoints import find_layers
from culture_neurons.hooks.interventions import UNMODIFIED, ablate
from culture_neurons.model.checkpoints import Checkpoint, load_checkpoint
from culture_neurons.neurons import MaskName

DEMO = ["tiny-llava-v1.6-mistral", "tiny-pangea", "tiny-qwen2.5-vl"]
# Masks of the first layer, the last, all of them, and none.
MASKS = [
    {0: torch.arange(0, 90, 3)},
    {3: torch.arange(20)},
    {layer: torch.arange(layer, 96, 5) for layer in range(4)},
    {},
]


@pytest.fixture(scope="module", params=[*DEMO, *architectures.BUILDERS])
def folder(request, tmp_path_factory):
    """A tiny checkpoint of each architecture, as files."""
    folder = tmp_path_factory.mktemp("checkpoint")
    if request.param not in DEMO:
        return architectures.save_checkpoint(request.param, folder)
    tiny = make_checkpoint(request.param)
    save_checkpoint(tiny.model, tiny.processor, folder)
    return folder


@pytest.fixture(scope="module")
def checkpoint(folder):
    """The checkpoint as the workflow loads it, by naming it only."""
    return load_checkpoint(str(folder), None, "float32", "cpu")


@pytest.fixture(scope="module")
def plain(folder, checkpoint):
    """The same model as transformers loads it."""
    model = AutoModelForImageTextToText.from_pretrained(folder).eval().requires_grad_(False)
    return Checkpoint(model, checkpoint.processor, "plain")


def can_share(checkpoint):
    """PaliGemma sees the whole prompt both ways: a prefix depends on what follows it."""
    return not isinstance(checkpoint.model, PaliGemmaForConditionalGeneration)


@pytest.fixture(scope="module")
def expected(plain):
    """Logits (masks, questions, vocabulary): one question, one mask, no hook, no batch."""
    models = [silence_columns(plain, mask) for mask in MASKS]
    return torch.stack(
        [torch.stack([plain_logits(model, q) for q in ask_images()]) for model in models]
    )


def ask_images():
    """One to four questions on each of five pictures of different shapes."""
    questions = make_questions(20, cultures=("AAA",), folds=1, per_image=4)
    return [q for q in questions if int(q.question_id[-1]) <= int(q.image_id[1:]) % 4]


def group_all(checkpoint):
    ((_, images),) = feed_cells(checkpoint, make_feed(ask_images()))
    return [group_image(asked, checkpoint.image_token) for asked in images]


def make_feed(questions, budget=10_000, workers=0):
    return Feed(questions, PICTURES, TokenBudget(budget), workers)


def assert_same(found, expected):
    scale = float(expected.max() - expected.min())
    assert float((found - expected).abs().max()) <= 1e-5 * scale
    assert torch.equal(found.argmax(-1), expected.argmax(-1))


def answer(checkpoint, questions, budget=10_000, workers=0, masks=MASKS):
    """Log probabilities of four "letters" by the engine, (masks, questions, letters)."""
    layers = find_layers(checkpoint.model, "mlp.gate_act")
    found = {}
    feed = make_feed(questions, budget, workers)
    maps = [ablate(mask) for mask in masks]
    rounds = [AskedTogether(range(len(masks)), [question.question_id for question in questions])]
    letters = [[5], [6, 7], [8], [9]]
    model = MaskedModel(checkpoint, letters, feed.budget, layers, maps, find_sharing(checkpoint))
    for responses in answer_questions(model, feed, lambda _: rounds):
        for row, mask in enumerate(responses.masks):
            for column, question_id in enumerate(responses.questions):
                assert (mask, question_id) not in found
                found[mask, question_id] = torch.from_numpy(responses.letters[row, column])
    return torch.stack(
        [
            torch.stack([found[mask, question.question_id] for question in questions])
            for mask in range(len(masks))
        ]
    )


def letters_of(logits):
    logprobs = logits.log_softmax(-1)
    forms = [[5], [6, 7], [8], [9]]
    return torch.stack([logprobs[..., ids].logsumexp(-1) for ids in forms], -1)


def find_sharing(checkpoint):
    shares = can_share(checkpoint)
    windowed = getattr(checkpoint.model.config.get_text_config(), "sliding_window", None)
    return Way(share=shares, keep=shares and not windowed, batch=True, blind=True)


def takes_text(checkpoint):
    """Its processor insists on a picture."""
    return not isinstance(checkpoint.model, PaliGemmaForConditionalGeneration)


def test_shared_logits_equal_one_plain_forward_each(checkpoint, expected):
    groups = group_all(checkpoint)
    assert all(group.shared > 3 for group in groups)
    way = find_way(checkpoint, make_feed(ask_images()), ["mlp.gate_act"])
    assert way == find_sharing(checkpoint)._replace(blind=takes_text(checkpoint))
    if not way.share:
        return
    layers = find_layers(checkpoint.model, "mlp.gate_act")
    order = {question.question_id: i for i, question in enumerate(ask_images())}
    maps = [ablate(mask) for mask in MASKS]
    for group in groups:
        logits = SharedPrefix(checkpoint, [group]).run(layers, maps)
        columns = [order[question.question_id] for question, _ in group.asked]
        assert_same(logits, expected[:, columns])


@pytest.mark.parametrize("budget", [1, 300, 100_000])
def test_answers_equal_one_plain_forward_each(checkpoint, expected, budget):
    assert_same(answer(checkpoint, ask_images(), budget), letters_of(expected))


def test_masks_change_the_answers(expected):
    for index in range(3):
        assert float((expected[index] - expected[3]).abs().max()) > 1e-2


def test_answers_do_not_depend_on_the_rows_beside_them(checkpoint):
    questions = ask_images()
    whole = answer(checkpoint, questions)
    assert_same(answer(checkpoint, questions[::-1]).flip(1), whole)
    assert_same(answer(checkpoint, questions[::3]), whole[:, ::3])
    assert_same(answer(checkpoint, questions, masks=MASKS[2:0:-1]), whole[[2, 1]])
    assert_same(answer(checkpoint, questions, masks=[MASKS[1]] * 2), whole[[1, 1]])


def test_worker_processes_change_nothing(checkpoint):
    questions = ask_images()[:4]
    assert torch.equal(answer(checkpoint, questions, workers=2), answer(checkpoint, questions))


def test_captured_sums_equal_plain_forwards_one_by_one(checkpoint, plain):
    questions = ask_images()
    layers = find_layers(checkpoint.model, "mlp.gate_act")
    scopes = {"all": ["image", "question", "options"]}
    prompts = {q.question_id: p for group in group_all(checkpoint) for q, p in group.asked}
    parts = [reference_sums(plain, q, prompts[q.question_id]) for q in questions]
    active, total, close = (sum(part[i] for part in parts) for i in range(3))
    (cell,) = capture_cells(checkpoint, make_feed(questions, budget=400), layers, scopes)
    assert bool(((cell.sums["active"][0] - active).abs() <= close).all())
    assert int(close.sum()) * 1000 < cell.tokens[0] * active.numel()  # or it would prove nothing
    # Relative to the size of what is added up: sums of both signs cancel.
    size = cell.sums["total_squares"][0].sqrt() * cell.tokens[0] ** 0.5
    assert float(((cell.sums["total"][0] - total).abs() / size).max()) <= 1e-6


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("on the device"), MemoryError()])
def test_out_of_memory_halves_the_batch_and_loses_nothing(checkpoint, monkeypatch, caplog, error):
    questions = [question for question in ask_images() if int(question.image_id[1:]) < 2]
    layers = find_layers(checkpoint.model, "mlp.gate_act")
    scopes = {"all": ["image", "question", "options"]}
    whole = answer(checkpoint, questions)
    (sums,) = capture_cells(checkpoint, make_feed(questions, budget=1), layers, scopes)
    forward = type(checkpoint.model).forward
    rows_at_once = []

    def small_machine(self, *args, **kwargs):
        rows = kwargs["input_ids"].shape[0]
        output = forward(self, *args, **kwargs)
        if rows > 2:  # at the end of a pass, when its hooks have done all they do
            raise error
        rows_at_once.append(rows)
        return output

    monkeypatch.setattr(type(checkpoint.model), "forward", small_machine)
    assert_same(answer(checkpoint, questions), whole)
    (halved,) = capture_cells(checkpoint, make_feed(questions), layers, scopes)
    assert halved.tokens == sums.tokens
    assert torch.allclose(halved.sums["total"], sums.sums["total"], rtol=1e-5, atol=1e-4)
    assert max(rows_at_once) <= 2
    assert "out of memory" in caplog.text
    assert "half the batch" in caplog.text


def test_a_table_of_responses_names_what_was_never_answered():
    table = ResponseTable([MaskName("m")], ask_images()[:2])
    with pytest.raises(ValueError, match="2 of 2 answers are missing"):
        list(table.tabulate_outcomes())


def test_masks_can_be_asked_different_questions(checkpoint):
    questions = ask_images()
    layers = find_layers(checkpoint.model, "mlp.gate_act")
    letters = [[5], [6, 7], [8], [9]]
    masks = {MaskName(name): ablate(mask) for name, mask in zip("bacd", MASKS, strict=True)}
    ids = [question.question_id for question in questions]
    asked = {"a": ids[:3], "b": ids[2:7], "c": ids[:3], "d": ids}
    by_mask = {MaskName(name): own for name, own in asked.items()}
    feed = make_feed(questions)
    way = find_sharing(checkpoint)
    whole = tabulate_answers(checkpoint, feed, letters, way, layers, masks)
    parts = tabulate_answers(checkpoint, feed, letters, way, layers, masks, by_mask)
    assert len(whole) == 4 * len(ids)
    assert len(parts) == sum(map(len, asked.values()))
    for full, part in zip(whole.tabulate_outcomes(), parts.tabulate_outcomes(), strict=True):
        assert (full["mask_culture"], full["draw"]) == (part["mask_culture"], None)
        assert part["question_id"] == sorted(asked[part["mask_culture"]])
        rows = [full["question_id"].index(question_id) for question_id in part["question_id"]]
        assert part["predicted"].tolist() == full["predicted"][rows].tolist()
        assert part["correct"].tolist() == full["correct"][rows].tolist()
        assert np.allclose(part["non_letter_mass"], full["non_letter_mass"][rows], atol=1e-5)
        for found, row in zip(part["option_logprobs"], rows, strict=True):
            assert np.allclose(found, full["option_logprobs"][row], atol=1e-4)


def test_masks_that_are_asked_the_same_of_a_cell_go_together():
    questions = ask_images()
    ids = [question.question_id for question in questions]
    masks = [MaskName(None), MaskName("a"), MaskName("b"), MaskName("c")]
    asked = dict(zip(masks, (ids, ids[:4], [*ids[:2], *ids[4:]], ids[:1]), strict=True))
    table = ResponseTable(masks, questions, asked)
    found = {tuple(round_.masks): sorted(round_.questions) for round_ in table.list_rounds(ids[:2])}
    assert found == {(0, 1, 2): sorted(ids[:2]), (3,): ids[:1]}
    found = {tuple(round_.masks): sorted(round_.questions) for round_ in table.list_rounds(ids[4:])}
    assert found == {(0, 2): sorted(ids[4:])}  # nobody is asked nothing


def test_an_empty_mask_flips_nothing_and_the_baseline_repeats_the_answers(checkpoint):
    questions = ask_images()
    layers = find_layers(checkpoint.model, "mlp.gate_act")
    letters = [[5], [6, 7], [8], [9]]
    masks = BASELINE | {MaskName("a"): ablate(MASKS[1]), MaskName("b"): ablate({})}
    feed = make_feed(questions)
    way = find_sharing(checkpoint)
    alone = tabulate_answers(checkpoint, feed, letters, way).tabulate_answers()
    rows = list(tabulate_answers(checkpoint, feed, letters, way, layers, masks).tabulate_outcomes())
    assert [row["mask_culture"] for row in rows] == [None, "a", "b"]
    baseline, _, empty = rows
    for name in ("predicted", "correct", "non_letter_mass"):
        assert (empty[name] == baseline[name]).all()
    for found, same in zip(empty["option_logprobs"], baseline["option_logprobs"], strict=True):
        assert (found == same).all()
    assert baseline["question_id"] == alone["question_id"]
    assert (baseline["predicted"] == alone["predicted"]).all()


def test_an_empty_map_is_the_unmodified_model(checkpoint):
    layers = find_layers(checkpoint.model, "mlp.gate_act")
    group = group_all(checkpoint)[3]
    prefix = SharedPrefix(checkpoint, [group])
    bare = prefix.run(None, [UNMODIFIED])
    assert torch.equal(prefix.run(layers, [ablate({})]), bare)
    assert not any(module._forward_hooks for module in layers.modules)
