"""What makes inference in float32 on a CPU fast: packed weights, and memory that is kept.

torch hands float32 linear modules to MKL, which packs the weights anew at each call and does not
use AVX-512 on AMD's processors. oneDNN packs them once, and does.
"""

import ctypes
import os
from collections import Counter

import torch
from torch import Tensor, nn

from culture_neurons.logs import logger

# oneDNN compiles a kernel for each number of rows, and keeps 1,024 of them in two caches, torch's
# and its own: memory would grow with the questions. A pass needs a few. Read before the first use.
os.environ.setdefault("LRU_CACHE_CAPACITY", "64")
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")

# Of mallopt, in glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


class PackedLinear(nn.Linear):
    """A linear module whose weight is in oneDNN's own layout: no gradient, nothing to save."""

    def forward(self, input: Tensor) -> Tensor:
        """Return x W^T + b; (..., in_features) -> (..., out_features)."""
        # torch.compile's operator. torch.utils.mkldnn, the public way, copies its input and output.
        return torch.ops.mkldnn._linear_pointwise(input, self.weight, self.bias, "none", [], "")


def prepare_for_cpu(model: nn.Module) -> None:
    """Make a model on a CPU ready for inference alone: pack its weights, keep freed memory."""
    packed = pack_linear(model)
    kept = keep_freed_memory()
    logger.info(
        "on a CPU: %d linear modules packed for oneDNN; freed memory is %s",
        *(packed, "kept for the next pass" if kept else "given back"),
    )


def pack_linear(model: nn.Module) -> int:
    """Pack a model's linear modules in place, where that pays; return how many.

    A weight that other modules use too (a tied embedding) stays, as do subclasses of nn.Linear,
    half precision, and everything on a processor other than x86. Measured on AMD's alone.
    """
    if not torch.backends.mkldnn.is_available():
        return 0
    if not torch.backends.cpu.get_cpu_capability().startswith("AVX"):
        return 0
    users = Counter(id(weight) for _, weight in model.named_parameters(remove_duplicate=False))
    packed = 0
    for module in model.modules():
        if type(module) is not nn.Linear or users[id(module.weight)] != 1:
            continue
        if module.weight.dtype == torch.float32:
            weight = torch.ops.mkldnn._reorder_linear_weight(module.weight.detach())
            module.weight = nn.Parameter(weight, requires_grad=False)
            module.__class__ = PackedLinear
            packed += 1
    return packed


def keep_freed_memory() -> bool:
    """Have the allocator keep what is freed, in this process from now on.

    A pass's tensors are as large as the last one's; else each of them is mapped anew, and zeroed
    page by page when first written.

    Returns:
        False where the C library has no such setting (it is glibc's).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return bool(mallopt and mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, -1))  # -1: never
