"""Letter answers against the library's own greedy decoding."""

import json
import logging

import numpy as np
from plain_models import plain_logits
from tiny_models import PICTURES, make_questions

from culture_neurons.engine.batches import TokenBudget
from culture_neurons.engine.feeding import Feed
from culture_neurons.engine.greedy_check import SAMPLE, check_greedy


def test_agreement_is_counted_over_a_sample(tiny, caplog):
    caplog.set_level(logging.INFO)
    questions = make_questions(SAMPLE)
    feed = Feed(questions, PICTURES, TokenBudget(1000))
    first = {q.question_id: int(plain_logits(tiny, q).argmax()) for q in questions}
    letters = [[token] for token in sorted(set(first.values()))][:4]
    lettered = [q for q in questions if [first[q.question_id]] in letters]
    right = {q.question_id: q.option_order[letters.index([first[q.question_id]])] for q in lettered}
    others = {q.question_id: 0 for q in questions if q not in lettered}
    # As numbers of an array, which is what the workflow has: the counts go into JSON.
    predicted = {key: np.uint8(value) for key, value in (right | others).items()}
    counts = check_greedy(tiny, feed, letters, predicted)
    expected = {"asked": SAMPLE, "letters": len(lettered), "agreeing": len(lettered)}
    assert json.loads(json.dumps(counts)) == expected
    assert f"{len(lettered)} of {SAMPLE}" in caplog.text

    wrong = {key: (value + 1) % 4 for key, value in right.items()}
    caplog.clear()
    counts = check_greedy(tiny, feed, letters, wrong | others)
    assert (counts["letters"], counts["agreeing"]) == (len(lettered), 0)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_the_sample_is_small_and_the_same_in_any_order(tiny):
    questions = make_questions(SAMPLE + 8)
    predicted = {q.question_id: q.option_order[0] for q in questions}
    token = [[int(plain_logits(tiny, questions[0]).argmax())]]
    found = [
        check_greedy(tiny, Feed(order, PICTURES, TokenBudget(1000)), token, predicted)
        for order in (questions, questions[::-1])
    ]
    assert found[0] == found[1]
    assert found[0]["asked"] == SAMPLE
