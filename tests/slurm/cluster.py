"""A real Slurm cluster of one node on the loopback interface, in a folder of its own.

Sockets, keys, ports, and states are private. Only the path of the configuration is not: steps of a
job look for it where Slurm's programs were built to, so a link stands there while the cluster runs.
The GPUs are names without a device behind them.
"""

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

CPUS = 8  # pretended, as is the memory: jobs are small, and some of them only wait
MEMORY_MB = 1_000_000
NODE = "node1"
SYSTEM_CONFIGURATION = Path("/etc/slurm/slurm.conf")
# In the environment of all that belongs to a cluster: daemons, steps, jobs, and their children.
MARK = "CULTURE_NEURONS_TEST_CLUSTER"
PATIENCE = 30  # seconds that a daemon may take to start, or jobs to go away

SLURM_CONF = f"""
ClusterName=test
SlurmctldHost={{host}}(127.0.0.1)
SlurmctldPort={{controller_port}}
SlurmdPort={{node_port}}
# On loopback alone: nothing outside this machine can reach the daemons.
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# cred_expire: a requeued job starts again after seconds, not minutes.
AuthInfo=socket={{folder}}/munge.socket,cred_expire=10
StateSaveLocation={{folder}}/controller
SlurmdSpoolDir={{folder}}/node
SlurmctldPidFile={{folder}}/slurmctld.pid
SlurmdPidFile={{folder}}/slurmd.pid
# Neither systemd nor control groups are needed.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
GresTypes=gpu
# Finished jobs stay known: they are the tests' evidence.
MinJobAge=3600
KillWait=2
SchedulerParameters=sched_interval=5,batch_sched_delay=1
NodeName={NODE} NodeHostname={{host}} NodeAddr=127.0.0.1 CPUs={CPUS} RealMemory={MEMORY_MB} \\
Gres=gpu:{{gpus}}
PartitionName=all Nodes={NODE} Default=YES MaxTime=INFINITE State=UP
"""


class Cluster:
    """Client commands of a running cluster."""

    def __init__(self, folder: Path):
        self.environment = os.environ | {"SLURM_CONF": f"{folder}/slurm.conf", MARK: str(folder)}

    def call(self, *command: str) -> str:
        """Run a Slurm command; its output."""
        process = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        assert process.returncode == 0, f"{command}: {process.stderr}"
        return process.stdout

    def list_jobs(self) -> list[dict[str, str]]:
        """Fields of every job that was ever submitted, in order of submission."""
        text = self.call("scontrol", "show", "job", "--detail", "--oneliner")
        jobs = [
            dict(re.findall(r"([A-Za-z_/:]+)=(.*?) *(?= [A-Za-z_/:]+=|$)", line))
            for line in text.splitlines()
            if line.startswith("JobId=")
        ]
        return sorted(jobs, key=lambda job: int(job["JobId"]))

    def find_job(self, number: str) -> dict[str, str]:
        """Fields of one job."""
        return next(job for job in self.list_jobs() if job["JobId"] == number)

    def list_jobs_of(self, folder: Path, rule: str = "") -> list[dict[str, str]]:
        """Jobs that a study in `folder` submitted, or those of one rule."""
        return [
            job
            for job in self.list_jobs()
            if job["WorkDir"] == str(folder) and job["Comment"].startswith(f"rule_{rule}")
        ]


def read_span(job: dict[str, str]) -> tuple[datetime, datetime]:
    """When a finished job started and ended, to the second."""
    return datetime.fromisoformat(job["StartTime"]), datetime.fromisoformat(job["EndTime"])


def wait_until(found: Callable[[], object], seconds: float, what: str) -> object:
    """Ask until the answer is true; the answer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = found()
        if answer:
            return answer
        time.sleep(0.5)
    raise AssertionError(f"{what}: not within {seconds:.0f} s")


@contextmanager
def run_cluster(folder: Path, gpus: int) -> Iterator[Cluster]:
    """Run a cluster while the block runs; afterwards none of its processes is left.

    A test run that is terminated stops its daemons, too: the signal becomes an exception.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    cluster = Cluster(write_configuration(folder, gpus))
    daemons: list[subprocess.Popen] = []
    with link_configuration(folder / "slurm.conf"):
        try:
            start_daemons(cluster, folder, daemons)
            yield cluster
        finally:
            try:
                stop_jobs(cluster)
            finally:
                for daemon in reversed(daemons):
                    stop_daemon(daemon)
                left = end_processes(folder)
    assert not left, f"processes of the cluster outlived it: {left}"


@contextmanager
def link_configuration(configuration: Path) -> Iterator[None]:
    """Let Slurm's programs find a configuration at their own path while the block runs."""
    link = SYSTEM_CONFIGURATION
    if link.is_symlink() and not link.exists():
        link.unlink()  # of a test that was killed
    assert not link.exists(), f"{link} exists: this machine has a Slurm of its own"
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(configuration)
    try:
        yield
    finally:
        link.unlink()


def write_configuration(folder: Path, gpus: int) -> Path:
    """Write what the daemons read; the folder."""
    folder.mkdir(parents=True)
    folder.chmod(0o755)  # munge refuses a folder that others may write
    for name in ("controller", "node"):
        (folder / name).mkdir(mode=0o755)
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        ports = one.getsockname()[1], other.getsockname()[1]
    (folder / "slurm.conf").write_text(
        SLURM_CONF.format(
            host=socket.gethostname().split(".")[0],
            controller_port=ports[0],
            node_port=ports[1],
            folder=folder,
            gpus=gpus,
        )
    )
    devices = []
    for number in range(gpus):  # Slurm wants a device file: the numbers are those of /dev/null
        device = folder / f"gpu{number}"
        os.mknod(device, 0o666 | 0o020000, os.makedev(1, 3))
        devices.append(f"Name=gpu File={device}\n")
    (folder / "gres.conf").write_text("AutoDetect=off\n" + "".join(devices))
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(64))
    key.chmod(0o600)
    return folder


def start_daemons(cluster: Cluster, folder: Path, started: list[subprocess.Popen]) -> None:
    """Start munged, slurmctld, and slurmd, in the foreground as children of this process."""
    munge = [
        "munged",
        "--foreground",
        f"--socket={folder}/munge.socket",
        f"--key-file={folder}/munge.key",
        f"--pid-file={folder}/munged.pid",
        f"--log-file={folder}/munged.log",
        f"--seed-file={folder}/munged.seed",
    ]
    ready = {
        "munged": (munge, (folder / "munge.socket").exists),
        "slurmctld": (["slurmctld", "-D"], lambda: succeeds(cluster, "scontrol", "ping")),
        "slurmd": (
            ["slurmd", "-D", "-N", NODE],
            lambda: "idle" in cluster.call("sinfo", "--noheader", "--format=%t").split(),
        ),
    }
    for name, (command, is_ready) in ready.items():
        with (folder / f"{name}.output").open("w") as output:
            daemon = subprocess.Popen(
                command, env=cluster.environment, stdout=output, stderr=subprocess.STDOUT
            )
        started.append(daemon)
        try:
            wait_until(lambda d=daemon, r=is_ready: d.poll() is not None or r(), PATIENCE, name)
            assert daemon.poll() is None, "it ended"
        except AssertionError as error:
            text = (folder / f"{name}.output").read_text()
            raise AssertionError(f"{name} does not run: {error}\n{text[-2000:]}") from None


def succeeds(cluster: Cluster, *command: str) -> bool:
    """Say whether a command succeeds."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.run(command, env=cluster.environment, check=False, **quiet).returncode == 0


def stop_jobs(cluster: Cluster) -> None:
    """Cancel every job, and wait until all are gone."""
    if not succeeds(cluster, "scontrol", "ping"):
        return
    cluster.call("scancel", "--user=root")
    wait_until(lambda: not cluster.call("squeue", "--noheader"), PATIENCE, "jobs are cancelled")


def stop_daemon(daemon: subprocess.Popen) -> None:
    """End a daemon, gently first."""
    daemon.terminate()
    try:
        daemon.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def end_processes(folder: Path) -> list[int]:
    """Give what was cancelled a moment to end, and kill the others; those that had to be."""
    deadline = time.monotonic() + PATIENCE
    while (left := find_processes(folder)) and time.monotonic() < deadline:
        time.sleep(0.5)
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return left


def find_processes(folder: Path) -> list[int]:
    """Processes of a cluster."""
    mark = f"{MARK}={folder}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:  # it has ended, or is not ours to read
            continue
    return found
