"""Run a trial's prompts under its masks, in every way and as the library does; for trial.py.

Each returns the logits after every prompt, (masks, prompts, vocabulary), on the host.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby

import torch
from torch import Tensor

from culture_neurons.engine.batches import ImageGroup, TokenBudget
from culture_neurons.engine.kept_prefix import KeptPrefix
from culture_neurons.engine.shared_prefix import SharedPrefix
from culture_neurons.engine.whole_prompts import prepare_prompts, run_prompts
from culture_neurons.hooks.hookpoints import HookedLayers
from culture_neurons.hooks.interventions import AffineMap, intervene
from culture_neurons.model.checkpoints import Checkpoint
from culture_neurons.model.next_token import run_to_logits
from culture_neurons.model.prompts import SCOPES, EncodedPrompt

TEXT = ("question", "options")  # token scopes behind the picture


@torch.inference_mode()
def run_alone(
    checkpoint: Checkpoint,
    prompts: Sequence[EncodedPrompt],
    layers: HookedLayers,
    masks: Sequence[Mapping[int, Tensor]],
    tokens: Collection[str] = SCOPES,
) -> Tensor:
    """Run prompts one by one, as the library does; (masks, prompts, vocabulary) on the host.

    The reference that the rest is compared with, so it shares nothing with it: inputs as the
    processor made them, and neurons silenced where they are read, not where they are made.
    """
    model, rows, silent = checkpoint.model, [], torch.empty(0, dtype=torch.long)

    def make_hook(index: Tensor):
        heads = range(layers.block)
        columns = torch.tensor([n * len(heads) + i for n in index.tolist() for i in heads]).long()

        def hook(_module, inputs: tuple[Tensor]) -> tuple[Tensor]:  # ([1,] tokens, coordinates)
            changed, at = inputs[0].clone(), columns.to(inputs[0].device)
            if layers.hookpoint.on_pictures:
                changed[..., at] = 0.0
            else:
                changed[0, silent[:, None].to(changed.device), at] = 0.0
            return (changed,)

        return hook

    for mask in masks:
        handles = [
            layers.consumers[layer].register_forward_pre_hook(make_hook(index))
            for layer, index in mask.items()
        ]
        try:
            for prompt in prompts:
                scopes = [SCOPES[scope] for scope in prompt.scopes.tolist()]
                silent = torch.tensor([n for n, scope in enumerate(scopes) if scope in tokens])
                inputs = {**prompt.token_inputs, **prompt.picture_inputs, "use_cache": False}
                inputs = {
                    key: value.to(model.device) if isinstance(value, Tensor) else value
                    for key, value in inputs.items()
                }
                last = torch.tensor([[prompt.tokens - 1]], device=model.device)
                rows.append(run_to_logits(model, inputs, last)[0, 0].float().cpu())
        finally:
            for handle in handles:
                handle.remove()
    return torch.stack(rows).unflatten(0, (len(masks), -1))


def run_whole(
    checkpoint: Checkpoint,
    prompts: Sequence[EncodedPrompt],
    layers: HookedLayers,
    maps: Sequence[AffineMap],
    rows: int,
) -> Tensor:
    """Run whole prompts, so many in a batch, as the engine does; as `run_alone`."""

    def run(packed: Sequence[EncodedPrompt]) -> list[Tensor]:
        batch = prepare_prompts(checkpoint, packed, not layers.hookpoint.on_pictures)
        logits = []
        for affine in maps:
            with intervene(layers, [affine]):
                logits.append(run_prompts(checkpoint, batch).float().cpu())
        return list(torch.stack(logits, dim=1))  # of each prompt: (masks, vocabulary)

    budget, parts = TokenBudget(sum(prompt.tokens for prompt in prompts)), []
    for start in range(0, len(prompts), rows):
        parts += budget.run(run, prompts[start : start + rows])
    return torch.stack(parts, dim=1)


def run_shared(
    checkpoint: Checkpoint,
    groups: Sequence[ImageGroup],
    layers: HookedLayers,
    maps: Sequence[AffineMap],
) -> Tensor:
    """Run prompts that share prefixes, pictures of one length together; as `run_alone`."""
    found = {}
    ordered = sorted(groups, key=lambda group: group.shared)
    for _, members in groupby(ordered, key=lambda group: group.shared):
        members = list(members)
        prefix = SharedPrefix(checkpoint, members)

        def run(part: Sequence[AffineMap], prefix: SharedPrefix = prefix) -> list[Tensor]:
            return list(prefix.run(layers, part).float().cpu())

        budget = TokenBudget(len(maps) * sum(group.tokens for group in members))
        logits = torch.stack(budget.run(run, maps))  # (masks, prompts, vocabulary)
        asked = [id(prompt) for group in members for _, prompt in group.asked]
        found |= dict(zip(asked, logits.unbind(1), strict=True))
    return torch.stack([found[id(p)] for group in groups for _, p in group.asked], dim=1)


def run_kept(
    checkpoint: Checkpoint,
    groups: Sequence[ImageGroup],
    layers: HookedLayers,
    maps: Sequence[AffineMap],
) -> Tensor:
    """Run prompts behind kept prefixes, under maps that act at TEXT; as `run_alone`."""
    parts = []
    for group in groups:
        prefix = KeptPrefix(checkpoint, group, TEXT)

        def run(part: Sequence[AffineMap], prefix: KeptPrefix = prefix) -> list[Tensor]:
            return list(prefix.run(layers, part).float().cpu())

        parts.append(torch.stack(TokenBudget(len(maps) * group.own).run(run, maps)))
    return torch.cat(parts, dim=1)  # (masks, prompts, vocabulary)
