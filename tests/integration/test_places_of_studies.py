"""Two studies from one checkout: each in a folder of its own, neither in the other's."""

import shutil

import pyarrow.parquet as pq
import yaml
from dry_runs import copy_project, run_snakemake
from small_study import copy_small_study

DATASET = "results/dataset/questions.parquet"
ONCE = ("--cores", "1")


def test_a_study_runs_in_an_empty_folder_of_its_own(tmp_path):
    project = copy_small_study(tmp_path / "the project")
    folder = tmp_path / "my study"
    folder.mkdir()
    shutil.copy(project / "tests/configs/one_model.yaml", folder / "study.yaml")
    text = (folder / "study.yaml").read_text()
    masks = "tests/configs/masks.pth"  # a file of the user's, beside the config
    (folder / "study.yaml").write_text(text.replace(masks, "masks.pth"))
    shutil.copy(project / masks, folder / "masks.pth")
    here = ("--directory", str(folder), "--configfile", str(folder / "study.yaml"))
    whole = run_snakemake(project, "--dry-run", *here)
    assert whole.returncode == 0, whole.stderr
    done = run_snakemake(project, DATASET, *ONCE, *here)
    assert done.returncode == 0, done.stderr[-3000:]
    assert pq.read_metadata(folder / DATASET).num_rows == 512
    assert not (project / "results").exists()
    again = run_snakemake(
        folder, "-n", DATASET, "--snakefile", str(project / "Snakefile"), *here[2:]
    )
    assert "Nothing to be done" in again.stdout + again.stderr


def test_a_config_that_would_replace_another_s_results_runs_no_job(tmp_path):
    project = copy_project(tmp_path / "project")
    first = yaml.safe_load((project / "config/tokens.yaml").read_text())
    for name, rows in (("first.yaml", 64), ("second.yaml", 16)):
        first["demo"] = {"rows_per_culture": rows}
        first["cells"] = {"folds": 2, "floor": 1}
        (project / name).write_text(yaml.safe_dump(first))
    done = run_snakemake(project, DATASET, *ONCE, "--configfile", "first.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    for arguments in (ONCE, ("--dry-run",)):
        refused = run_snakemake(project, DATASET, *arguments, "--configfile", "second.yaml")
        assert refused.returncode == 1
        assert (
            "second.yaml would replace results of first.yaml: demo: rows_per_culture was 64, and "
            "is 16; run it in a folder of its own (--directory), or remove results first"
        ) in refused.stdout + refused.stderr
    assert pq.read_metadata(project / DATASET).num_rows == 512
    apart = run_snakemake(
        project, DATASET, *ONCE, "--directory", "second", "--configfile", "second.yaml"
    )
    assert apart.returncode == 0, apart.stderr[-3000:]
    assert pq.read_metadata(project / "second" / DATASET).num_rows == 128
