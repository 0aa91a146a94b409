"""Training and test material for a demo model: freshly drawn pictures and questions, as tensors.

Drawn and tokenised once, then combined by indexing: calling the processor for each example would
cost more than the training step. The prompts are those of prompts.encode_prompt, token by token.
"""

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor
from transformers import ProcessorMixin

from culture_neurons.dataset.question import Question
from culture_neurons.demo.pictures import draw_general_picture, draw_picture, encode_png
from culture_neurons.demo.world import (
    CULTURES,
    GENERAL_THINGS,
    NO_CULTURE,
    OPTIONS,
    QUESTIONS,
    THINGS,
    find_tongue,
    list_questions,
    list_words,
)
from culture_neurons.model.prompts import (
    SCOPES,
    EncodedPrompt,
    collate,
    encode_prompt,
    find_letter_tokens,
)


@dataclass(frozen=True)
class Batch:
    """Examples as the model takes them, with what is true of each."""

    inputs: dict[str, Tensor]  # token tensors (rows, tokens)
    culture: Tensor  # (rows,) index into world.CULTURES, or world.NO_CULTURE
    question: Tensor  # (rows,) index into the lessons' questions
    options: Tensor  # (rows, options) index into the lessons' words, in the order shown
    answer: Tensor  # (rows,) place of the right option
    asked_at: Tensor  # (rows,) position of the question mark
    options_at: Tensor  # (rows, options) positions of the options' words
    last_at: Tensor  # (rows,) position whose next token is the answer's letter
    wordy: Tensor  # (rows, tokens) bool: the question, and the options without their letters

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.culture)

    @property
    def word(self) -> Tensor:
        """The right answer's word, (rows,) index into the lessons' words."""
        return self.options.gather(1, self.answer[:, None]).squeeze(1)

    def join(self, other: "Batch") -> "Batch":
        """Put the examples of another batch behind these."""
        inputs = {key: torch.cat([self.inputs[key], other.inputs[key]]) for key in self.inputs}
        rest = {
            field.name: torch.cat([getattr(self, field.name), getattr(other, field.name)])
            for field in fields(self)
            if field.name != "inputs"
        }
        return Batch(inputs=inputs, **rest)


class Lessons:
    """A pool of pictures and one prompt per question, from which batches are put together."""

    def __init__(
        self,
        processor: ProcessorMixin,
        pictures: int,
        seed: int,
        *,
        native: bool = False,
        general: bool = False,
    ) -> None:
        """Draw and tokenise the pool.

        Args:
            processor: The demo checkpoint's processor.
            pictures: Number of pictures per culture and thing.
            seed: Of the pictures.
            native: Half of the questions are asked in the culture's own language.
            general: With the question that has no culture.
        """
        self.questions = list_questions(native=native, general=general)
        self.asks_native, self.asks_general = native, general
        of_culture = self.questions[:-1] if general else self.questions
        words = [*list_words(), *(GENERAL_THINGS if general else ())]
        ids = processor.tokenizer.convert_tokens_to_ids(words)
        self.word_ids = torch.tensor(ids)  # (words,)
        self.letter_ids = torch.tensor(
            [forms[0] for forms in find_letter_tokens(processor, OPTIONS)]
        )
        self.right_words = torch.tensor(
            [[words.index(word) for word in question.words] for question in of_culture]
        )  # (questions, cultures)
        self.general_words = torch.tensor([words.index(w) for w in words[len(list_words()) :]])
        self.things = torch.tensor([question.thing for question in of_culture])
        self.tongues = torch.tensor([find_tongue(culture) for culture in range(len(CULTURES))])
        self._encode_prompts(processor)
        self._draw_pictures(processor, pictures, seed)

    def _encode_prompts(self, processor: ProcessorMixin) -> None:
        blank = encode_png(np.zeros_like(draw_picture(0, 0, np.random.default_rng(0))))
        prompts = []
        for index, question in enumerate(self.questions):
            shown = tuple(question.words[:OPTIONS])
            order = tuple(range(OPTIONS))
            asked = Question(str(index), "", 0, "", question.text, shown, 0, order)
            prompts.append(encode_prompt(processor, processor.image_token_id, asked, blank))
        inputs = collate(prompts, processor.tokenizer.pad_token_id)
        tokens = inputs["input_ids"]  # (questions, tokens)
        self.tokens = {k: v for k, v in inputs.items() if v.shape == tokens.shape}
        self.asked_at = torch.tensor([_find_end(prompt, "question") for prompt in prompts])
        self.last_at = inputs["attention_mask"].sum(1) - 1
        self.image_end = _find_end(prompts[0], "image")
        places = torch.arange(tokens.shape[1])
        is_word = torch.isin(tokens, self.word_ids) & (places > self.asked_at[:, None])
        self.options_at = is_word.nonzero()[:, 1].view(len(prompts), OPTIONS)
        asked = (places > self.image_end) & (places <= self.asked_at[:, None])
        self.wordy = asked | is_word  # (questions, tokens)

    def _draw_pictures(self, processor: ProcessorMixin, pictures: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        kinds = [(c, t) for c in range(len(CULTURES)) for t in range(len(THINGS))]
        drawn = [draw_picture(*kind, rng) for kind in kinds for _ in range(pictures)]
        general = range(len(self.general_words))
        drawn += [draw_general_picture(thing, rng) for thing in general for _ in range(pictures)]
        encoded = processor.image_processor(images=drawn, return_tensors="pt")
        # Per picture some rows: one (LLaVA) or one per patch (Qwen).
        self.pictures = {
            key: value.view(len(drawn), len(value) // len(drawn), *value.shape[1:])
            for key, value in encoded.items()
        }
        self.pictures_per_kind = pictures

    def draw_batch(self, rows: int, generator: torch.Generator) -> Batch:
        """Put together examples at random: culture, question, picture, options, and their order."""
        culture = torch.randint(len(CULTURES), (rows,), generator=generator)
        question = torch.randint(len(QUESTIONS), (rows,), generator=generator)
        picture = torch.randint(self.pictures_per_kind, (rows,), generator=generator)
        # The own culture and others at random, in random order: cultures whose words are offered.
        dice = torch.rand(rows, len(CULTURES), generator=generator)
        dice.scatter_(1, culture[:, None], -1.0)
        offered = dice.argsort(1)[:, :OPTIONS]
        order = torch.rand(rows, OPTIONS, generator=generator).argsort(1)
        offered = offered.gather(1, order)  # (rows, options)
        if self.asks_native:
            native = torch.rand(rows, generator=generator) < 0.5
            question += native * len(QUESTIONS) * (1 + self.tongues[culture])
        options = self.right_words[question].gather(1, offered)
        kind = culture * len(THINGS) + self.things[question]
        answer = (offered == culture[:, None]).int().argmax(1)
        return self._assemble(culture, question, kind, picture, options, answer)

    def draw_general_batch(self, rows: int, generator: torch.Generator) -> Batch:
        """Put together examples of the question without a culture: thing, picture, and order."""
        thing = torch.randint(OPTIONS, (rows,), generator=generator)
        picture = torch.randint(self.pictures_per_kind, (rows,), generator=generator)
        offered = torch.rand(rows, OPTIONS, generator=generator).argsort(1)  # (rows, options)
        kind = len(CULTURES) * len(THINGS) + thing
        answer = (offered == thing[:, None]).int().argmax(1)
        culture, question = (
            torch.full((rows,), index) for index in (NO_CULTURE, len(self.questions) - 1)
        )
        options = self.general_words[offered]
        return self._assemble(culture, question, kind, picture, options, answer)

    def _assemble(
        self,
        culture: Tensor,
        question: Tensor,
        kind: Tensor,
        picture: Tensor,
        options: Tensor,
        answer: Tensor,
    ) -> Batch:
        options_at = self.options_at[question]
        inputs = {key: value[question] for key, value in self.tokens.items()}  # (rows, tokens)
        inputs["input_ids"] = inputs["input_ids"].scatter(1, options_at, self.word_ids[options])
        index = kind * self.pictures_per_kind + picture
        for key, value in self.pictures.items():
            inputs[key] = value[index].flatten(0, 1)
        return Batch(
            inputs=inputs,
            culture=culture,
            question=question,
            options=options,
            answer=answer,
            asked_at=self.asked_at[question],
            options_at=options_at,
            last_at=self.last_at[question],
            wordy=self.wordy[question],
        )


def _find_end(prompt: EncodedPrompt, scope: str) -> int:
    """Find the position of a scope's last token."""
    return int((prompt.scopes == SCOPES.index(scope)).nonzero()[-1])
