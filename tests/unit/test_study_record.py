"""A config that would replace what another has made is refused; one that adds to it is not."""

import copy
import json
from pathlib import Path

import pytest
import yaml

from planning.config import complete_config
from planning.errors import ConfigError
from planning.study_record import list_settings, record_settings, refuse_replacing

ROOT = Path(__file__).resolve().parents[2]
DEMOS = [
    "config",
    "tokens",
    "steering",
    "sensitivity",
    "validate",
    "ground_truth",
    "other_datasets",
    "components",
]


@pytest.fixture
def config(monkeypatch):
    monkeypatch.chdir(ROOT)
    return complete(yaml.safe_load((ROOT / "config/tokens.yaml").read_text()))


def complete(config):
    return complete_config(config, ROOT)


def change(config, path, value):
    changed = copy.deepcopy(config)
    part = changed
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return changed


REPLACING = {
    "dataset": (("dataset", "source"), "other/rows.parquet", "dataset: source was 'results/demo/"),
    "folds": (("cells", "folds"), 5, "dataset: folds was 4, and is 5"),
    "cap": (("cells", "cap"), 9, "cells of model tiny-llava-v1.6-mistral: cap was 25, and is 9"),
    "dtype": (("models", 1, "dtype"), "bfloat16", "model tiny-llava-v1.6-mistral: dtype was"),
    "demo": (("demo", "seed"), 3, "demo: seed was 0, and is 3"),
    "control": (
        ("select", "controls", 0, "seed"),
        1,
        "control random of model tiny-llava-v1.6-mistral",
    ),
    "scorer": (
        ("score", "scorers", 0, "min_score"),
        1,
        "scorer cas of model tiny-llava-v1.6-mistral: min",
    ),
    "scopes": (
        ("score", "scopes"),
        ["text"],
        "score.scopes of model tiny-llava-v1.6-mistral was ['image'",
    ),
    "tokens": (("intervene", 1, "tokens"), ["question"], "intervention at_picture of model"),
}


@pytest.mark.parametrize("case", REPLACING)
def test_another_config_that_says_otherwise_is_refused_with_both_names(case, config, tmp_path):
    path, value, message = REPLACING[case]
    record_settings(list_settings(config), "a.yaml", tmp_path)
    other = list_settings(change(config, path, value))
    with pytest.raises(ConfigError) as caught:
        refuse_replacing(other, "b.yaml", tmp_path)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"b.yaml would replace results of a.yaml: {message}")
    assert line.endswith(f"folder of its own (--directory), or remove {tmp_path} first")
    refuse_replacing(other, "a.yaml", tmp_path)  # one's own results may change


ADDING = {
    "another model": (("models", 0, "name"), "other"),
    "another rate": (("select", "rates"), [0.01, 0.02]),
    "another split": (("cells", "splits"), [0, 2]),
    "another control": (("select", "controls", 0, "name"), "others"),
    "other statistics": (("evaluate", "resamples"), 100),
    "another machine": (("compute", "threads"), 8),
}


@pytest.mark.parametrize("case", ADDING)
def test_another_config_may_add_to_results(case, config, tmp_path):
    record_settings(list_settings(config), "a.yaml", tmp_path)
    changed = list_settings(change(config, *ADDING[case]))
    assert refuse_replacing(changed, "b.yaml", tmp_path) is None


def test_what_two_configs_share_neither_may_replace(config, tmp_path):
    for name in ("a.yaml", "b.yaml"):
        record_settings(list_settings(config), name, tmp_path)
    changed = list_settings(change(config, ("cells", "cap"), 9))
    with pytest.raises(ConfigError, match=r"^a\.yaml would replace results of b\.yaml: cells"):
        refuse_replacing(changed, "a.yaml", tmp_path)


def test_a_config_that_changed_its_own_results_is_alone_with_them(config, tmp_path):
    record_settings(list_settings(config), "a.yaml", tmp_path)
    changed = list_settings(change(config, ("cells", "cap"), 9))
    record_settings(changed, "a.yaml", tmp_path)
    refuse_replacing(changed, "b.yaml", tmp_path)
    with pytest.raises(ConfigError, match="cap was 9, and is 25"):
        refuse_replacing(list_settings(config), "b.yaml", tmp_path)


def test_without_a_record_nothing_is_refused_and_a_damaged_one_is_named(config, tmp_path):
    refuse_replacing(list_settings(config), "a.yaml", tmp_path / "nothing")
    (tmp_path / "study.json").write_text("{")
    with pytest.raises(ConfigError, match=r"study\.json: cannot be read .*; remove it"):
        refuse_replacing(list_settings(config), "a.yaml", tmp_path)


def test_the_record_is_the_same_whoever_comes_first(config, tmp_path):
    for name in ("b.yaml", "a.yaml", "b.yaml"):
        record_settings(list_settings(config), name, tmp_path)
    record = json.loads((tmp_path / "study.json").read_text())
    assert {tuple(known["configs"]) for known in record.values()} == {("a.yaml", "b.yaml")}


@pytest.mark.parametrize("first", DEMOS)
def test_the_demos_share_one_folder(first, monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    for name in (first, *DEMOS):
        path = f"config/{name}.yaml"
        settings = list_settings(complete(yaml.safe_load(Path(path).read_text())))
        assert refuse_replacing(settings, path, tmp_path) is None
        record_settings(settings, path, tmp_path)
