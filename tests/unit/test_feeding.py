"""What keeps a question from being encoded: said with its id, from a worker process too."""

from dataclasses import replace

import pytest
from tiny_models import PICTURES, make_checkpoint, make_questions

from culture_neurons.engine import feeding
from culture_neurons.engine.batches import TokenBudget
from culture_neurons.engine.feeding import Feed, feed_cells
from culture_neurons.model.prompts import PromptError
from culture_neurons.storage.facts import TableError

WORKERS = [0, 1]


def feed_all(checkpoint, questions, workers, pictures=PICTURES):
    """Encode all questions; the error that ends this, as the user reads it."""
    message = None
    try:
        list(feed_cells(checkpoint, Feed(questions, pictures, TokenBudget(1000), workers)))
    except (PromptError, TableError) as error:  # pytest.raises would keep the workers alive
        message = str(error)
    assert "Traceback" not in message
    return message


@pytest.mark.parametrize("workers", WORKERS)
def test_markup_in_a_question_names_it_and_the_token(tiny, workers):
    questions = make_questions(4)
    token = tiny.processor.image_token
    spoilt = replace(questions[2], text=f"What is {token} ?")
    message = feed_all(tiny, [*questions[:2], spoilt, questions[3]], workers)
    assert message.startswith(f"question {spoilt.question_id}: its text or an option contains ")
    assert repr(token) in message
    assert "reword it in the dataset, or remove the question" in message


@pytest.mark.parametrize("workers", WORKERS)
def test_any_failure_of_the_processor_names_the_question_and_what_to_do(workers, monkeypatch):
    def fail(*_):
        raise IndexError("list index out of range\nin the processor")

    monkeypatch.setattr(feeding, "encode_prompt", fail)
    questions = make_questions(2)
    message = feed_all(make_checkpoint("tiny-pangea"), questions, workers)
    assert message == (
        f"question {questions[0].question_id}, image {questions[0].image_id}: the processor fails "
        "on it (IndexError: list index out of range); expected a picture and text that it can "
        "encode: mend them in the dataset, or remove the question"
    )


@pytest.mark.parametrize("workers", WORKERS)
def test_a_picture_that_cannot_be_decoded_names_the_question(workers):
    questions = make_questions(2)
    spoilt = {question.image_id: b"not a picture" for question in questions}
    message = feed_all(make_checkpoint("tiny-pangea"), questions, workers, spoilt)
    assert message.startswith(f"question {questions[0].question_id}: ")
    assert "b'not a pi" in message


@pytest.mark.parametrize("workers", WORKERS)
def test_a_damaged_file_of_pictures_is_named(workers):
    class Damaged(dict):
        def __getitem__(self, image_id):
            raise TableError("images.parquet: is damaged; delete it and run again")

    message = feed_all(make_checkpoint("tiny-pangea"), make_questions(2), workers, Damaged())
    assert message == "images.parquet: is damaged; delete it and run again"


def test_lack_of_memory_is_no_fault_of_the_question(monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(feeding, "encode_prompt", fail)
    feed = Feed(make_questions(2), PICTURES, TokenBudget(1000))
    with pytest.raises(MemoryError):
        list(feed_cells(make_checkpoint("tiny-pangea"), feed))
