"""The head of every model job: threads, a leased device, the model on it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import torch

from culture_neurons.model.checkpoints import Checkpoint, load_model
from culture_neurons.model.devices import lease_device


class Resources(Protocol):
    """What a job was given."""

    device: str
    hub_cache: str


@contextmanager
def lease_model(
    settings: Mapping, threads: int, resources: Resources
) -> Iterator[tuple[Checkpoint, dict[str, object]]]:
    """Load a model of the config on a device that is held while the block runs.

    What needs no device belongs before the block or after it.

    Args:
        settings: An entry of the config's `models`.
        threads: Of torch.
        resources: Of the job: `device`, "cpu" or "cuda", and `hub_cache`, the Hub cache; "":
            where the environment says.

    Yields:
        The checkpoint, and the facts that its result files carry.
    """
    torch.set_num_threads(threads)
    with lease_device(resources.device) as leased:
        yield load_model(settings, leased, resources.hub_cache or None)
