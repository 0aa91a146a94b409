"""Packed linear modules compute what the library's do, in full precision."""

import ctypes
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
import torch
from torch import nn

from culture_neurons.model import cpu_inference
from culture_neurons.model.cpu_inference import PackedLinear, keep_freed_memory, pack_linear

SCRIPTS = Path(cpu_inference.__file__).parents[2]
X86 = torch.backends.cpu.get_cpu_capability().startswith("AVX")
can_pack = pytest.mark.skipif(
    not (X86 and torch.backends.mkldnn.is_available()), reason="nothing is packed on this machine"
)


def make_linear(inputs, outputs, bias=True, dtype=torch.float32):
    torch.manual_seed(inputs + outputs)
    return nn.Linear(inputs, outputs, bias=bias, dtype=dtype).requires_grad_(False)


@can_pack
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("inputs", "outputs"), [(48, 96), (33, 7), (2400, 640), (1, 5)])
def test_packed_modules_compute_what_linear_ones_do(inputs, outputs, bias):
    linear = make_linear(inputs, outputs, bias)
    rows = torch.randn(3, 50, inputs)
    expected = linear.double()(rows.double())
    linear = linear.float()
    assert pack_linear(linear) == 1
    found = linear(rows)
    assert found.dtype == torch.float32
    # The rounding of float32, not of half precision or a tensor float.
    assert float((found - expected).abs().max()) <= 3e-6 * float(expected.abs().max())


@can_pack
def test_packed_modules_take_no_rows_and_strided_ones():
    linear = make_linear(16, 8)
    wide = torch.randn(4, 5, 32)
    expected = linear(wide[..., ::2].contiguous())
    pack_linear(linear)
    assert linear(torch.empty(2, 0, 16)).shape == (2, 0, 8)
    torch.testing.assert_close(linear(wide[..., ::2]), expected, atol=1e-6, rtol=1e-5)


class Tied(nn.Module):
    """An embedding tied to the output, a special linear module, and a plain one."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        self.head = nn.Linear(4, 5, bias=False)
        self.head.weight = self.embedding.weight
        self.attention = nn.MultiheadAttention(4, 2)  # reads its linear module's weight itself
        self.normed = nn.utils.weight_norm(nn.Linear(4, 4))  # computes its weight
        self.plain = nn.Linear(4, 4)
        self.half = nn.Linear(4, 4, dtype=torch.bfloat16)


@can_pack
@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_only_what_nobody_else_reads_is_packed():
    model = Tied().requires_grad_(False)
    assert pack_linear(model) == 1
    packed = [name for name, m in model.named_modules() if isinstance(m, PackedLinear)]
    assert packed == ["plain"]
    assert pack_linear(model) == 0
    assert model.plain.weight.shape == (4, 4)
    assert model.plain.weight.dtype == torch.float32


@can_pack
def test_weights_are_not_held_twice():
    linear = make_linear(64, 64)
    before = weakref.ref(linear.weight.untyped_storage())
    pack_linear(linear)
    assert before() is None


@pytest.mark.parametrize(
    ("module", "name", "answer"),
    [
        (torch.backends.mkldnn, "is_available", False),
        (torch.backends.cpu, "get_cpu_capability", "SVE256"),
    ],
)
def test_nothing_is_packed_where_it_was_not_measured(monkeypatch, module, name, answer):
    monkeypatch.setattr(module, name, lambda: answer)
    linear = make_linear(4, 4)
    assert pack_linear(linear) == 0
    assert type(linear) is nn.Linear


COUNT_FAULTS = """
import resource, sys, torch
sys.path.insert(0, sys.argv[2])
from culture_neurons.model.cpu_inference import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
for index in range(20):
    if index == 10:  # by then the heap has found its size
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.empty(16 * 2**20).fill_(1)  # 64 MB, 16,384 pages; freed at once
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the setting is glibc's")
def test_freed_memory_is_used_again():
    faults = {}
    for what in ("kept", "given back"):
        command = [sys.executable, "-c", COUNT_FAULTS, what, str(SCRIPTS)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        faults[what] = int(done.stdout)
    assert 10 * faults["kept"] < faults["given back"]  # fewer, where pages are huge


def test_another_c_library_keeps_its_ways(monkeypatch):
    monkeypatch.setattr(cpu_inference.ctypes, "CDLL", lambda _name: object())
    assert keep_freed_memory() is False
