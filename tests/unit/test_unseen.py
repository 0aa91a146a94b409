"""Questions without their pictures: read, encoded, and answered as the library does."""

from dataclasses import replace

import pyarrow as pa
import pytest
import torch
from plain_models import plain_logits, silence_columns
from tiny_models import PICTURES, make_checkpoint, make_questions

from culture_neurons.dataset.prepared import PictureFile, read_questions
from culture_neurons.engine import trial
from culture_neurons.engine.answering import tabulate_answers
from culture_neurons.engine.batches import TokenBudget, group_images, pack_prompts
from culture_neurons.engine.feeding import Feed, feed_cells
from culture_neurons.engine.trial import find_way
from culture_neurons.engine.way import EVERY_WAY
from culture_neurons.hooks.hookpoints import find_layers
from culture_neurons.hooks.interventions import UNMODIFIED, ablate
from culture_neurons.model.prompts import SCOPES, PromptError, encode_prompt
from culture_neurons.neurons import MaskName
from culture_neurons.storage.schemas import SCHEMAS
from culture_neurons.storage.tables import write_table

LETTERS = [[5], [6, 7], [8], [9]]
NAMES = ["tiny-qwen2.5-vl", "tiny-llava-v1.6-mistral", "tiny-pangea"]


@pytest.fixture(scope="module", params=NAMES)
def tiny(request):
    return make_checkpoint(request.param)


def make_feed(questions, budget=600):
    return Feed(questions, PICTURES, TokenBudget(budget))


def ask_mixed():
    """Questions of one cell, every third of them without its picture."""
    questions = make_questions(12, cultures=("AAA",), folds=1, per_image=2)
    return [
        replace(question, image_id=None) if index % 3 == 0 else question
        for index, question in enumerate(questions)
    ]


def test_a_prompt_without_a_picture_has_the_text_of_one_with_it(tiny):
    (question,) = make_questions(1)
    seen = encode_prompt(tiny.processor, tiny.image_token, question, PICTURES["p0"])
    blind = encode_prompt(tiny.processor, tiny.image_token, question, None)
    assert not blind.picture_inputs
    assert SCOPES.index("image") not in blind.scopes
    for scope in ("question", "options"):
        tokens = [p.ids[p.scopes == SCOPES.index(scope)].tolist() for p in (seen, blind)]
        assert tokens[0] == tokens[1] != []


def test_mixed_cells_are_answered_as_by_plain_forwards_under_masks(tiny):
    questions = ask_mixed()
    layers = find_layers(tiny.model, "mlp.gate_act")
    mask = {0: torch.arange(0, 90, 3), 3: torch.arange(20)}
    masks = {MaskName(None): UNMODIFIED, MaskName("AAA"): ablate(mask)}
    table = tabulate_answers(tiny, make_feed(questions), LETTERS, EVERY_WAY, layers, masks)
    by_id = {question.question_id: question for question in questions}
    plain = {None: tiny, "AAA": silence_columns(tiny, mask)}
    for chunk in table.tabulate_outcomes():
        model = plain[chunk["mask_culture"]]
        for question_id, found in zip(chunk["question_id"], chunk["option_logprobs"], strict=True):
            logprobs = plain_logits(model, by_id[question_id]).log_softmax(-1)
            letters = torch.stack([logprobs[forms].logsumexp(-1) for forms in LETTERS])
            shown = torch.tensor(found)[list(by_id[question_id].option_order)]
            assert torch.allclose(shown, letters, atol=1e-4)


def test_questions_without_pictures_stand_alone_and_are_batched_apart(tiny):
    questions = ask_mixed()
    groups = group_images(questions)
    assert sorted(len(group) for group in groups) == [1] * 8 + [2] * 2
    ((_, images),) = feed_cells(tiny, make_feed(questions))
    batches = list(pack_prompts([item for image in images for item in image], TokenBudget(10_000)))
    assert [{bool(p.picture_inputs) for _, p in batch} for batch in batches] == [{False}, {True}]


@pytest.mark.parametrize(
    "break_text",
    [
        pytest.param(lambda inputs: inputs.update(input_ids=inputs["input_ids"][:, 1:]), id="cut"),
        pytest.param(lambda inputs: inputs.pop("input_ids"), id="without tokens"),
    ],
)
def test_a_processor_that_needs_a_picture_is_found_by_the_trial(tiny, monkeypatch, break_text):
    right = type(tiny.processor).__call__

    def call(self, images=None, **arguments):
        inputs = right(self, images=images, **arguments)
        if images is None:
            break_text(inputs)
        return inputs

    monkeypatch.setattr(type(tiny.processor), "__call__", call)
    feed = make_feed(make_questions(8, cultures=("AAA",), folds=1))
    assert find_way(tiny, feed, ["mlp.gate_act"]) == EVERY_WAY._replace(blind=False)
    (question,) = make_questions(1)
    with pytest.raises((PromptError, KeyError)):
        encode_prompt(tiny.processor, tiny.image_token, question, None)


def test_a_model_that_answers_otherwise_without_a_picture_is_found_by_the_trial(tiny, monkeypatch):
    right = trial.run_whole

    def run_whole(checkpoint, prompts, *rest):
        logits = right(checkpoint, prompts, *rest)
        return logits if prompts[0].picture_inputs else logits.roll(1, dims=1)

    monkeypatch.setattr(trial, "run_whole", run_whole)
    feed = make_feed(make_questions(8, cultures=("AAA",), folds=1))
    assert find_way(tiny, feed, ["mlp.gate_act"]) == EVERY_WAY._replace(blind=False)


@pytest.fixture
def prepared(tmp_path):
    """Tables of two cultures with a picture each, and two questions on each picture."""
    rows = [
        {
            "question_id": f"{image}_{number}",
            "image_id": image,
            "culture": culture,
            "texts": [{"prompt": "english", "question": "?", "options": ["x", "y"]}],
        }
        for image, culture in (("p0", "AAA"), ("p1", "BBB"))
        for number in (0, 1)
    ]
    constant = {"subset": "", "language": "", "category": "", "answer": 0, "fold": 0}
    columns = {name: [row.get(name, constant.get(name)) for row in rows] for name in rows[0]}
    columns |= {name: [value] * len(rows) for name, value in constant.items()}
    write_table(tmp_path / "questions.parquet", "questions", columns, {})
    pictures = {"image_id": ["p0", "p1"], "bytes": [b"0", b"1"], "width": [1, 1]}
    pictures |= {"height": [1, 1], "sha256": ["", ""], "note": ["", ""]}
    write_table(tmp_path / "images.parquet", "images", pictures, {})
    assert pa.Table.from_pydict(columns).num_rows == 4
    assert set(columns) == set(SCHEMAS["questions"].names)
    return tmp_path


@pytest.mark.parametrize(
    ("shown", "images"),
    [
        ("own", ["p0", "p0", "p1", "p1"]),
        ("swapped", ["p1", "p1", "p0", "p0"]),
        ("blind", [None] * 4),
    ],
)
def test_questions_are_read_with_another_picture_or_none(prepared, shown, images):
    pictures = PictureFile(prepared / "images.parquet")
    place = (prepared / "questions.parquet", pictures, "english", 0)
    own = read_questions(*place)
    found = read_questions(*place, shown=shown)
    assert [question.image_id for question in found] == images
    assert [replace(question, image_id=None) for question in found] == [
        replace(question, image_id=None) for question in own
    ]
    assert read_questions(*place, shown=shown, ids=["p1_0"]) == [found[2]]
