"""One cluster and one finished study for all tests of this folder."""

import importlib.util
import shutil
import tempfile
from pathlib import Path

import pytest
import yaml
from cluster import run_cluster
from small_study import copy_small_study
from studies import EFFECTS, PROFILE, QUICK, USUAL, finish, run_snakemake, start_snakemake

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun")
OVERRUN_SECONDS = 105  # beyond one minute and Slurm's half minute between looks, within four


@pytest.fixture(scope="session")
def cluster():
    """A running cluster of one node with two GPUs."""
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    assert not missing, f"not installed: {missing}; `make test-slurm` installs them as root"
    assert importlib.util.find_spec("snakemake_executor_plugin_slurm"), (
        "the plugin of requirements-slurm.txt is not installed; `make test-slurm` does it"
    )
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        Path(folder).chmod(0o755)  # munge wants its socket where everybody can reach it
        with run_cluster(Path(folder) / "cluster", gpus=2) as cluster:
            yield cluster


@pytest.fixture(scope="session")
def study(cluster, tmp_path_factory):
    """One scorer's effects of the small study, made through the profile and never disturbed."""
    folder = copy_small_study(tmp_path_factory.mktemp("slurm") / "my study")
    run_snakemake(cluster, folder, *USUAL, *QUICK, EFFECTS)
    return folder


@pytest.fixture(scope="session", autouse=True)
def overrun(cluster, study):
    """A run whose answers take longer than its config allows; it goes on beside the tests.

    Yields:
        Its folder, and a function that waits for its end and returns the exit code.
    """
    folder = Path(shutil.copytree(study, study.parent / "overrun"))
    script = folder / "workflow/scripts/answer_questions.py"
    script.write_text(f"{script.read_text()}\nimport time\n\ntime.sleep({OVERRUN_SECONDS})\n")
    path = folder / "tests/configs/one_model.yaml"
    config = yaml.safe_load(path.read_text())
    config["compute"] |= {"runtime_minutes": 1, "memory_mb": 2000}
    path.write_text(yaml.safe_dump(config))
    process = start_snakemake(
        cluster, folder, *PROFILE, *QUICK, "results/answers/tiny-llava.parquet"
    )
    yield folder, lambda: finish(process)
    if process.poll() is None:
        process.kill()
        process.wait()
