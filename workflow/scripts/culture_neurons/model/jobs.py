"""The head of every model job: threads, a leased device, the model on it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

from culture_neurons.model.checkpoints import Checkpoint, load_model
from culture_neurons.model.devices import lease_device


@contextmanager
def lease_model(
    settings: Mapping, threads: int, device: str, hub_cache: str
) -> Iterator[tuple[Checkpoint, dict[str, object]]]:
    """Load a model of the config on a device that is held while the block runs.

    What needs no device belongs before the block or after it.

    Args:
        settings: An entry of the config's `models`.
        threads: Of torch.
        device: "cpu" or "cuda".
        hub_cache: The Hub cache; "": where the environment says.

    Yields:
        The checkpoint, and the facts that its result files carry.
    """
    torch.set_num_threads(threads)
    with lease_device(device) as leased:
        yield load_model(settings, leased, hub_cache or None)
