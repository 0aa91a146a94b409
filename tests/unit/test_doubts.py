"""Settings that can show nothing are named at planning, and others are not."""

from pathlib import Path

import pytest
import yaml

from culture_neurons.evaluate.exchange import assign_masks
from planning import doubts
from planning.config import complete_config
from planning.doubts import list_doubts

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def config(monkeypatch):
    monkeypatch.chdir(ROOT)
    return complete_config(yaml.safe_load(Path("config/config.yaml").read_text()), ROOT)


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda p: p.stem)
def test_no_shipped_config_is_doubtful(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    if path.stem == "my_study":
        pytest.skip("its paths are the user's to fill in")
    assert list(list_doubts(complete_config(yaml.safe_load(path.read_text()), ROOT))) == []


def test_draws_that_are_too_few_for_the_level_are_named(config):
    config["select"]["controls"][0]["draws"] = 18
    (line,) = list_doubts(config)
    assert "'select.controls[0].draws' is 18: the smallest p is 0.053, above" in line
    config["select"]["controls"][0]["draws"] = 19
    assert list(list_doubts(config)) == []


def test_a_level_below_every_rank_is_named(config):
    config["evaluate"]["alpha"] = 1e-9
    lines = list(list_doubts(config))
    assert "'evaluate.alpha' is 1e-09: masks exchanged among 8 cultures" in lines[0]
    assert "smallest p of 2.5e-05" in lines[0]
    assert "'select.controls[0].draws' is 20" in lines[1]


def test_steering_by_nothing_is_named(config):
    entry = config["intervene"][0]
    config["intervene"] = [entry, entry | {"kind": "scale", "strength": 0}]
    assert list(list_doubts(config)) == [
        "config key 'intervene[1].strength' is 0, which changes nothing"
    ]


@pytest.mark.parametrize("cultures", [3, 8, 9])
def test_as_many_assignments_are_ranked_as_planning_says(cultures):
    assert len(assign_masks(cultures, 0)) == min(doubts.factorial(cultures) - 1, doubts.ASSIGNMENTS)
