"""A photograph at real sizes through the real image processors, into shallow real models."""

import io
from pathlib import Path

import matplotlib.cbook
import numpy as np
import pytest
import torch
from dataset_rows import encode_picture, make_row, prepare
from PIL import Image, ImageOps
from real_processors import MAX_PIXELS, build_processor, build_shallow_model, encode

from culture_neurons.dataset.question import Question
from culture_neurons.dataset.sources import DatasetError
from culture_neurons.engine.batches import group_image
from culture_neurons.engine.shared_prefix import SharedPrefix
from culture_neurons.hooks.interventions import UNMODIFIED
from culture_neurons.model.checkpoints import Checkpoint
from culture_neurons.model.prompts import SCOPES, encode_prompt

TEXT, OPTIONS = "What is the name of this dish?", ["Injera", "Ndolé", "Bánh mì", "Soup"]


# A portrait of 1984 that matplotlib ships; in its own size it is asked byte for byte.
PORTRAIT = Path(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)).read_bytes()
PORTRAIT_SIZE = (512, 600)


def take_photograph(width, height):
    """The portrait as a camera of this size delivers it: cropped to its shape, enlarged, JPEG."""
    if (width, height) == PORTRAIT_SIZE:
        return PORTRAIT
    with Image.open(io.BytesIO(PORTRAIT)) as portrait:
        photograph = ImageOps.fit(portrait, (width, height), Image.Resampling.BICUBIC)
    return encode_picture(photograph, "JPEG", quality=85)


# Worked by hand. LLaVA-NeXT: 576 tokens of the whole picture (24 x 24 patches), and of its tiles
# what is picture and not padding, rows x columns, with one token at the end of each row. Qwen: rows
# x columns of 28 pixels, scaled down until they are at most 1,280.
SIZES = {
    PORTRAIT_SIZE: (576 + 48 * 40 + 48, 21 * 18),  # 2 x 2 tiles
    (4000, 3000): (576 + 36 * 48 + 36, 30 * 41),  # 2 x 2 tiles
    (3000, 4000): (576 + 48 * 36 + 48, 41 * 30),
    (640, 480): (576 + 36 * 48 + 36, 17 * 23),
    (6000, 1000): (576 + 12 * 72 + 12, 14 * 87),  # 1 x 3 tiles
    (336, 336): (576 + 24 * 24 + 24, 12 * 12),  # 1 x 2 tiles
    (1, 1): (576 + 24 * 24 + 24, 2 * 2),
    (3, 3): (576 + 24 * 24 + 24, 2 * 2),
    (10_000, 50): (576, 2 * 357),  # the strip is thinner than a patch: no row of its tiles is left
}


def test_the_photograph_is_one():
    with Image.open(io.BytesIO(PORTRAIT)) as portrait:
        assert (portrait.format, portrait.mode, portrait.size) == ("JPEG", "RGB", PORTRAIT_SIZE)
    with Image.open(io.BytesIO(take_photograph(4000, 3000))) as enlarged:
        assert (enlarged.format, enlarged.size) == ("JPEG", (4000, 3000))
        assert np.asarray(enlarged.resize((40, 30))).std() > 40  # and not a plain surface


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("family", ["llava", "pangea", "qwen"])
def test_pictures_become_as_many_tokens_as_the_processors_document(family, size):
    processor = build_processor(family)
    picture = take_photograph(*size)
    inputs, scopes = encode(processor, TEXT, OPTIONS, picture)
    ids = inputs["input_ids"][0].numpy()
    image = np.flatnonzero(scopes == SCOPES.index("image"))
    assert len(image) == SIZES[size][family == "qwen"]
    assert np.array_equal(image, np.flatnonzero(ids == processor.image_token_id))
    assert np.array_equal(image, np.arange(image[0], image[-1] + 1))
    decode = processor.tokenizer.decode
    assert decode(ids[scopes == SCOPES.index("question")]).strip() == TEXT
    lettered = "\n".join(f"{a}. {b}" for a, b in zip("ABCD", OPTIONS, strict=True))
    assert decode(ids[scopes == SCOPES.index("options")]).strip() == lettered
    if family == "qwen":
        assert len(image) <= MAX_PIXELS // 28**2
        assert inputs["image_grid_thw"][0].prod() == 4 * len(image)
    other, _ = encode(processor, "Which?", OPTIONS[::-1], picture)
    through_image = slice(0, image[-1] + 1)
    assert np.array_equal(other["input_ids"][0, through_image].numpy(), ids[through_image])


@pytest.mark.parametrize("size", [(4000, 3000), (1, 1), (10_000, 50)])
@pytest.mark.parametrize("family", ["llava", "pangea", "qwen"])
def test_models_take_what_the_processors_make_of_accepted_pictures(family, size):
    picture = take_photograph(*size)
    assert len(prepare([make_row(data=picture)]).questions) == 1
    processor = build_processor(family)
    torch.manual_seed(0)
    model = build_shallow_model(family, processor)
    inputs, _ = encode(processor, TEXT, OPTIONS, picture)
    with torch.inference_mode():
        logits = model(**inputs, logits_to_keep=1).logits
        turned = model(**encode(processor, TEXT, OPTIONS[::-1], picture)[0], logits_to_keep=1)
    assert logits.shape == (1, 1, len(processor.tokenizer))
    assert logits.isfinite().all()
    assert not torch.equal(logits, turned.logits)


@pytest.mark.parametrize("size", [PORTRAIT_SIZE, (1, 1), (10_000, 50)])
@pytest.mark.parametrize("family", ["llava", "llava, legacy", "pangea", "qwen"])
def test_questions_that_share_a_photograph_s_prefix_are_answered_as_if_alone(family, size):
    processor = build_processor(family)
    torch.manual_seed(0)
    checkpoint = Checkpoint(build_shallow_model(family, processor), processor, "random weights")
    texts = [TEXT, "ይህ ምግብ ምን ይባላል?", "¿Cómo se llama?"]
    questions = [
        Question(f"q_{n}", "AAA", 0, "q", text, tuple(OPTIONS), 0, (0, 1, 2, 3))
        for n, text in enumerate(texts)
    ]
    picture = take_photograph(*size)
    prompts = [encode_prompt(processor, checkpoint.image_token, q, picture) for q in questions]
    group = group_image(list(zip(questions, prompts, strict=True)), checkpoint.image_token)
    with torch.inference_mode():
        together = SharedPrefix(checkpoint, [group]).run(None, [UNMODIFIED])[0]
        alone = [
            checkpoint.model(**p.token_inputs, **p.picture_inputs, logits_to_keep=1).logits[0, -1]
            for p in prompts
        ]
    torch.testing.assert_close(together, torch.stack(alone), atol=1e-5, rtol=1e-4)
    assert (alone[0] - alone[1]).abs().max() > 5e-4  # ten times what is allowed above
    assert group.shared > (prompts[0].scopes == SCOPES.index("image")).sum()


def test_a_strip_that_a_processor_refuses_is_refused_with_the_dataset():
    strip = take_photograph(20_000, 50)
    with pytest.raises(DatasetError, match="'image too narrow': 1"):
        prepare([make_row(data=strip)])
    pixels = Image.new("RGB", (20_000, 50))
    with pytest.raises(ValueError, match="aspect ratio must be smaller than 200"):
        build_processor("qwen").image_processor([pixels])
