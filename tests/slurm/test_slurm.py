"""A real Slurm runs the small study through profiles/slurm, and what users do to it is survived.

Evidence is what Slurm's controller says about each job. `make test-slurm` runs this.
"""

import re
import shutil
import subprocess

import pytest
from cluster import read_span
from dry_runs import PROJECT, plan
from small_study import CONFIG, hash_tables
from studies import EFFECTS, QUICK, STATISTICS, USUAL, Extraction, read_console, run_snakemake

HOLD_A_GPU = ("--gpus=1", "--mem=1", "--output=/dev/null", "--wrap", "sleep 3600")


@pytest.fixture(scope="module")
def expected(study):
    """Hashes of the undisturbed study's results."""
    return hash_tables(study)


def overlap(one, other):
    """Whether two finished jobs ran at the same time."""
    return max(read_span(one)[0], read_span(other)[0]) < min(read_span(one)[1], read_span(other)[1])


def test_every_job_of_the_study_completed_at_the_first_attempt(cluster, study, tmp_path):
    fresh = shutil.copytree(study, tmp_path / "fresh", ignore=shutil.ignore_patterns("results"))
    shutil.rmtree(fresh / ".snakemake")
    jobs = cluster.list_jobs_of(study)
    assert len(jobs) == len(plan(fresh, EFFECTS, *CONFIG)) > 12
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    assert {job["Restarts"] for job in jobs} == {"0"}
    assert plan(study, EFFECTS, *CONFIG) == set()


def test_jobs_ask_for_what_the_config_and_the_profile_say(cluster, study):
    model = cluster.list_jobs_of(study, "extract_activations")[0]
    assert (model["TimeLimit"], model["MinMemoryNode"]) == ("12:00:00", "32000M")
    assert model["JOB_GRES"] == "gpu:1"
    other = cluster.list_jobs_of(study, "measure_effects")[0]
    assert (other["TimeLimit"], other["MinMemoryNode"]) == ("01:00:00", "8000M")
    assert other["JOB_GRES"] == "(null)"


def test_two_gpu_jobs_run_at_once_on_two_gpus(cluster, study):
    first, second = cluster.list_jobs_of(study, "extract_activations")
    assert overlap(first, second)


def test_two_gpu_jobs_run_one_after_the_other_on_one_gpu(cluster, study, expected):
    holder = cluster.call("sbatch", "--parsable", *HOLD_A_GPU)
    try:
        extraction = Extraction(cluster, study, *USUAL)
        assert extraction.finish() == 0, read_console(study)
    finally:
        cluster.call("scancel", holder.strip())
    first, second = sorted(extraction.list_jobs(), key=read_span)
    assert [first["JobState"], second["JobState"]] == ["COMPLETED", "COMPLETED"]
    assert read_span(second)[0] >= read_span(first)[1]
    assert hash_tables(study) == expected


def test_the_profiles_variant_for_gres_works(cluster, study, expected):
    profile = (PROJECT / "profiles/slurm/config.yaml").read_text()
    before, heading, variant = profile.partition("# Where a GPU must be asked for with --gres")
    (study / "gres").mkdir()
    (study / "gres/config.yaml").write_text(
        before + heading + re.sub(r"^# (?=set-|  )", "", variant, flags=re.MULTILINE)
    )
    extraction = Extraction(cluster, study, "--profile", "gres", *CONFIG)
    assert extraction.finish() == 0, read_console(study)
    jobs = extraction.list_jobs()
    assert [job.get("TresPerNode") for job in jobs] == ["gres:gpu:1", "gres:gpu:1"]
    assert [job.get("TresPerJob") for job in jobs] == [None, None]
    assert hash_tables(study) == expected


def test_a_cancelled_extraction_fails_and_a_rerun_gives_the_same_bytes(cluster, study, expected):
    extraction = Extraction(cluster, study, *USUAL, "--retries", "0")
    number = extraction.find_at_work()
    cluster.call("scancel", number)
    assert extraction.finish() == 1
    assert cluster.find_job(number)["JobState"] == "CANCELLED"
    assert f"SLURM-job '{number}' failed" in read_console(study)
    assert hash_tables(study).items() < expected.items()
    run_snakemake(cluster, study, *USUAL, *QUICK, STATISTICS)
    assert hash_tables(study) == expected


def test_a_requeued_extraction_starts_again_and_its_run_goes_on(cluster, study, expected):
    extraction = Extraction(cluster, study, *USUAL, "--retries", "0")
    number = extraction.find_at_work()
    cluster.call("scontrol", "requeue", number)
    assert extraction.finish() == 0, read_console(study)
    job = cluster.find_job(number)
    assert (job["JobState"], job["Restarts"]) == ("COMPLETED", "1")
    assert len(extraction.list_jobs()) == 2
    assert hash_tables(study) == expected


def test_after_a_kill_of_snakemake_the_documented_recovery_works(cluster, study, expected):
    extraction = Extraction(cluster, study, *USUAL)
    number = extraction.find_at_work()
    extraction.process.kill()
    extraction.process.wait()
    assert cluster.find_job(number)["JobState"] == "RUNNING"  # Slurm knows nothing of the accident
    documented = read_block(PROJECT / "docs/clusters.md", "Snakemake itself was killed")
    shell = ["bash", "-euo", "pipefail", "-c", documented]
    subprocess.run(shell, cwd=study, env=cluster.environment, check=True, timeout=120)
    assert cluster.find_job(number)["JobState"] == "CANCELLED"
    assert cluster.call("squeue", "--noheader", "--name", cluster.find_job(number)["JobName"]) == ""
    run_snakemake(cluster, study, "--unlock", *CONFIG)
    run_snakemake(cluster, study, *USUAL, *QUICK, STATISTICS)
    assert hash_tables(study) == expected


def read_block(path, heading):
    """The first indented block below a heading of a Markdown file."""
    _, _, section = path.read_text().partition(f"## {heading}\n")
    return re.search(r"(?:^    .*\n)+", section, flags=re.MULTILINE).group()


def test_a_job_over_its_time_is_repeated_with_more(cluster, overrun, expected):
    folder, wait = overrun
    assert wait() == 0, read_console(folder)
    attempts = cluster.list_jobs_of(folder, "answer_questions")
    assert attempts[0]["JobState"] == "TIMEOUT"
    assert attempts[-1]["JobState"] == "COMPLETED"
    asked = [(job["TimeLimit"], job["MinMemoryNode"]) for job in attempts]
    grown = [("00:01:00", "2000M"), ("00:02:00", "4000M"), ("00:04:00", "8000M")]
    assert asked == grown[: len(attempts)]
    answers = "results/answers/tiny-llava.parquet"
    assert hash_tables(folder)[answers] == expected[answers]
