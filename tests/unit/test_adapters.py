"""Adapters refuse a file that was made for another path, and pass on the facts of their inputs."""

import ast
import importlib
import inspect
import json

import pyarrow.parquet as pq
import pytest
from adapters import SCRIPTS, run_adapter

from culture_neurons.storage.facts import TableError
from culture_neurons.storage.schemas import SCHEMAS
from culture_neurons.storage.tables import write_table

# What a path says of its file, as a job's wildcards and as the file's facts.
PLACE = {
    "model": ("tiny", "tiny"),
    "hookpoint": ("mlp.gate_act", "mlp.gate_act"),
    "split": ("split3", 3),
    "rate": ("r0.02", 0.02),
    "scorer": ("cas", {"name": "cas"}),
    "selector": ("cas", "cas"),
    "intervention": ("ablate", {"name": "ablate"}),
    "other_dataset": ("general", {"name": "general"}),
}
FOREIGN = {  # as facts, and as the error writes them
    "model": ("other", "other"),
    "hookpoint": ("mlp.other", "mlp.other"),
    "split": (0, "split0"),
    "rate": (0.01, "r0.01"),
    "scorer": ({"name": "mad"}, "mad"),
    "selector": ("mad", "mad"),
    "intervention": ({"name": "double"}, "double"),
    "other_dataset": ({"name": "transfer"}, "transfer"),
}
STUDY = ("model", "hookpoint", "split", "rate")
STATED = {  # kind of table -> its facts that stand in its path
    "questions": (),
    "planted": (),
    "answers": ("model",),
    "unseen": ("model",),
    "cells": ("model",),
    "activations": ("model", "hookpoint"),
    "statistics": ("model", "hookpoint", "split"),
    "scores": ("model", "hookpoint", "split", "scorer"),
    "masks": (*STUDY, "selector"),
    "outcomes": (*STUDY, "intervention", "selector"),
    "swapped_outcomes": (*STUDY, "intervention", "selector"),
    "outcomes elsewhere": (*STUDY, "intervention", "selector", "other_dataset"),
}
ELSEWHERE = {"questions": "questions", "outcomes": "outcomes elsewhere"}
ANSWERED = {"questions": "questions", "outcomes": ["outcomes"]}
RULES = {  # rule -> its wildcards, and the kinds of its inputs, in a list where files are several
    "fill_cells": (
        ("model",),
        {"questions": "questions", "answers": "answers", "unseen": "unseen"},
    ),
    "merge_statistics": (STUDY[:3], {"cells": "cells", "shards": ["activations"]}),
    "score_neurons": ((*STUDY[:3], "scorer"), {"statistics": "statistics"}),
    "select_neurons": ((*STUDY, "scorer"), {"scores": "scores"}),
    "import_masks": ((*STUDY, "imported"), {"statistics": "statistics"}),
    "combine_masks": ((*STUDY, "combined"), {"of": "masks", "others": ["masks"]}),
    "export_masks": ((*STUDY, "scorer"), {"masks": "masks"}),
    "select_planted": (STUDY, {"statistics": "statistics", "planted": "planted"}),
    "draw_random": ((*STUDY, "control"), {"statistics": "statistics", "masks": ["masks"]}),
    "select_permuted": ((*STUDY, "control"), {"shards": ["activations"]}),
    "intervene": (
        (*STUDY, "intervention", "selector"),
        {
            "questions": "questions",
            "cells": "cells",
            "masks": "masks",
            "statistics": ["statistics"],
        },
    ),
    "choose_strengths": (
        (*STUDY, "intervention", "selector"),
        {"questions": "questions", "steered": "outcomes", "swapped": "swapped_outcomes"},
    ),
    "measure_doses": (
        (*STUDY, "intervention", "scorer"),
        {"questions": "questions", "steered": "outcomes", "controls": ["outcomes"]}
        | {"chosen": "outcomes", "chosen_controls": ["outcomes"]},
    ),
    "measure_effects": (
        (*STUDY, "intervention", "scorer"),
        {
            "questions": "questions",
            "answers": "answers",
            "outcomes": "outcomes",
            "swapped": "swapped_outcomes",
            "controls": ["outcomes"],
        },
    ),
    "ask_elsewhere": (
        (*STUDY, "intervention", "scorer", "other_dataset"),
        {
            "questions": "questions",
            "cells": "cells",
            "masks": "masks",
            "statistics": ["statistics"],
        },
    ),
    "measure_transfer": ((*STUDY, "intervention", "scorer", "other_dataset"), ELSEWHERE),
    "measure_damage": (
        (*STUDY, "intervention", "scorer", "other_dataset"),
        ELSEWHERE | {"study_questions": "questions", "study": "outcomes"},
    ),
    "compare_scorers": ((*STUDY, "intervention"), ANSWERED),
    "measure_categories": ((*STUDY, "intervention"), ANSWERED),
    "measure_recovery": (STUDY, {"planted": "planted", "masks": ["masks"]}),
    "measure_reliability": (("model", "hookpoint", "scorer"), {"shards": ["activations"]}),
}
NO_ROWS = {"cultures": [], "widths": [1], "masks": []}
CASES = [
    (rule, name, fact)
    for rule, (_, kinds) in RULES.items()
    for name, kind in kinds.items()
    for fact in STATED[kind if isinstance(kind, str) else kind[0]]
]


def write_empty(path, kind, facts):
    write_table(path, kind, {column: [] for column in SCHEMAS[kind].names}, facts)
    return str(path)


@pytest.mark.parametrize(("rule", "foreign", "fact"), CASES)
def test_a_file_of_another_path_is_refused_by_its_reader(
    rule, foreign, fact, tmp_path, monkeypatch
):
    names, kinds = RULES[rule]
    sources = {}
    for name, kind in kinds.items():
        several = not isinstance(kind, str)
        kind = kind[0] if several else kind
        facts = {key: PLACE[key][1] for key in STATED[kind]} | NO_ROWS
        if name == foreign:
            facts[fact] = FOREIGN[fact][0]
        path = write_empty(tmp_path / name / "cas.parquet", kind.split()[0], facts)
        sources[name] = [path] if several else path
    wildcards = {name: PLACE.get(name, ("random_of_cas",))[0] for name in names}
    with pytest.raises(TableError) as caught:
        run_adapter(rule, monkeypatch, wildcards, sources)
    assert str(caught.value) == (
        f"{tmp_path / foreign / 'cas.parquet'}: its {fact} is {FOREIGN[fact][1]!r}, but a file of "
        f"this path has {PLACE[fact][0]!r}; it was made for another path: delete it and run again"
    )


def read_metadata(path):
    return json.loads(pq.read_schema(path).metadata[b"culture_neurons"])


def test_recovery_carries_the_facts_of_the_masks_and_of_the_training(tmp_path, monkeypatch):
    planted = {"culture": ["A", "A"], "layer": [0, 1], "neuron": [3, 4]}
    trained = {"architecture": "tiny-pangea", "seed": 5, "software": {"torch": "1"}}
    trained |= {"hookpoints": ["mlp.gate_act", "mlp.neuron"]}
    write_table(tmp_path / "planted.parquet", "planted", planted, trained)
    study = {"model": "tiny", "commit": "c", "dataset": "d", "prompt": "english", "option_seed": 1}
    study |= {"hookpoint": "mlp.gate_act", "split": 3, "rate": 0.02}
    masks = {"culture": ["A"], "draw": [None], "layer": [1], "neuron": [4], "rank": [0]}
    paths = []
    for scorer in ("cas", "lap"):
        own = {"scorer": {"name": scorer}, "selector": scorer, "masks": [["A", None, 1]]}
        paths.append(str(tmp_path / f"{scorer}.parquet"))
        write_table(paths[-1], "masks", masks, study | own)
    run_adapter(
        "measure_recovery",
        monkeypatch,
        {name: PLACE[name][0] for name in STUDY},
        {"planted": str(tmp_path / "planted.parquet"), "masks": paths},
        {"recovery": str(tmp_path / "recovery.parquet")},
    )
    facts = read_metadata(tmp_path / "recovery.parquet")
    assert facts.pop("software").keys() == {"polars"}
    expected = study | {"kind": "recovery", "architecture": "tiny-pangea", "seed": 5}
    assert facts == expected


@pytest.mark.parametrize("rule", ["select_planted", "measure_recovery"])
def test_neurons_planted_at_another_hookpoint_are_refused(rule, tmp_path, monkeypatch):
    names, kinds = RULES[rule]
    sources = {}
    for name, kind in kinds.items():
        several = not isinstance(kind, str)
        kind = kind[0] if several else kind
        facts = {key: PLACE[key][1] for key in STATED[kind]} | NO_ROWS
        path = write_empty(tmp_path / name / "cas.parquet", kind, facts)
        sources[name] = [path] if several else path
    wildcards = {name: PLACE[name][0] for name in names}

    def run(planted_at):
        write_empty(sources["planted"], "planted", {"hookpoints": planted_at})
        run_adapter(rule, monkeypatch, wildcards, sources)

    with pytest.raises(TableError) as caught:
        run(["attn.head"])
    assert str(caught.value) == (
        f"{sources['planted']}: its neurons are planted at attn.head, but a file of this path has "
        f"hookpoint {PLACE['hookpoint'][0]!r}; it was made for another path: delete it and run "
        "again"
    )


def test_masks_without_others_keep_their_cultures_and_order(tmp_path, monkeypatch):
    study = {"model": "tiny", "hookpoint": "mlp.gate_act", "split": 3, "rate": 0.02, "widths": [9]}
    rows = {
        "cas": (["A", "A", "A", "B"], [5, 1, 7, 7], [["A", None, 3], ["B", None, 1]]),
        "language": (["x", "y"], [7, 1], [["x", None, 1], ["y", None, 1]]),
    }
    paths = {}
    for name, (cultures, neurons, masks) in rows.items():
        columns = {"culture": cultures, "neuron": neurons, "draw": [None] * len(neurons)}
        columns |= {"layer": [0] * len(neurons), "rank": [0, 1, 2, 0][: len(neurons)]}
        own = {"scorer": {"name": name}, "selector": name, "masks": masks}
        paths[name] = write_masks_file(tmp_path / f"{name}.parquet", columns, study | own)
    for within, expected in (
        (False, [("A", 5, 0)]),
        (True, [("A", 1, 0), ("A", 7, 1), ("B", 7, 0)]),
    ):
        target = tmp_path / f"{within}.parquet"
        run_adapter(
            "combine_masks",
            monkeypatch,
            {name: PLACE[name][0] for name in STUDY} | {"combined": "made"},
            {"of": paths["cas"], "others": [paths["language"]]},
            {"masks": str(target)},
            {"within": within, "combined": {"of": "cas"}},
        )
        table = pq.read_table(target).select(["culture", "neuron", "rank"]).to_pylist()
        assert [tuple(row.values()) for row in table] == expected
        facts = read_metadata(target)
        counts = [sum(culture == name for culture, *_ in expected) for name in ("A", "B")]
        assert facts["masks"] == [["A", None, counts[0]], ["B", None, counts[1]]]
        assert (facts["selector"], facts["scorer"]) == ("made", {"name": "made", "of": "cas"})


def write_masks_file(path, columns, facts):
    write_table(path, "masks", columns, facts)
    return str(path)


def test_model_pairs_name_the_commit_of_every_model(tmp_path, monkeypatch):
    scores, masks = [], []
    for model in ("one", "two"):
        facts = {"model": model, "checkpoint": "owner/name", "commit": f"commit of {model}"}
        facts |= {"dtype": "float32", "prompt": "english", "option_seed": 1, "dataset": "d"}
        facts |= {"decoder": model, "widths": [2], "cultures": ["A"]}
        facts |= {key: PLACE[key][1] for key in ("hookpoint", "split", "rate", "scorer")}
        scores.append(write_empty(tmp_path / model / "scores.parquet", "scores", facts))
        masks.append(write_empty(tmp_path / model / "masks.parquet", "masks", facts))
    sources = {"scores": scores, "masks": masks}
    output = {"model_pairs": str(tmp_path / "model_pairs.parquet")}
    params = {"models": ["one", "two"]}
    wildcards = {"hookpoint": "mlp.gate_act"}
    run_adapter("compare_models", monkeypatch, wildcards, sources, output, params)
    facts = read_metadata(tmp_path / "model_pairs.parquet")
    assert facts["dataset"] == "d"
    assert {model: known["commit"] for model, known in facts["models"].items()} == {
        "one": "commit of one",
        "two": "commit of two",
    }
    assert facts["models"]["one"]["prompt"] == "english"


def list_calls(path):
    """List a script's calls of the library's functions: function, number of places, keywords."""
    tree = ast.parse(path.read_text())
    imported = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.startswith("culture_neurons")
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            module, name = imported.get(node.func.id, (None, None))
            if module:
                open_ended = any(isinstance(a, ast.Starred) for a in node.args)
                open_ended |= any(keyword.arg is None for keyword in node.keywords)
                names = [keyword.arg for keyword in node.keywords if keyword.arg]
                function = getattr(importlib.import_module(module), name)
                yield function, len(node.args) * (not open_ended), names, open_ended


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.stem)
def test_an_adapter_gives_each_function_the_arguments_that_it_takes(path):
    """Some rules run in no short study: a call that cannot work is found here."""
    calls = list(list_calls(path))
    for function, places, names, open_ended in calls:
        signature = inspect.signature(function)
        bind = signature.bind_partial if open_ended else signature.bind
        bind(*[None] * places, **dict.fromkeys(names))
    assert calls
