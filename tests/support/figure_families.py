"""Every family of figures, drawn from made-up tables of a study's size."""

import csv
import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from plot_tables import (
    make_answers,
    make_categories,
    make_doses,
    make_effects,
    make_masks,
    make_prompts,
    make_questions,
    make_ranks,
    make_rates,
    make_recovery,
    make_rejected,
    make_relations,
    make_reliability,
    make_samples,
    make_summaries,
    make_unseen,
)

from culture_neurons.plots.accuracy import plot_accuracy
from culture_neurons.plots.agreement import plot_agreement
from culture_neurons.plots.components import plot_depth
from culture_neurons.plots.curves import plot_layer_agreement, plot_rates, plot_samples
from culture_neurons.plots.deactivation import plot_deactivation
from culture_neurons.plots.doses import plot_doses
from culture_neurons.plots.elsewhere import plot_elsewhere
from culture_neurons.plots.layers import plot_layers
from culture_neurons.plots.overlap import plot_overlap
from culture_neurons.plots.parts.inputs import ModelMasks
from culture_neurons.plots.prompts import plot_prompts
from culture_neurons.plots.recovery import plot_recovery
from culture_neurons.plots.rejected import plot_rejected
from culture_neurons.plots.relations import plot_relations
from culture_neurons.plots.self_cross import plot_self_cross
from culture_neurons.plots.settings import plot_categories, plot_splits

CONFIG = Path(__file__).resolve().parents[2] / "config"


def read_cultures(name):
    with (CONFIG / name).open(encoding="utf-8", newline="") as file:
        return {row["code"]: row["name"] for row in csv.DictReader(file, delimiter="\t")}


class Size(NamedTuple):
    """How much a study holds, and how large its effects are."""

    cultures: dict[str, str]  # code -> name
    models: dict[str, int]  # name -> layers
    scorers: tuple[str, ...]
    change: float  # of accuracy, as tables hold it


_SCORERS = ("lap", "lape", "lape_matched", "mad", "cas")
PAPER = Size(
    read_cultures("cultures.tsv"),
    {"qwen2.5-vl-7b": 28, "pangea-7b": 28, "llava-v1.6-mistral-7b": 32},
    _SCORERS,
    -0.05,
)
SUBSETS = PAPER._replace(cultures=read_cultures("subsets.tsv"))
LONG = Size(  # names as long as people give them
    {f"{code}-{code}-{code}"[:12]: name for code, name in PAPER.cultures.items()},
    {f"{name}-instruct-2024-preview": layers for name, layers in PAPER.models.items()},
    (*_SCORERS[2:], "gradact", "cas_without_language", "published"),
    -0.05,
)
DEMO = Size(
    read_cultures("demo_cultures.tsv"),
    {"tiny-qwen2.5-vl": 4, "tiny-llava-v1.6-mistral": 4, "tiny-pangea": 4},
    (*_SCORERS, "planted"),
    -0.7,
)


def _accuracy(size):
    questions = make_questions(size.cultures)
    answers = {model: make_answers(questions, n) for n, model in enumerate(size.models)}
    unseen = {model: make_unseen(questions, n) for n, model in enumerate(size.models)}
    return plot_accuracy(answers, unseen, questions, 0.95, size.cultures)


def _deactivation(size, outcome="accuracy"):
    effects = {
        scorer: make_effects(size.cultures, n, size.change).with_columns(outcome=pl.lit(outcome))
        for n, scorer in enumerate(size.scorers)
    }
    return plot_deactivation(effects, 0.05, outcome, names=size.cultures)


def _doses(size):
    doses = make_doses(size.cultures, (-1.0, 0.5, 1.0, 2.0, 4.0, 8.0))
    return plot_doses(doses, size.scorers[-1], "accuracy", size.cultures)


def _pair(size, make):
    """Make a table of each model and scorer."""
    pairs = itertools.product(size.models, size.scorers)
    return {pair: make(n) for n, pair in enumerate(pairs)}


def _self_cross(size):
    return plot_self_cross(
        _pair(size, lambda n: make_summaries(size.cultures, n, size.change)),
        _pair(size, lambda n: make_ranks("random", size.cultures, n, size.change)),
        _pair(size, lambda n: make_effects(size.cultures, n, size.change)),
        "random",
        {"other_questions": 5},
        0.05,
    )


COMPONENTS = [  # as `name_components` names them
    f"{name}, {rate} %"
    for name, rate in (
        *(("mlp.gate_act", 1), ("mlp.neuron", 1), ("attn.out", 1), ("vision.mlp", 1)),
        *(("attn.head", 1), ("attn.head", 10), ("vision.head", 10), ("projector.act", 0.5)),
    )
]


def _depth(size):
    draw = np.random.default_rng(0).dirichlet
    layers = itertools.product(size.models.items(), COMPONENTS)
    return plot_depth(
        {(model, name): count * draw(np.ones(count)) for (model, count), name in layers}
    )


def _elsewhere(size):
    study = _pair(size, lambda n: make_summaries(size.cultures, n, size.change))
    elsewhere = _pair(size, lambda n: make_summaries(size.cultures, n + 20, size.change / 2))
    effects = _pair(size, lambda n: make_effects(size.cultures, n))
    return plot_elsewhere(study, elsewhere, effects, "new_pictures", list(study), 0.02)


def _masks(size):
    return {
        model: ModelMasks(
            {
                s: make_masks(list(size.cultures), layers, 200, n)
                for n, s in enumerate(size.scorers)
            },
            list(size.cultures),
            layers,
        )
        for model, layers in size.models.items()
    }


def _layers(size):
    models = _masks(size)
    return plot_layers(models, list(models)[-1], size.cultures)


def _overlap(size):
    model = list(_masks(size).values())[-1]
    return plot_overlap(model.masks, model.cultures, size.cultures)


def _agreement(size, analysis, kind, settings=("",), panels=None):
    rows = make_reliability(kind, size.cultures, settings=settings, scorers=size.scorers)
    return plot_agreement(dict.fromkeys(panels or size.models, rows), analysis)


def _model_pairs(size):
    pairs = [f"{a}\n{b}\n(other weights)" for a, b in itertools.combinations(size.models, 2)]
    return _agreement(size, "models", "disjoint", panels=pairs)


def _samples(size):
    rows = make_samples(size.cultures, size.scorers)
    return plot_samples(dict.fromkeys(size.models, rows))


def _layer_agreement(size):
    return plot_layer_agreement(
        {
            model: make_reliability("layers", size.cultures, range(layers), scorers=size.scorers)
            for model, layers in size.models.items()
        }
    )


def _rates(size, rates=(0.001, 0.01)):
    table = make_rates(rates, (0,), size.models, size.scorers, size.change)
    frames = {model: table.filter(model=model) for model in size.models}
    return plot_rates(frames, [make_effects(size.cultures)], {})


def _splits(size):
    table = make_rates((0.01,), (0, 1, 2), size.models, size.scorers, size.change)
    frames = {model: table.filter(model=model) for model in size.models}
    return plot_splits(frames, [make_effects(size.cultures)], {})


def _categories(size):
    table = make_categories(models=size.models, scorers=size.scorers, change=size.change)
    return plot_categories({model: table.filter(model=model) for model in size.models})


def _prompts(size):
    groups = [("all", "all cultures", len(size.cultures))]
    groups += [("language", name, 7) for name in ("Spanish", "Chinese", "Urdu")]
    groups += [("culture", code, 1) for code in size.cultures]
    models = list(size.models)
    drawn = make_prompts(groups, size.change), models[0], models[-1]
    return plot_prompts(*drawn, "cas", 0.02, "accuracy", size.cultures)


def _relations(size):
    tables = {scorer: make_relations(size.change) for scorer in size.scorers}
    return plot_relations(tables, "accuracy")


FAMILIES: dict[str, Callable[[Size], Figure]] = {
    "accuracy": _accuracy,
    "rejected": lambda _: plot_rejected(make_rejected(3000), 20_000),
    "layers": _layers,
    "overlap": _overlap,
    "deactivation": _deactivation,
    "deactivation_logp": partial(_deactivation, outcome="logp"),
    "self_cross": _self_cross,
    "components": lambda size: _self_cross(size._replace(scorers=tuple(COMPONENTS))),
    "depth": _depth,
    "elsewhere": _elsewhere,
    "doses": _doses,
    "recovery": lambda size: plot_recovery(
        dict.fromkeys(size.models, make_recovery(size.cultures, size.scorers)), 0.95
    ),
    "halves": partial(_agreement, analysis="halves", kind="disjoint"),
    "scopes": partial(_agreement, analysis="scopes", kind="scopes", settings=("image", "text")),
    "variants": partial(
        _agreement,
        analysis="variants",
        kind="variants",
        settings=("variant=diff, activity_floor=0.5", "variant=abs, activity_floor=0.5"),
    ),
    "model_pairs": _model_pairs,
    "samples": _samples,
    "layer_agreement": _layer_agreement,
    "rates": _rates,
    "splits": _splits,
    "categories": _categories,
    "prompts": _prompts,
    "relations": _relations,
}
