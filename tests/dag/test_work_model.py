"""The work model's estimate of config/paper.yaml counts the jobs that Snakemake plans."""

import re
import subprocess
import sys
from collections import Counter

import pytest
from dry_runs import PROJECT, plan


@pytest.fixture(scope="module")
def stages():
    """(model, stage) -> (jobs, share of start-up in per cent), as the command prints them."""
    process = subprocess.run(
        [sys.executable, PROJECT / "benchmarks/work_model.py"],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = re.findall(
        r"^\| (\S+): (\w+) \| (\d+) \|.*\| ([0-9.]+) % \|$", process.stdout, flags=re.MULTILINE
    )
    return {(model, stage): (int(jobs), float(share)) for model, stage, jobs, share in rows}


def test_the_jobs_are_those_that_are_planned(stages):
    planned = Counter()
    for rule, wildcards in plan(PROJECT, "--configfile", "config/paper.yaml"):
        if rule in ("answer_questions", "extract_activations", "intervene"):
            planned[re.search(r"model=([^,]+)", wildcards).group(1), rule] += 1
    assert len(planned) == 9
    assert {key: jobs for key, (jobs, _) in stages.items()} == planned


def test_start_up_is_less_than_a_tenth_of_every_model_job(stages):
    assert max(share for _, share in stages.values()) < 10
