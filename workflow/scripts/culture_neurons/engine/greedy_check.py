"""Check answers read off letter logits against greedy decoding, the library's own `generate`."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from culture_neurons.engine.feeding import Feed, feed_cells
from culture_neurons.engine.whole_prompts import place_inputs, run_plain
from culture_neurons.logs import logger
from culture_neurons.model.checkpoints import Checkpoint
from culture_neurons.model.next_token import LogitsError
from culture_neurons.model.prompts import EncodedPrompt, collate

SAMPLE = 32  # questions, chosen by a hash of their ids
LEAST_AGREEMENT = 0.99


def check_greedy(
    checkpoint: Checkpoint,
    feed: Feed,
    letter_tokens: Sequence[Sequence[int]],
    predicted: Mapping[str, int],
) -> dict[str, int]:
    """Decode a sample of questions greedily, one by one, whole prompts; count what agrees.

    Two things are told apart. The most likely token of the logits that are read must be the first
    that greedy decoding gives: if it is another, they are not the next token's. How often that
    token is the letter of the answer is a trait of the model, which may rather begin with a word.

    Args:
        checkpoint: The unmodified model.
        feed: The questions that were answered.
        letter_tokens: Token ids of each letter (find_letter_tokens).
        predicted: question_id -> index of the option that was read off the letters.

    Returns:
        Numbers of questions `asked`, of those that greedy decoding answers with an offered
        `letters`, and of those where it is `agreeing`, the letter of the answer.

    Raises:
        LogitsError: In float32, greedy decoding begins with another token than the logits say.
    """
    ordered = sorted(feed.questions, key=lambda q: hashlib.sha256(q.question_id.encode()).digest())
    letters = {token: index for index, forms in enumerate(letter_tokens) for token in forms}
    counts = dict.fromkeys(("asked", "letters", "agreeing"), 0)
    differing = []
    for _, images in feed_cells(checkpoint, replace(feed, questions=ordered[:SAMPLE])):
        for question, prompt in (item for image in images for item in image):
            token = decode_first(checkpoint, prompt)
            if token != int(run_plain(checkpoint, [prompt])[0].argmax()):
                differing.append(question.question_id)
            letter = letters.get(token, len(question.options))
            counts["asked"] += 1
            if letter < len(question.options):
                counts["letters"] += 1
                answer = predicted[question.question_id]
                counts["agreeing"] += int(question.option_order[letter] == answer)
    _judge_tokens(checkpoint, differing, counts["asked"])
    log = logger.info if counts["agreeing"] >= LEAST_AGREEMENT * counts["asked"] else logger.warning
    log(
        "greedy decoding begins with an option's letter for %d of %d questions and gives the same "
        "answer to %d",
        *(counts["letters"], counts["asked"], counts["agreeing"]),
    )
    return counts


def decode_first(checkpoint: Checkpoint, prompt: EncodedPrompt) -> int:
    """Decode a prompt's next token greedily by `generate`, before any penalty of its config."""
    inputs = place_inputs(collate([prompt], 0), checkpoint.model)
    with torch.inference_mode():
        output = checkpoint.model.generate(
            **inputs,
            max_new_tokens=1,
            do_sample=False,
            return_dict_in_generate=True,
            output_logits=True,
        )
    return int(output.logits[0][0].argmax())


def _judge_tokens(checkpoint: Checkpoint, differing: Sequence[str], asked: int) -> None:
    if not differing:
        return
    text = (
        f"checkpoint {checkpoint.model.name_or_path} ({type(checkpoint.model).__name__}): for "
        f"{len(differing)} of {asked} questions, {differing[0]} first, greedy decoding begins with "
        "another token than the logits that answers are read off say"
    )
    if checkpoint.model.dtype == torch.float32:
        raise LogitsError(
            f"{text}; expected the same for each: the answers would be of another token than the "
            "next, so this architecture cannot be used"
        )
    logger.warning("%s; in %s rounding may do that to near ties", text, checkpoint.model.dtype)
