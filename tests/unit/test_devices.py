"""One GPU per job on a shared host, with names in place of GPUs."""

import multiprocessing
import os
import signal
import time

import pytest
import torch

from culture_neurons.model.devices import DeviceError, describe_memory, lease_device, lease_one

FORK = multiprocessing.get_context("fork")


def hold(folder, names, held, release):
    with lease_one(names, folder, poll_seconds=0.05) as index:
        held.put((os.getpid(), index))
        release.wait(30)


class Holder:
    """Another process that holds a device until told to let go; an event of its own each."""

    def __init__(self, folder, names, held):
        self.release = FORK.Event()
        self.process = FORK.Process(target=hold, args=(folder, names, held, self.release))
        self.process.start()

    def end(self):
        self.release.set()
        self.process.join(10)
        assert not self.process.is_alive()


def test_jobs_at_once_hold_different_devices(tmp_path):
    names = ["GPU-a", "GPU-b", "GPU-c"]
    held = FORK.Queue()
    holders = [Holder(tmp_path, names, held) for _ in names]
    assert sorted(held.get(timeout=10)[1] for _ in holders) == [0, 1, 2]
    for holder in holders:
        holder.end()


def test_a_job_waits_while_all_devices_are_held_and_takes_the_one_let_go(tmp_path):
    held = FORK.Queue()
    first = Holder(tmp_path, ["GPU-a"], held)
    assert held.get(timeout=10)[1] == 0
    late = Holder(tmp_path, ["GPU-a"], held)
    time.sleep(0.3)
    assert held.empty()
    first.end()
    assert held.get(timeout=10)[1] == 0
    late.end()


def test_a_killed_holder_s_device_is_free_again(tmp_path):
    names, held = ["GPU-a", "GPU-b"], FORK.Queue()
    victim, other = (Holder(tmp_path, names, held) for _ in names)
    devices = dict(held.get(timeout=10) for _ in names)
    os.kill(victim.process.pid, signal.SIGKILL)
    victim.process.join(10)
    with lease_one(names, tmp_path) as index:
        assert index == devices[victim.process.pid]
    other.end()


def test_an_error_lets_the_device_go(tmp_path):
    for _ in range(2):
        with pytest.raises(RuntimeError, match="in the job"), lease_one(["GPU-a"], tmp_path):
            raise RuntimeError("in the job")


def test_a_cpu_job_holds_nothing():
    with lease_device("cpu") as device:
        assert device == "cpu"
    assert "peak memory" in describe_memory(torch.device("cpu"))


def test_without_a_gpu_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(DeviceError, match="set compute.device to 'cpu'"), lease_device("cuda"):
        pass


def test_jobs_on_one_host_take_different_gpus_by_their_hardware_id(monkeypatch, tmp_path):
    """As two jobs that see the same two GPUs in different orders."""
    taken = []

    class Properties:
        def __init__(self, uuid):
            self.uuid = uuid

    def see(uuids):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(uuids))
        monkeypatch.setattr(
            torch.cuda, "get_device_properties", lambda index: Properties(uuids[index])
        )
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _index: "fake")
        monkeypatch.setattr(torch.cuda, "set_device", lambda index: taken.append(uuids[index]))

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    see(["u1", "u2"])
    with lease_device("cuda") as first:
        see(["u1", "u2"][::-1])
        with lease_device("cuda") as second:
            assert (first, second) == ("cuda:0", "cuda:0")
    assert taken == ["u1", "u2"]
