"""What a model says by the library alone: one question, one mask, none of the engine's code."""

import copy

import torch
from tiny_models import PICTURES

from culture_neurons.dataset.pictures import decode_picture
from culture_neurons.model.checkpoints import Checkpoint


def plain_logits(checkpoint, question):
    """The library's own forward of one question, without any of the engine's code."""
    processor = checkpoint.processor
    options = [question.options[i] for i in question.option_order]
    lines = [question.text, *(f"{a}. {b}" for a, b in zip("ABCD", options, strict=True))]
    body = "\n".join([*lines, "Answer with the option's letter from the given choices directly."])
    content = [{"type": "image"}, {"type": "text", "text": body}]
    text = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True
    )
    picture = decode_picture(PICTURES[question.image_id])
    inputs = processor(images=picture, text=text, return_tensors="pt")
    with torch.no_grad():
        return checkpoint.model(**inputs).logits[0, -1]


def silence_columns(checkpoint, mask):
    """Ablate without hooks: out = W_down (g * up), so a zero column of W_down silences g_n."""
    model = copy.deepcopy(checkpoint.model)
    for layer, neurons in mask.items():
        model.get_decoder().layers[layer].mlp.down_proj.weight.data[:, neurons] = 0
    return Checkpoint(model, checkpoint.processor, "silenced")
