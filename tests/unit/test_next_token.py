"""Logits are the next token's for every class: those that keep a few, and those that keep all."""

from types import SimpleNamespace

import pytest
import torch
from plain_models import plain_logits
from tiny_models import PICTURES, make_questions

from culture_neurons.engine import greedy_check
from culture_neurons.engine.batches import TokenBudget
from culture_neurons.engine.feeding import Feed, feed_cells
from culture_neurons.engine.greedy_check import check_greedy
from culture_neurons.engine.trial import find_way
from culture_neurons.engine.way import Way
from culture_neurons.engine.whole_prompts import run_plain
from culture_neurons.model.next_token import LogitsError, run_to_logits


def encode(checkpoint, questions):
    cells = feed_cells(checkpoint, Feed(questions, PICTURES, TokenBudget(10_000)))
    return [item for _, images in cells for image in images for item in image]


@pytest.fixture
def keeping_all(tiny, monkeypatch):
    """The model as a class whose forward knows no logits_to_keep, or swallows it."""
    forward = type(tiny.model).forward

    def forward_all(self, input_ids=None, **kwargs):
        kwargs.pop("logits_to_keep", None)
        return forward(self, input_ids=input_ids, **kwargs)

    monkeypatch.setattr(type(tiny.model), "forward", forward_all)
    return tiny


def test_a_class_that_keeps_all_logits_is_read_at_the_last_token(keeping_all):
    asked = encode(keeping_all, make_questions(6))
    assert len({prompt.tokens for _, prompt in asked}) > 1  # so rows are padded
    rows = run_plain(keeping_all, [prompt for _, prompt in asked])
    for (question, _), row in zip(asked, rows, strict=True):
        expected = plain_logits(keeping_all, question)
        assert torch.allclose(row, expected, atol=1e-4)
        assert int(row.argmax()) == int(expected.argmax())


def test_its_questions_share_their_prefix_too(keeping_all):
    questions = make_questions(8, cultures=("AAA",), folds=1, per_image=4)
    feed = Feed(questions, PICTURES, TokenBudget(10_000))
    assert find_way(keeping_all, feed, ["mlp.gate_act"]) == Way(
        share=True, keep=True, batch=True, blind=True
    )


def test_logits_of_another_shape_are_refused():
    class Odd(torch.nn.Module):
        def forward(self, input_ids):
            rows, tokens = input_ids.shape
            return SimpleNamespace(logits=torch.zeros(rows, tokens + 3, 5))

    inputs = {"input_ids": torch.zeros(2, 4, dtype=torch.long)}
    named = r"^Odd: logits are \(2, 7, 5\) for 2 rows of 4 tokens; expected \(2, 1\) or \(2, 4\)"
    with pytest.raises(LogitsError, match=named):
        run_to_logits(Odd(), inputs, torch.tensor([[3], [1]]))


def test_answers_read_at_another_token_than_the_next_stop_the_job(tiny, monkeypatch):
    """As it was with a class that swallows logits_to_keep: read at the prompt's first token."""
    questions = make_questions(5)
    feed = Feed(questions, PICTURES, TokenBudget(1000))
    predicted = {question.question_id: 0 for question in questions}

    def read_first(checkpoint, prompts):
        return run_plain(checkpoint, [prompt.take_first(prompt.tokens - 1) for prompt in prompts])

    letters = [[5], [6], [7], [8]]
    assert check_greedy(tiny, feed, letters, predicted)["asked"] == 5
    monkeypatch.setattr(greedy_check, "run_plain", read_first)
    name = type(tiny.model).__name__
    with pytest.raises(LogitsError, match=rf"\({name}\): for \d of 5 questions, .* first, greedy"):
        check_greedy(tiny, feed, letters, predicted)
