"""The smallest study in which every rule runs, and the bytes of its results."""

import hashlib
import os
import shutil
from pathlib import Path

import torch
from dry_runs import PROJECT, copy_project, run_snakemake

CONFIG = ("--configfile", "tests/configs/one_model.yaml")
RUN = ("--cores", "all", "--resources", "gpu=1", *CONFIG)
STUDY = "tiny-llava/mlp.gate_act/split0"


def copy_small_study(folder: Path) -> Path:
    """Copy what the small study's run needs."""
    copy_project(folder)
    shutil.copytree(PROJECT / "tests/configs", folder / "tests/configs")
    torch.save(make_masks(), folder / "tests/configs/masks.pth")
    return folder


def make_masks() -> list[list[torch.Tensor]]:
    """Masks as others publish them: nine classes of the demo models' four layers of 400 neurons.

    Each class has one neuron fewer in every layer than the class before it, the last none.
    """
    drawn = torch.Generator().manual_seed(0)
    return [
        [torch.randperm(400, generator=drawn)[:count] for _ in range(4)]
        for count in range(8, -1, -1)
    ]


def finish_small_study(folder: Path) -> Path:
    """Copy the project and run the whole study."""
    copy_small_study(folder)
    finished = run_snakemake(folder, *RUN)
    assert finished.returncode == 0, finished.stderr[-4000:]
    return folder


def hash_tables(folder: Path) -> dict[str, str]:
    """Hash every result table and CSV file; logs and benchmarks carry times and are left out."""
    files = [*folder.glob("results/**/*.parquet"), *folder.glob("results/tables/*.csv")]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def make(folder, target, *arguments):
    """Make a target that must succeed."""
    done = run_snakemake(folder, target, *(arguments or RUN))
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]


def fail(folder, target, *arguments):
    """Make a target that must fail; return all that the user sees."""
    done = run_snakemake(folder, target, *(arguments or RUN))
    assert done.returncode == 1, done.stdout + done.stderr[-4000:]
    return done.stdout + done.stderr


def find_jobs(folder, rule):
    """List the processes that run a rule's script in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (entry / "cmdline").read_bytes().decode().split("\0")[:-1]
            # Two: the interpreter and the script, not the shell around them.
            script = len(arguments) == 2 and arguments[1].endswith(f".{rule}.py")
            if script and Path(os.readlink(entry / "cwd")) == folder:
                found.append(int(entry.name))
        except OSError:  # it ended while we looked
            continue
    return found
