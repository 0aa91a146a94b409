"""What a model says by the library alone: one question, one mask, none of the engine's code."""

import copy
from statistics import NormalDist

import torch
from tiny_models import PICTURES

from culture_neurons.dataset.pictures import decode_picture
from culture_neurons.model.checkpoints import Checkpoint
from culture_neurons.model.prompts import SCOPES


def plain_logits(checkpoint, question):
    """The library's own forward of one question, without any of the engine's code."""
    processor = checkpoint.processor
    options = [question.options[i] for i in question.option_order]
    lines = [question.text, *(f"{a}. {b}" for a, b in zip("ABCD", options, strict=True))]
    body = "\n".join([*lines, "Answer with the option's letter from the given choices directly."])
    content = [{"type": "text", "text": body}]
    if question.image_id is not None:
        content.insert(0, {"type": "image"})
    text = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True
    )
    shown = {}
    if question.image_id is not None:
        shown["images"] = decode_picture(PICTURES[question.image_id])
    inputs = processor(**shown, text=text, return_tensors="pt")
    with torch.no_grad():
        return checkpoint.model(**inputs).logits[0, -1]


def silence_columns(checkpoint, mask):
    """Ablate without hooks: out = W_down (g * up), so a zero column of W_down silences g_n."""
    model = copy.deepcopy(checkpoint.model)
    for layer, neurons in mask.items():
        model.get_decoder().layers[layer].mlp.down_proj.weight.data[:, neurons] = 0
    return Checkpoint(model, checkpoint.processor, "silenced")


def reference_sums(plain, question, prompt):
    """K, S, and the number of gates too close to 0 to call, from one plain forward."""
    layers = plain.model.get_decoder().layers
    inputs = {}
    handles = [
        layer.mlp.register_forward_pre_hook(
            lambda _module, args, index=index: inputs.__setitem__(index, args[0][0].double())
        )
        for index, layer in enumerate(layers)
    ]
    plain_logits(plain, question)
    for handle in handles:
        handle.remove()
    wanted = torch.tensor([SCOPES.index(name) for name in ("image", "question", "options")])
    counted = torch.isin(prompt.scopes, wanted.to(torch.int8))
    active, total, close = [], [], []
    for index, layer in enumerate(layers):
        fused = getattr(layer.mlp, "gate_up_proj", None)
        weight = fused.weight.chunk(2)[0] if fused is not None else layer.mlp.gate_proj.weight
        u = inputs[index][counted] @ weight.double().T  # (tokens, width)
        sparse = getattr(layer.mlp, "activation_sparsity", 0.0)
        if sparse:  # gates below this quantile of a normal distribution are silent
            deviation = u.std(-1, keepdim=True, correction=0)
            u = u - u.mean(-1, keepdim=True) - NormalDist().inv_cdf(sparse) * deviation
        active.append((u > 0).sum(0))
        close.append((u.abs() < 1e-5).sum(0))
        u = u.clamp(min=0) if sparse else u
        function = getattr(layer.mlp, "act_fn", None) or layer.mlp.activation_fn
        total.append(function(u).sum(0))
    return torch.cat(active), torch.cat(total), torch.cat(close)
