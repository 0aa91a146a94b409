"""A question -> token ids and the scope of every token.

One prompt for every model: picture first, then the question, lettered options, and a fixed
instruction, in the model's own chat template. No culture is ever named.
"""

import hashlib
import string
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from culture_neurons.pictures import decode_picture

INSTRUCTION = "Answer with the option's letter from the given choices directly."
SCOPES = ("image", "question", "options", "template")


class PromptError(Exception):
    """A prompt that cannot be built or read as intended."""


@dataclass(frozen=True)
class Question:
    """One question as asked: option_order[i] is the option shown under letter i."""

    question_id: str
    culture: str
    fold: int
    image: bytes
    text: str
    options: tuple[str, ...]
    answer: int
    option_order: tuple[int, ...]


@dataclass(frozen=True)
class EncodedPrompt:
    """Model inputs of one question (leading batch axis of 1 or of patches), and token scopes."""

    inputs: dict[str, Tensor]
    scopes: Tensor  # (tokens,) int8, index into SCOPES

    @property
    def tokens(self) -> int:
        """Number of tokens, image tokens included."""
        return self.inputs["input_ids"].shape[1]


def shuffle_options(question_id: str, count: int, seed: int) -> tuple[int, ...]:
    """Order the options by a hash of seed, question, and option: the letter carries no culture."""
    keys = [
        hashlib.sha256(f"{seed}\0{question_id}\0{index}".encode()).digest()
        for index in range(count)
    ]
    return tuple(sorted(range(count), key=keys.__getitem__))


def write_body(text: str, options: Sequence[str]) -> str:
    """Write the user's turn: the question, lettered options in the given order, instruction."""
    lettered = [
        f"{letter}. {option}"
        for letter, option in zip(string.ascii_uppercase, options, strict=False)
    ]
    return "\n".join([text, *lettered, INSTRUCTION])


def render_prompt(processor, body: str) -> str:
    """Put the picture and the user's turn in the checkpoint's own chat template.

    Raises:
        PromptError: The processor has no chat template, or the template alters the text.
    """
    if not processor.chat_template:
        raise PromptError(
            f"{type(processor).__name__} has no chat template; give one as `chat_template` "
            "(a Jinja file) of this model in the config"
        )
    content = [{"type": "image"}, {"type": "text", "text": body}]
    rendered = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
    )
    if rendered.count(body) != 1:
        raise PromptError(
            f"the chat template does not carry the question over word for word: {rendered!r}"
        )
    return rendered


def encode_prompt(processor, question: Question) -> EncodedPrompt:
    """Turn a question into model inputs; mark every token as image, question, options, template.

    Raises:
        PictureError: The picture cannot be decoded.
        PromptError: The tokens cannot be aligned with the text.
    """
    body = write_body(question.text, [question.options[i] for i in question.option_order])
    rendered = render_prompt(processor, body)
    tokenizer = processor.tokenizer
    special = not _starts_with_bos(tokenizer, rendered)
    inputs = processor(
        text=[rendered],
        images=[[decode_picture(question.image)]],
        add_special_tokens=special,
        return_tensors="pt",
    )
    plain = tokenizer(rendered, add_special_tokens=special, return_offsets_mapping=True)
    start = rendered.index(body)
    spans = [
        (start, start + len(question.text), "question"),
        (start + len(question.text), start + len(body) - len(INSTRUCTION), "options"),
    ]
    image_token = processor.image_token_id
    scopes = np.full(len(plain["input_ids"]), SCOPES.index("template"), dtype=np.int8)
    for index, (first, last) in enumerate(plain["offset_mapping"]):
        # A token may begin with the space before a word or end in a line break ("?\n" is one token
        # of byte-level vocabularies): judge by its last visible character.
        last = first + max(len(rendered[first:last].rstrip()), min(1, last - first))
        for low, high, scope in spans:
            if first < last and low < last <= high:
                scopes[index] = SCOPES.index(scope)
    ids = inputs["input_ids"][0].numpy()
    scopes = _expand_image(np.asarray(plain["input_ids"]), scopes, ids, image_token)
    return EncodedPrompt(dict(inputs), torch.from_numpy(scopes))


def _starts_with_bos(tokenizer, rendered: str) -> bool:
    return bool(tokenizer.bos_token) and rendered.startswith(tokenizer.bos_token)


def _expand_image(plain, scopes, ids, image_token: int) -> np.ndarray:
    """Spread the one image placeholder of `plain` over the image tokens of `ids`."""
    places = np.flatnonzero(plain == image_token)
    count = int((ids == image_token).sum())
    if len(places) != 1 or count == 0:
        raise PromptError(
            f"expected one image placeholder in the text and image tokens in the prompt; "
            f"found {len(places)} and {count}"
        )
    place = places[0]
    expected = np.concatenate([plain[:place], np.full(count, image_token), plain[place + 1 :]])
    if not np.array_equal(expected, ids):
        raise PromptError("the processor's tokens are not the text's tokens around the image")
    image = np.full(count, SCOPES.index("image"), dtype=np.int8)
    return np.concatenate([scopes[:place], image, scopes[place + 1 :]])


def find_letter_tokens(processor, letters: int) -> list[list[int]]:
    """Find the token ids under which each option letter can follow the prompt.

    A letter may have several single-token forms ("A" and "▁A" in SentencePiece vocabularies):
    those of prompt + "A" and prompt + " A" that follow the prompt's own, unchanged, tokens.

    Returns:
        One list of ids per letter, at least one id each.

    Raises:
        PromptError: A letter has no single-token form, or one id would serve two letters.
    """
    rendered = render_prompt(processor, write_body("?", ["a", "b"]))
    tokenizer = processor.tokenizer
    special = not _starts_with_bos(tokenizer, rendered)

    def tokenize(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=special)["input_ids"]

    prompt = tokenize(rendered)
    forms = []
    for letter in string.ascii_uppercase[:letters]:
        found = set()
        for continuation in (letter, f" {letter}"):
            ids = tokenize(rendered + continuation)
            known = tokenizer.unk_token_id is None or ids[-1] != tokenizer.unk_token_id
            if ids[:-1] == prompt and known:
                found.add(ids[-1])
        if not found:
            raise PromptError(
                f"letter {letter!r} is not a single token after the prompt's end "
                f"{rendered[-20:]!r}; this tokenizer cannot be scored by option letters"
            )
        forms.append(sorted(found))
    flat = [token for ids in forms for token in ids]
    if len(set(flat)) != len(flat):
        raise PromptError(f"one token stands for two letters: {forms}")
    return forms


def collate(prompts: Sequence[EncodedPrompt], pad_token: int) -> dict[str, Tensor]:
    """Pad prompts on the right and join them to one batch.

    Right padding leaves every position id and, under a causal mask, every real token's
    computation as it is for the question alone.

    Returns:
        Inputs of the model's forward; token tensors (rows, tokens).
    """
    longest = max(prompt.tokens for prompt in prompts)
    padding = {"input_ids": pad_token}
    batch = {}
    for key in prompts[0].inputs:
        parts = [prompt.inputs[key] for prompt in prompts]
        if all(
            part.shape == prompt.inputs["input_ids"].shape
            for part, prompt in zip(parts, prompts, strict=True)
        ):
            rows = [
                torch.nn.functional.pad(
                    part, (0, longest - part.shape[1]), value=padding.get(key, 0)
                )
                for part in parts
            ]
        elif parts[0].dim() == 5:  # (1, tiles, 3, height, width): pictures differ in tiles
            tiles = max(part.shape[1] for part in parts)
            rows = [
                torch.nn.functional.pad(part, (0,) * 7 + (tiles - part.shape[1],)) for part in parts
            ]
        else:  # patches or picture sizes: one picture after the other
            rows = parts
        batch[key] = torch.cat(rows)
    return batch
