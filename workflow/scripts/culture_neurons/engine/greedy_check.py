"""Check answers read off letter logits against greedy decoding, the library's own `generate`."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from culture_neurons.engine.feeding import Feed, feed_cells
from culture_neurons.engine.whole_prompts import place_inputs
from culture_neurons.logs import logger
from culture_neurons.model.checkpoints import Checkpoint
from culture_neurons.model.prompts import collate

SAMPLE = 32  # questions, chosen by a hash of their ids
LEAST_AGREEMENT = 0.99


def check_greedy(
    checkpoint: Checkpoint,
    feed: Feed,
    letter_tokens: Sequence[Sequence[int]],
    predicted: Mapping[str, int],
) -> dict[str, int]:
    """Decode a sample of questions greedily, one by one, whole prompts; count what agrees.

    A model that would rather begin with another word than with a letter disagrees.

    Args:
        checkpoint: The unmodified model.
        feed: The questions that were answered.
        letter_tokens: Token ids of each letter (find_letter_tokens).
        predicted: question_id -> index of the option that was read off the letters.

    Returns:
        Numbers of questions `asked` and `agreeing`.
    """
    ordered = sorted(feed.questions, key=lambda q: hashlib.sha256(q.question_id.encode()).digest())
    letters = {token: index for index, forms in enumerate(letter_tokens) for token in forms}
    asked = agreeing = 0
    for _, images in feed_cells(checkpoint, replace(feed, questions=ordered[:SAMPLE])):
        for question, prompt in (item for image in images for item in image):
            inputs = place_inputs(collate([prompt], 0), checkpoint.model)
            with torch.inference_mode():
                tokens = checkpoint.model.generate(**inputs, max_new_tokens=1, do_sample=False)
            shown = letters.get(int(tokens[0, -1]), len(question.options))
            asked += 1
            if shown < len(question.options):
                agreeing += int(question.option_order[shown] == predicted[question.question_id])
    log = logger.info if agreeing >= LEAST_AGREEMENT * asked else logger.warning
    log("greedy decoding gives the same answer to %d of %d questions", agreeing, asked)
    return {"asked": asked, "agreeing": agreeing}
