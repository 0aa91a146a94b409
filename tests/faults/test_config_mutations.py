"""200 random changes of the default config: each plans, or is refused in one line with its key."""

import copy
import random
import re
from pathlib import Path

import pytest
import yaml
from config_mutations import ROOT, mutate
from dry_runs import copy_project, run_snakemake
from snakemake.io import expand

from planning import config as config_check
from planning.config import ConfigError, complete_config

SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
SEEDS = range(200)
SAMPLE = 6  # of the accepted ones, planned by Snakemake itself


@pytest.fixture(autouse=True)
def _repository(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(config_check, "read_schema", lambda _: copy.deepcopy(SCHEMA))  # slow


def plan_in_process(config):
    """Run common.smk and targets.smk, Python but for one block, and functions of the config."""
    files = [ROOT / f"workflow/rules/{name}.smk" for name in ("common", "targets")]
    text = "\n".join(path.read_text() for path in files)
    python, blocks = re.subn(r"^wildcard_constraints:\n(?:    .*\n)+", "", text, flags=re.MULTILINE)
    assert blocks == 1
    names = {"config": config, "Path": Path, "ROOT": ROOT, "expand": expand}
    exec(compile(python, "common.smk", "exec"), names)
    assert names["get_figures"](None)
    for dataset in (config["dataset"], *config["other_datasets"].values()):
        names["list_dataset_files"](dataset)
    for model in names["MODELS"]:
        names["get_checkpoint_input"](type("Wildcards", (), {"model": model}))
    study = names["STUDY"]
    return study.list_selectors(permuted=True) + study.list_selectors(permuted=False)


def sort_mutations():
    """Mutations that are accepted, and (seed, key, message) of those refused."""
    accepted, refused = [], []
    for seed in SEEDS:
        config, key = mutate(random.Random(seed))
        try:
            accepted.append((seed, complete_config(config, ROOT)))
        except ConfigError as error:
            refused.append((seed, key, str(error)))
    return accepted, refused


def test_two_hundred_mutations_plan_or_are_refused_in_a_line_that_names_the_key():
    accepted, refused = sort_mutations()
    assert len(accepted) + len(refused) == 200
    assert len(accepted) >= 20
    assert len(refused) >= 80
    for seed, key, message in refused:
        assert len(message.splitlines()) == 1, (seed, message)
        assert repr(key).strip("'\"") in message, (seed, key, message)
    for _, config in accepted:
        assert plan_in_process(config)


def test_snakemake_plans_accepted_mutations_and_refuses_others_without_a_traceback(tmp_path):
    folder = copy_project(tmp_path / "a study")
    accepted, refused = sort_mutations()
    chosen = random.Random(0).sample(accepted, SAMPLE)
    for seed, config in chosen:
        (folder / "mutated.yaml").write_text(yaml.safe_dump(config))
        planned = run_snakemake(folder, "--dry-run", "--quiet", "--configfile", "mutated.yaml")
        assert planned.returncode == 0, (seed, planned.stdout + planned.stderr)
    for seed, _, message in random.Random(0).sample(refused, 2):
        config, _ = mutate(random.Random(seed))
        (folder / "mutated.yaml").write_text(yaml.dump(config))
        planned = run_snakemake(folder, "--dry-run", "--configfile", "mutated.yaml")
        said = planned.stdout + planned.stderr
        assert planned.returncode == 1
        assert message in said
        assert "Traceback" not in said


def test_a_number_of_shards_that_no_machine_could_plan_is_refused():
    config = {
        "dataset": {"source": "x.parquet", "cultures": "config/demo_cultures.tsv"},
        "models": [{"name": "a", "checkpoint": "b/c"}],
        "extract": {"shards": 10**30},
    }
    with pytest.raises(ConfigError, match=r"'extract.shards' is 10+; expected 1000 or less"):
        complete_config(config, ROOT)
