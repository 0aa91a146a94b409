"""Copies of the project, and what Snakemake plans in them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PARTS = ("CITATION.cff", "Snakefile", "config", "envs", "profiles", "workflow")


def run_snakemake(folder, *arguments):
    """Run snakemake in a folder; return the finished process with its text."""
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def copy_project(folder):
    """Copy what a run needs."""
    folder.mkdir(exist_ok=True)
    for part in PARTS:
        source = PROJECT / part
        if source.is_dir():
            shutil.copytree(
                source, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.tmp")
            )
        else:
            shutil.copy2(source, folder / part)
    return folder


def plan(folder, *arguments):
    """Plan a run: {(rule, "wildcards")} of the jobs, without rule all."""
    process = run_snakemake(folder, "--dry-run", *arguments)
    assert process.returncode == 0, process.stdout + process.stderr
    text = process.stdout + process.stderr
    jobs = set()
    for rule, block in re.findall(r"^rule (\w+):\n((?:    .*\n)*)", text, flags=re.MULTILINE):
        wildcards = re.search(r"wildcards: (.*)", block)
        jobs.add((rule, wildcards.group(1) if wildcards else ""))
    if not jobs:
        assert "Nothing to be done" in text
    return {job for job in jobs if job[0] != "all"}


def edit(folder, old, new):
    """Change the default config."""
    path = folder / "config/config.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def rules_of(jobs):
    """Name the rules of planned jobs."""
    return {rule for rule, _ in jobs}


def touch_results(folder):
    """Make up the outputs that are not there, and mark all as made."""
    listing = run_snakemake(folder, "--summary")
    assert listing.returncode == 0, listing.stderr
    for line in listing.stdout.splitlines()[1:]:
        path = folder / line.split("\t")[0]
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(path))
    touched = run_snakemake(folder, "--touch", "--forceall", "--cores", "1")
    assert touched.returncode == 0, touched.stderr
    assert plan(folder) == set()
