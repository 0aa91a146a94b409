"""Which device a job runs on: one GPU each for jobs that share a host, and its peak memory."""

import getpass
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from culture_neurons.logs import logger


class DeviceError(Exception):
    """A device that the config asks for and the host does not offer."""


@contextmanager
def lease_device(kind: str) -> Iterator[str]:
    """Hold a device while the block runs: "cpu", or a free one of the visible GPUs for "cuda".

    Snakemake counts GPUs but assigns none. GPUs are known by their hardware id, so jobs to which
    a scheduler has given different GPUs under the same number do not wait for each other.

    Raises:
        DeviceError: "cuda" is asked for and no GPU is visible.
    """
    if kind == "cpu":
        yield "cpu"
        return
    count = torch.cuda.device_count()
    if not count:
        raise DeviceError(
            "compute.device is 'cuda', but no GPU is visible to torch; check CUDA_VISIBLE_DEVICES "
            "and the driver, or set compute.device to 'cpu'"
        )
    names = [str(torch.cuda.get_device_properties(index).uuid) for index in range(count)]
    folder = Path(tempfile.gettempdir()) / f"culture_neurons-gpus-{getpass.getuser()}"
    with lease_one(names, folder) as index:
        torch.cuda.set_device(index)
        logger.info("device cuda:%d (%s)", index, torch.cuda.get_device_name(index))
        yield f"cuda:{index}"


@contextmanager
def lease_one(names: Sequence[str], folder: Path, poll_seconds: float = 1.0) -> Iterator[int]:
    """Hold one of several named things for this process alone; wait while all are held.

    A lock on a file per name, which the kernel lets go when its holder dies, however it dies.

    Yields:
        The index of the name.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    locks = [FileLock(folder / f"{name}.lock") for name in names]
    waiting = False
    while True:
        for index, lock in enumerate(locks):
            try:
                with lock.acquire(blocking=False):
                    yield index
                    return
            except Timeout:
                continue
        if not waiting:
            logger.info("all %d GPUs are held by other jobs; waiting for one", len(names))
            waiting = True
        time.sleep(poll_seconds)


def describe_memory(device: torch.device) -> str:
    """Name the job's peak memory: the device's on a GPU, the process's on a CPU."""
    if device.type == "cuda":
        return f"peak device memory {torch.cuda.max_memory_allocated(device) / 2**30:.1f} GiB"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux
    return f"peak memory {peak / 2**20:.1f} GiB"
