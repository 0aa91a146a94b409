"""Run a decoder's pass under maps, without what does not bear on its result.

Both savings are hooks on modules that see each token by itself: the decoder's own code runs around
them, so they hold for every architecture that has such modules.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from culture_neurons.hooks.hookpoints import HookedLayers
from culture_neurons.hooks.interventions import AffineMap, intervene


@contextmanager
def change_pass(
    model: nn.Module,
    layers: HookedLayers | None,
    maps: Sequence[AffineMap],
    marks: Tensor | None,
    read: Tensor,
) -> Iterator[None]:
    """Apply maps to one pass of a model's decoder, and leave out of it what can be.

    Args:
        model: Of the decoder.
        layers: Where maps apply; None where no map names a neuron.
        maps: Each for its equal share of the tokens.
        marks: Tokens at which they act, (rows of a map, tokens); None: all.
        read: Positions of the tokens that are read, (rows, n).
    """
    decoder, where = model.get_decoder(), None
    if marks is not None and layers is not None:
        of_map = read.reshape(len(maps), len(marks), read.numel() // len(maps) // len(marks))[0]
        last = marks.take_along_dim(of_map, dim=1)  # all that its MLP is run at
        in_mlp = layers.hookpoint.block == "mlp"
        where = [marks] * (len(layers.modules) - 1) + [last if in_mlp else marks]
    with (
        intervene(layers, maps, where),
        share_until_changed(decoder, layers, maps),
        run_last_mlp_at(decoder, read),
    ):
        yield


@contextmanager
def share_until_changed(
    decoder: nn.Module, layers: HookedLayers | None, maps: Sequence[AffineMap]
) -> Iterator[None]:
    """Compute linear modules for one map's tokens, not each map's, until a map changes something.

    In the block, every map's tokens get the same input: as many equal blocks of them, over rows or
    within one, as there are maps. Up to where the first changed layer reads its neurons they stay
    equal, in the linear modules of that layer and of all before it.

    Raises:
        HookpointError: The first changed layer's neurons were never read.
    """
    changed = [layer for affine in maps for layer, index in affine.neurons.items() if len(index)]
    if len(maps) == 1 or not changed:
        yield
        return
    consumer = layers.consumers[min(changed)]
    equal, shape = True, torch.Size()

    def differ(_module, _inputs) -> None:
        nonlocal equal
        equal = False

    def take_one(_module, inputs: tuple[Tensor]) -> tuple[Tensor] | None:
        nonlocal shape
        if not equal:
            return None
        shape = inputs[0].shape  # (rows, tokens, features)
        return (inputs[0].reshape(len(maps), -1, shape[-1])[:1],)

    def give_all(_module, _inputs, output: Tensor) -> Tensor | None:
        if not equal:
            return None
        return output.repeat(len(maps), 1, 1).reshape(*shape[:-1], output.shape[-1])

    handles = [consumer.register_forward_pre_hook(differ)]
    try:
        for layer in decoder.layers[: min(changed) + 1]:
            for module in layer.modules():
                if isinstance(module, nn.Linear) and module is not consumer:
                    handles.append(module.register_forward_pre_hook(take_one))
                    handles.append(module.register_forward_hook(give_all))
        yield
        if equal:  # then maps were never told apart
            layers.require_fired([min(changed)], [])
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def run_last_mlp_at(decoder: nn.Module, places: Tensor) -> Iterator[None]:
    """Run the last layer's MLP at some tokens alone: no later layer attends to the others.

    Keys and values of all tokens are made before the MLP. Elsewhere the MLP's output is zero.

    Args:
        decoder: Its last layer's MLP is `mlp`.
        places: (rows, n) positions that are read; n may be 0.
    """

    def take(_module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        nonlocal tokens
        tokens = inputs[0].shape[1]
        return (inputs[0].take_along_dim(places[..., None], dim=1),)  # (rows, n, hidden)

    def spread(_module, _inputs, output: Tensor) -> Tensor:
        full = output.new_zeros(len(output), tokens, output.shape[2])  # (rows, tokens, hidden)
        return full.scatter_(1, places[..., None].expand_as(output), output)

    tokens = 0
    block = decoder.layers[-1].mlp
    handles = [block.register_forward_pre_hook(take), block.register_forward_hook(spread)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
