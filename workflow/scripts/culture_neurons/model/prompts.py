"""A question -> token ids and the scope of every token.

One prompt for every model: picture first, then the question, lettered options, and a fixed
instruction, in the model's own chat template. No culture is ever named.
"""

import string
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from culture_neurons.dataset.pictures import decode_picture
from culture_neurons.dataset.question import Question

INSTRUCTION = "Answer with the option's letter from the given choices directly."
SCOPES = ("image", "question", "options", "template")


class PromptError(Exception):
    """A prompt that cannot be built or read as intended."""


@dataclass(frozen=True)
class EncodedPrompt:
    """Model inputs of one question, and what kind of token each of its tokens is."""

    token_inputs: dict[str, Tensor]  # (1, tokens): input_ids and what goes with each token
    picture_inputs: dict[str, Tensor]  # patches, tiles, sizes: leading axis as the model wants it
    scopes: Tensor  # (tokens,) int8, index into SCOPES

    @property
    def ids(self) -> Tensor:
        """Token ids, (tokens,)."""
        return self.token_inputs["input_ids"][0]

    @property
    def tokens(self) -> int:
        """Number of tokens, image tokens included."""
        return len(self.scopes)

    def take_first(self, tokens: int) -> "EncodedPrompt":
        """Cut the prompt after its first `tokens` tokens; the picture stays."""
        cut = {key: value[:, :tokens] for key, value in self.token_inputs.items()}
        return EncodedPrompt(cut, self.picture_inputs, self.scopes[:tokens])


def write_body(text: str, options: Sequence[str]) -> str:
    """Write the user's turn: the question, lettered options in the given order, instruction."""
    lettered = [
        f"{letter}. {option}"
        for letter, option in zip(string.ascii_uppercase, options, strict=False)
    ]
    return "\n".join([text, *lettered, INSTRUCTION])


def render_prompt(processor, body: str, picture: bool = True) -> str:
    """Put the picture, or none, and the user's turn in the checkpoint's own chat template.

    Raises:
        PromptError: The processor has no chat template, or the template alters the text.
    """
    if not processor.chat_template:
        raise PromptError(
            f"{type(processor).__name__} has no chat template; give one as `chat_template` "
            "(a Jinja file) of this model in the config"
        )
    content = [{"type": "image"}] * picture + [{"type": "text", "text": body}]
    rendered = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
    )
    if rendered.count(body) != 1:
        raise PromptError(
            f"the chat template does not carry the question over word for word: {rendered!r}"
        )
    return rendered


def encode_prompt(
    processor, image_token: int, question: Question, picture: bytes | None
) -> EncodedPrompt:
    """Turn a question and its picture into model inputs; name every token's scope.

    Args:
        processor: The checkpoint's.
        image_token: Id of the tokens that stand for a picture.
        question: The question.
        picture: Its picture, as delivered; None: the prompt is text alone.

    Raises:
        PictureError: The picture cannot be decoded.
        PromptError: The text holds markup, or the tokens cannot be aligned with the text.
    """
    _refuse_markup(processor.tokenizer, image_token, (question.text, *question.options))
    body = write_body(question.text, [question.options[i] for i in question.option_order])
    rendered = render_prompt(processor, body, picture is not None)
    special = not _has_bos(processor.tokenizer, rendered)
    pictures = {} if picture is None else {"images": [decode_picture(picture)]}
    inputs = processor(text=[rendered], **pictures, add_special_tokens=special, return_tensors="pt")
    inputs.pop("labels", None)  # PaliGemma's processor adds what training would aim at
    plain = processor.tokenizer(rendered, add_special_tokens=special, return_offsets_mapping=True)
    start = rendered.index(body)
    texts = {
        "question": (start, start + len(question.text)),
        "options": (start + len(question.text), start + len(body) - len(INSTRUCTION)),
    }
    scopes = _find_scopes(rendered, plain["offset_mapping"], texts)
    ids = inputs["input_ids"]
    scopes = _carry_over(
        np.asarray(plain["input_ids"]), scopes, ids[0].numpy(), image_token, len(pictures)
    )
    of_tokens = {key for key, value in inputs.items() if value.shape == ids.shape}
    return EncodedPrompt(
        {key: inputs[key] for key in inputs if key in of_tokens},
        {key: inputs[key] for key in inputs if key not in of_tokens},
        torch.from_numpy(scopes),
    )


def _refuse_markup(tokenizer, image_token: int, texts: Sequence[str]) -> None:
    """Refuse text that would be read as a picture, or as the end of the user's turn."""
    for mark in _list_markup(tokenizer, image_token):
        if any(mark in text for text in texts):
            raise PromptError(
                f"its text or an option contains {mark!r}, which the model's tokenizer reads as "
                "markup; expected words alone: reword it in the dataset, or remove the question"
            )


@lru_cache(maxsize=1)
def _list_markup(tokenizer, image_token: int) -> list[str]:
    # Once per tokenizer: it makes the dict anew at each access.
    added = tokenizer.added_tokens_decoder.items()
    return [token.content for index, token in added if token.special or index == image_token]


def _has_bos(tokenizer, rendered: str) -> bool:
    """Say whether the chat template wrote the token that the tokenizer would begin with."""
    return bool(tokenizer.bos_token) and tokenizer.bos_token in rendered


def _find_scopes(rendered: str, offsets, texts: dict[str, tuple[int, int]]) -> np.ndarray:
    """Name tokens by the text they end in; offsets and texts are (start, end) characters."""
    scopes = np.full(len(offsets), SCOPES.index("template"), dtype=np.int8)
    for index, (first, last) in enumerate(offsets):
        # A token may begin with the space before a word or end in a line break ("?\n" is one token
        # of byte-level vocabularies): judge by its last visible character.
        last = first + max(len(rendered[first:last].rstrip()), min(1, last - first))
        for scope, (low, high) in texts.items():
            if first < last and low < last <= high:
                scopes[index] = SCOPES.index(scope)
    return scopes


def _carry_over(plain, scopes, ids, image_token: int, pictures: int) -> np.ndarray:
    """Carry the scopes of the text's tokens over to those of the processor, picture included.

    The processor replaces the picture's placeholder by image tokens, with marks of its own
    around them (rows, tiles): those are template. Without a picture it replaces nothing.
    """
    shortest = min(len(plain), len(ids))
    same = plain[:shortest] == ids[:shortest]
    before = shortest if same.all() else int(same.argmin())
    same = plain[::-1][: shortest - before] == ids[::-1][: shortest - before]
    after = len(same) if same.all() else int(same.argmin())
    images = ids == image_token
    replaced = scopes[before : len(plain) - after]
    lost = replaced != SCOPES.index("template") if pictures else np.ones(len(replaced), dtype=bool)
    if images.any() != pictures or lost.any():
        raise PromptError(
            f"the processor's tokens are not the text's tokens around {pictures} picture(s): "
            f"{images.sum()} image tokens (id {image_token}), "
            f"{len(plain) - before - after} of the text's {len(plain)} tokens were replaced"
        )
    carried = np.full(len(ids), SCOPES.index("template"), dtype=np.int8)
    carried[:before] = scopes[:before]
    carried[len(ids) - after :] = scopes[len(plain) - after :]
    carried[images] = SCOPES.index("image")
    return carried


def mark_tokens(scopes: Sequence[Tensor], names: Collection[str]) -> Tensor:
    """Mark the tokens of some scopes.

    Args:
        scopes: Of each row, (tokens,) as of EncodedPrompt.
        names: Of SCOPES.

    Returns:
        (rows, tokens) bool; False on padding.
    """
    wanted = torch.tensor([SCOPES.index(name) for name in names], dtype=torch.int8)
    return pad_sequence([torch.isin(row, wanted) for row in scopes], batch_first=True)


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
    special = not _has_bos(tokenizer, rendered)

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
                f"tokenizer {tokenizer.name_or_path}: letter {letter!r} is not a single token "
                f"after the prompt's end {rendered[-20:]!r}; expected one, as answers are read off "
                "the option letters: choose a checkpoint with another tokenizer"
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
        Inputs of the model's forward; token inputs are (rows, tokens).
    """
    longest = max(prompt.tokens for prompt in prompts)
    batch = {}
    for key in prompts[0].token_inputs:
        padding = pad_token if key == "input_ids" else 0
        batch[key] = torch.cat(
            [
                functional.pad(
                    prompt.token_inputs[key], (0, longest - prompt.tokens), value=padding
                )
                for prompt in prompts
            ]
        )
    for key in prompts[0].picture_inputs:
        parts = [prompt.picture_inputs[key] for prompt in prompts]
        # Pictures differ in tiles, height, or width: padded as the image processors do in a batch.
        largest = [max(sizes) for sizes in zip(*(part.shape[1:] for part in parts), strict=True)]
        batch[key] = torch.cat([_pad_to(part, largest) for part in parts])
    return batch


def _pad_to(part: Tensor, sizes: Sequence[int]) -> Tensor:
    """Pad a tensor with zeros at the end of every dimension but the first."""
    spare = [size - found for size, found in zip(sizes, part.shape[1:], strict=True)]
    return functional.pad(part, [amount for size in reversed(spare) for amount in (0, size)])
