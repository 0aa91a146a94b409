"""Settings of sensitivity that cannot be measured are refused before any job."""

import copy
from pathlib import Path

import pytest
import yaml

from planning.config import ConfigError, complete_config

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())


@pytest.fixture(autouse=True)
def _repository(monkeypatch):
    monkeypatch.chdir(ROOT)


def refusal(section, key, value):
    config = copy.deepcopy(DEFAULT)
    config[section][key] = value
    with pytest.raises(ConfigError) as caught:
        complete_config(config, ROOT)
    return str(caught.value)


def variant(scorer, **options):
    return [{"scorer": scorer, "options": options}]


def test_a_scope_that_is_not_stored_is_refused():
    message = refusal("sensitivity", "scopes", [["image"], ["image", "txet"]])
    assert message.startswith("config key 'sensitivity.scopes[1][1]' is 'txet'; expected one of")
    assert "did you mean 'text'" in message


def test_a_variant_of_no_scorer_or_with_unfit_options_is_refused():
    message = refusal("sensitivity", "variants", variant("mat", variant="z", activity_floor=0.5))
    assert message.startswith("config key 'sensitivity.variants[0].scorer' is 'mat'; expected")
    message = refusal("sensitivity", "variants", variant("mad", variant="zz", activity_floor=0.5))
    assert message.startswith("config key 'sensitivity.variants[0].options.variant' is 'zz'")
    message = refusal("sensitivity", "variants", variant("mad", variant="diff"))
    assert message.startswith("config key 'sensitivity.variants[0].options.activity_floor'")


def test_a_variant_that_is_the_scorer_itself_is_refused():
    message = refusal("sensitivity", "variants", variant("mad", variant="z", activity_floor=0.5))
    assert "is what 'mad' has under score.scorers" in message


def test_two_seeds_that_divide_the_folds_alike_are_no_two_splits():
    message = refusal("cells", "splits", [2, 0, 1])
    assert message == (
        "config key 'cells.splits[2]' is 1, which divides 4 folds as 0 does; expected another seed"
    )
    config = copy.deepcopy(DEFAULT)
    config["cells"] |= {"splits": [0, 1], "folds": 8}
    assert complete_config(config, ROOT)["cells"]["splits"] == [0, 1]
