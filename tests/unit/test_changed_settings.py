"""Which settings a report calls changed: each that is not the default, and no other."""

import pytest
import yaml
from config_mutations import ROOT

from planning.changed_settings import list_changed
from planning.config import complete_config
from planning.schema import read_schema

SMALLEST = {
    "dataset": {"source": "owner/data", "cultures": "config/cultures.tsv"},
    "models": [{"name": "mine", "checkpoint": "owner/name"}],
    "score": {"scorers": [{"name": "cas"}]},
}


@pytest.fixture
def find(monkeypatch):
    """Complete the smallest config with more, and list what is changed: key -> value, default."""
    monkeypatch.chdir(ROOT)
    schema = read_schema(ROOT)

    def find(**more):
        config = complete_config(yaml.safe_load(yaml.safe_dump(SMALLEST | more)), ROOT)
        return {key: (value, default) for key, value, default in list_changed(config, schema)}

    return find


USUAL = {
    "dataset.source": ("owner/data", None),
    "dataset.cultures": ("config/cultures.tsv", None),
    "models[mine].checkpoint": ("owner/name", None),
    "score.scorers[cas].scorer": ("cas", None),
}


def test_of_the_smallest_config_nothing_is_changed_but_what_must_be_said(find):
    assert find() == USUAL


def test_a_default_that_is_stated_is_not_changed(find):
    assert find(cells={"folds": 8, "splits": [0]}, evaluate={"alpha": 0.05}) == USUAL


@pytest.mark.parametrize(
    ("more", "changed"),
    [
        ({"cells": {"folds": 4, "floor": 3}}, {"cells.folds": (4, 8), "cells.floor": (3, 12)}),
        ({"evaluate": {"unchanged": {"logp": 0.1}}}, {"evaluate.unchanged.logp": (0.1, 0.05)}),
        ({"select": {"rates": [0.01, 0.05]}}, {"select.rates": ([0.01, 0.05], [0.01])}),
        (
            {"extract": {"scopes": {"image": ["image"], "text": ["question"]}}},
            {"extract.scopes.text": (["question"], ["question", "options"])},
        ),
        (
            {"score": {"scorers": [{"name": "cas", "min_score": 0}], "scopes": ["image"]}},
            {
                "score.scorers[cas].min_score": (0, None),
                "score.scopes": (["image"], ["image", "text"]),
            },
        ),
    ],
)
def test_what_is_changed_is_listed_with_its_default(find, more, changed):
    assert find(**more) == USUAL | changed


def test_what_a_default_has_and_the_config_has_not_is_listed(find):
    changed = find(
        extract={"scopes": {"image": ["image"]}}, score=SMALLEST["score"] | {"scopes": ["image"]}
    )
    assert changed["extract.scopes.text"] == (None, ["question", "options"])
