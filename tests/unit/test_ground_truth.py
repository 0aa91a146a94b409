"""Demo models by name, and means over their training seeds."""

import polars as pl
import pytest

from culture_neurons.demo import architectures
from culture_neurons.demo.names import (
    ARCHITECTURES,
    VARIANTS,
    DemoName,
    find_hookpoint,
    list_demo_names,
    list_planted_at,
    parse_demo_name,
)
from culture_neurons.demo.recipe import Recipe
from culture_neurons.validation.ground_truth import EVERY, tabulate_ground_truth


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tiny-pangea", DemoName("tiny-pangea", "planted", 0)),
        ("tiny-qwen2.5-vl-seed12", DemoName("tiny-qwen2.5-vl", "planted", 12)),
        ("tiny-pangea-unplanted-seed1", DemoName("tiny-pangea", "unplanted", 1)),
        ("tiny-pangea-hinge_only", DemoName("tiny-pangea", "hinge_only", 0)),
        ("tiny-pangea-seed0", None),  # tiny-pangea has this seed: two names for one model
        ("tiny-pangea-planted", None),
        ("tiny-qwen2x5-vl", None),
        ("tiny-pangea-seed1-unplanted", None),
        ("llava", None),
    ],
)
def test_names_of_demo_models_say_what_they_are(name, expected):
    assert parse_demo_name(name) == expected


def test_the_listed_names_are_those_of_every_architecture_and_variant():
    found = [parse_demo_name(name) for name in list_demo_names()]
    assert found == [DemoName(a, v, 0) for a in ARCHITECTURES for v in VARIANTS]


def test_the_negative_controls_leave_out_one_loss_each_and_the_null_both():
    recipes = {name: Recipe(**left_out) for name, left_out in VARIANTS.items()}
    losses = {name: (recipe.hinge, recipe.ablation) for name, recipe in recipes.items()}
    assert losses == {
        "planted": (True, True),
        "hinge_only": (True, False),
        "ablation_only": (False, True),
        "shared": (True, True),
        "weakened": (True, True),
        "general": (True, True),
        "native": (True, True),
        "heads": (True, True),
        "vision": (True, True),
        "unplanted": (False, False),
    }
    assert [name for name, recipe in recipes.items() if recipe.shared_per_layer] == ["shared"]
    assert [name for name, recipe in recipes.items() if recipe.weakened_cultures] == ["weakened"]
    assert [name for name, recipe in recipes.items() if recipe.general_rows] == ["general"]
    assert [name for name, recipe in recipes.items() if recipe.native] == ["native"]


def test_variants_say_where_their_plants_can_be_read():
    recipes = {name: Recipe(**keys) for name, keys in VARIANTS.items()}
    for name, recipe in recipes.items():
        assert find_hookpoint(name) == recipe.hookpoint
        assert bool(list_planted_at(name)) == recipe.plants, name
    assert list_planted_at("planted") == ("mlp.gate_act", "mlp.neuron")
    assert list_planted_at("hinge_only") == ("mlp.gate_act", "mlp.neuron")
    assert list_planted_at("heads") == ("attn.head",)
    assert list_planted_at("vision") == ("vision.mlp",)
    assert list_planted_at("unplanted") == ()


def test_only_gates_can_be_weakened():
    with pytest.raises(ValueError, match=r"^weakened_cultures of neurons at attn\.head: gates of"):
        Recipe(**VARIANTS["heads"], weakened_cultures=2)


def make_verdict(checkpoint, recall, loss, verdict, significant=0):
    return {
        "model": checkpoint.rpartition("/")[2],
        "checkpoint": checkpoint,
        "hookpoint": "mlp.gate_act",
        "split": 0,
        "rate": 0.01,
        "intervention": "ablate",
        "scorer": "cas",
        "self": loss,
        "cross": 0.0,
        "recall": recall,
        "precision": recall,
        "cultures": 8,
        "cultures_significant": significant,
        "verdict": verdict,
        "logp_self": loss / 20,
        "logp_cross": 0.0,
        "logp_cultures_significant": 8,
        "logp_verdict": "own culture loses more, beyond random",
    }


def test_seeds_are_averaged_per_architecture_and_over_all_with_t_intervals():
    shown, silent = "own culture loses more, beyond random", "not shown: self within random"
    verdicts = pl.DataFrame(
        [
            make_verdict("d/tiny-pangea", 0.9, -70.0, shown, 8),
            make_verdict("d/tiny-pangea-seed1", 1.0, -80.0, silent, 1),
            make_verdict("d/tiny-qwen2.5-vl", 0.8, -60.0, shown, 7),
            make_verdict("d/tiny-pangea-unplanted", None, 0.0, silent),
            make_verdict("org/real-model", 0.0, 0.0, shown, 8),
        ]
    )
    table = tabulate_ground_truth(verdicts, 0.95)
    rows = {(row["variant"], row["architecture"]): row for row in table.to_dicts()}
    assert set(rows) == {
        ("planted", "tiny-pangea"),
        ("planted", "tiny-qwen2.5-vl"),
        ("planted", EVERY),
        ("unplanted", "tiny-pangea"),
        ("unplanted", EVERY),
    }
    two = rows["planted", "tiny-pangea"]
    assert (two["models"], two["models_shown"]) == (2, 1)
    assert (two["cultures_significant"], two["cultures"]) == (9, 16)
    assert (two["logp_models_shown"], two["logp_cultures_significant"]) == (2, 16)
    assert two["logp_self"] == pytest.approx(-3.75)
    # Of two values the mean's standard error is half their distance; t(1) at 97.5 % is 12.706.
    assert (two["recall"], two["recall_low"]) == pytest.approx(
        (0.95, 0.95 - 12.706 * 0.05), abs=1e-4
    )
    assert (two["self"], two["self_high"]) == pytest.approx((-75, -75 + 12.706 * 5), abs=1e-2)
    # 0.9, 1.0, 0.8: mean 0.9, deviation 0.1; t(2) at 97.5 % is 4.3027.
    three = rows["planted", EVERY]
    assert three["models"] == 3
    assert three["recall_high"] == pytest.approx(0.9 + 4.3027 * 0.1 / 3**0.5, abs=1e-4)
    one = rows["planted", "tiny-qwen2.5-vl"]
    assert (one["recall"], one["recall_low"], one["recall_high"]) == (0.8, None, None)
    null = rows["unplanted", EVERY]
    assert (null["models"], null["models_shown"], null["recall"]) == (1, 0, None)


def test_a_study_without_demo_models_has_no_ground_truth():
    verdicts = pl.DataFrame([make_verdict("org/real-model", 0.0, 0.0, "not shown: no control")])
    table = tabulate_ground_truth(verdicts.drop("recall", "precision"), 0.95)
    assert table.is_empty()
    assert {"variant", "recall_low", "models_shown"} < set(table.columns)


def test_all_architectures_are_named():
    assert set(architectures.ARCHITECTURES) == set(ARCHITECTURES)
