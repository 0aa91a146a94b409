"""Tiny random-weight models of the three real classes, and questions in their vocabulary."""

import io

import numpy as np
import torch
from PIL import Image

from culture_neurons.dataset.question import Question, shuffle_options
from culture_neurons.demo.checkpoint import build_model, build_processor
from culture_neurons.demo.world import QUESTIONS
from culture_neurons.model.checkpoints import Checkpoint

torch.set_num_threads(1)  # two threads wait for each other on a busy machine


def make_picture(width, height, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


SIZES = [(56, 56), (80, 40), (40, 90), (56, 56), (120, 100), (30, 30), (64, 200)]


class Pictures(dict):
    """Pictures of any image_id "p<number>", of a shape that its number decides."""

    def __missing__(self, image_id):
        number = int(image_id[1:])
        self[image_id] = make_picture(*SIZES[number % len(SIZES)], seed=number)
        return self[image_id]


PICTURES = Pictures()


def make_questions(count, cultures=("AAA", "BBB"), folds=2, per_image=2):
    """Questions with texts of different lengths and pictures of different shapes."""
    questions = []
    for index in range(count):
        source = QUESTIONS[index % len(QUESTIONS)]
        question_id = f"p{index // per_image}_{index % per_image}"
        text = " ".join([source.text] * (1 + index % 3))
        options = tuple(source.words[:4])
        questions.append(
            Question(
                question_id=question_id,
                culture=cultures[index % len(cultures)],
                fold=(index // len(cultures)) % folds,
                image_id=f"p{index // per_image}",
                text=text,
                options=options,
                answer=index % 4,
                option_order=shuffle_options(question_id, 4, 0),
            )
        )
    return questions


def make_checkpoint(name):
    """A checkpoint of a demo architecture with random weights."""
    processor = build_processor(name)
    model = build_model(name, processor.tokenizer, seed=1).eval()
    return Checkpoint(model.requires_grad_(False), processor, "random weights")
