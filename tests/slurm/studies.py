"""The small study, run through the shipped profile on a test cluster."""

import shutil
import subprocess
import sys
from pathlib import Path

from cluster import Cluster, wait_until
from small_study import CONFIG

PROFILE = ("--profile", "profiles/slurm", *CONFIG)
# On a cluster of one node, files are there at once, and jobs are small.
QUICK = ("--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "10")
MODEL_RULES = ("answer_questions", "extract_activations", "intervene")
# Model jobs compute on the CPU, and yet ask Slurm for a GPU, as with `compute.device: cuda`.
FAKE_GPUS = ("--set-resources", *(f"{rule}:gpu=1" for rule in MODEL_RULES))
USUAL = (*PROFILE, *FAKE_GPUS)
# One scorer's effects: every stage up to here, and all that a cluster matters for.
EFFECTS = "results/effects/tiny-llava/mlp.gate_act/split0/r0.01/ablate/conact.parquet"
STATISTICS = "results/statistics/tiny-llava/mlp.gate_act/split0.parquet"
PATIENCE = 1800  # seconds for anything that ends by itself, on a busy machine


def start_snakemake(cluster: Cluster, folder: Path, *arguments: str) -> subprocess.Popen:
    """Start snakemake on a cluster; its console goes to console.txt in the study's folder."""
    with (folder / "console.txt").open("w") as console:
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=folder,
            env=cluster.environment | {"OMP_NUM_THREADS": "1"},
            stdout=console,
            stderr=subprocess.STDOUT,
        )


def run_snakemake(cluster: Cluster, folder: Path, *arguments: str) -> None:
    """Run snakemake to its successful end."""
    assert finish(start_snakemake(cluster, folder, *arguments)) == 0, read_console(folder)


def finish(process: subprocess.Popen) -> int:
    """Wait for a process; its exit code."""
    try:
        return process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def read_console(folder: Path) -> str:
    """The end of what the last snakemake said."""
    return (folder / "console.txt").read_text()[-4000:]


class Extraction:
    """A run that makes a finished study's activations and statistics again, in two GPU jobs."""

    def __init__(self, cluster: Cluster, folder: Path, *arguments: str):
        """Delete the activations and statistics, and start snakemake."""
        self.cluster, self.folder = cluster, folder
        self.earlier = {job["JobId"] for job in cluster.list_jobs()}
        for lost in ("activations", "statistics", "logs/extract_activations"):
            shutil.rmtree(folder / "results" / lost)
        self.process = start_snakemake(cluster, folder, *arguments, *QUICK, STATISTICS)

    def list_jobs(self) -> list[dict[str, str]]:
        """The extraction jobs of this run."""
        jobs = self.cluster.list_jobs_of(self.folder, "extract_activations")
        return [job for job in jobs if job["JobId"] not in self.earlier]

    def find_at_work(self) -> str:
        """Wait until a job is at work, beyond its imports: its log has begun; the job's number."""
        logs = self.folder / "results/logs/extract_activations"

        def find() -> str | None:
            begun = [log.stem for log in logs.rglob("*.log")]
            for job in self.list_jobs():
                if job["JobState"] == "RUNNING" and any(name in job["Comment"] for name in begun):
                    return job["JobId"]
            return None

        return wait_until(find, PATIENCE, "an extraction is at work")

    def finish(self) -> int:
        """Wait for the end of snakemake; its exit code."""
        return finish(self.process)
