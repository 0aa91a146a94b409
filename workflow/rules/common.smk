# Patterns of paths, constraints of all wildcards, and input functions: paths that the config decides.

import re
from functools import cache

from culture_neurons.dataset.cultures import has_related
from culture_neurons.dataset.sources import list_inputs
from culture_neurons.demo.names import (
    DEMO_CHECKPOINTS,
    DEMO_DATASETS,
    find_hookpoint,
    parse_demo_name,
)
from culture_neurons.demo.names import PATTERN as DEMO_NAMES
from culture_neurons.hooks.places import list_hookpoints, load_hookpoint, name_module
from culture_neurons.outcomes import OUTCOMES as MEASURED
from planning.changed_settings import list_changed
from planning.code_inputs import find_code_inputs
from planning.model_jobs import list_resources, name_hub_cache
from planning.schema import read_schema
from planning.study import Study
from snakemake.io import is_flagged
from snakemake.iocontainers import Wildcards

# What these names hold stands in planning/study.py.
STUDY = Study(config)
MODELS, COUNTED, SCORERS = STUDY.models, STUDY.counted, STUDY.scorers
IMPORTED, COMBINED, CONTROLS = STUDY.imported, STUDY.combined, STUDY.controls
INTERVENTIONS, STEERING = STUDY.interventions, STUDY.steering
EVERY_INTERVENTION = INTERVENTIONS | STEERING
SPLITS, RATES, SHARDS = STUDY.splits, STUDY.rates, STUDY.shards
REFERENCE = STUDY.reference
DRAWN = config["select"]["controls"][0]  # the control whose band figures draw
get_candidates, get_scorers = STUDY.get_candidates, STUDY.get_scorers
get_controls, has_plants = STUDY.get_controls, STUDY.has_plants

OTHER_DATASETS = STUDY.other_datasets

RELATED = has_related(config["dataset"]["cultures"])

HOOKPOINTS = config["extract"]["hookpoints"]
SENSITIVITY = config["sensitivity"]
INTERVALS = {
    key: config["evaluate"][key] for key in ("cross", "resamples", "confidence", "seed")
}
RESAMPLING = {key: INTERVALS[key] for key in ("resamples", "confidence", "seed")}
TESTS = {key: config["evaluate"][key] for key in ("alpha", "power", "collapse")}
SETTINGS = {key: config[key] for key in config if key != "compute"}  # but for speed
CHANGED = list_changed(SETTINGS, read_schema(ROOT))
TEMPLATES = sorted(ROOT.glob("workflow/scripts/culture_neurons/report/templates/*"))
HUB_CACHE = name_hub_cache(config["compute"])
MODEL_JOB = list_resources(config["compute"])

CHECKPOINT_FILES = [
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
]

MASKS = "results/masks/{model}/{hookpoint}/{split}/{rate}"
STUDY_PATH = "{model}/{hookpoint}/{split}/{rate}/{intervention}"
OUTCOMES = f"results/outcomes/{STUDY_PATH}"
SWAPPED = f"results/swapped/outcomes/{STUDY_PATH}"
SWAPPED_STEERED = f"results/swapped/steered/{STUDY_PATH}"
STEERED = f"results/steered/{STUDY_PATH}"
EFFECTS = f"results/effects/{STUDY_PATH}"
SUMMARIES = f"results/summaries/{STUDY_PATH}"
RANKS = f"results/ranks/{STUDY_PATH}"
STRENGTHS = f"results/strengths/{STUDY_PATH}"
DOSES = f"results/doses/{STUDY_PATH}"
ELSEWHERE = "results/other_datasets/{other_dataset}"
CATEGORIES = "results/categories/{model}/{hookpoint}/{split}/{rate}"
RELIABILITY = "results/reliability/{model}/{hookpoint}"
COMPARISONS = "results/comparisons/{model}/{hookpoint}/{split}/{rate}"


def one_of(names):
    """Match exactly the given names, or nothing where there are none."""
    return "|".join(re.escape(name) for name in names) or "(?!)"


wildcard_constraints:
    demo_model=DEMO_NAMES,
    demo_dataset=one_of(DEMO_DATASETS),
    model=one_of(MODELS),
    hookpoint=one_of(list_hookpoints()),
    split=one_of(SPLITS),
    rate=one_of(RATES),
    intervention=one_of(EVERY_INTERVENTION),
    outcome=one_of(MEASURED),
    other_dataset=one_of(OTHER_DATASETS),
    shard=one_of(SHARDS),
    scorer=one_of(STUDY.all_scorers),
    selector="[a-z][a-z0-9_]*",


def get_outcome(wildcards):
    """Say in words what a figure's changes are of."""
    return MEASURED[wildcards.outcome]._asdict()


def get_checkpoint_input(wildcards):
    """List a model's local files: its checkpoint's and its chat template. A Hub id has none."""
    model = MODELS[wildcards.model]
    folder = Path(model["checkpoint"])
    files = [model["chat_template"]] if model["chat_template"] else []
    if STUDY.get_demo_model(wildcards.model):
        return files + [str(folder / name) for name in CHECKPOINT_FILES]
    suffixes = {".json", ".jinja", ".safetensors", ".model"}
    return files + sorted(str(p) for p in folder.glob("*") if p.suffix in suffixes)


def list_dataset_files(dataset):
    """List a dataset's local files, pictures included; of a Hub id at most pictures."""
    image = dataset["columns"]["image"]
    return list_inputs(dataset["source"], image, dataset["image_root"])


def list_reading(dataset):
    """List how a dataset is read: its settings but for inputs, and for which rows are asked."""
    others = ("cultures", "labels", "per_culture")
    return {key: dataset[key] for key in dataset if key not in others}


def find_code_with_scorer(script):
    """Make an input function: a script's code, and the one scorer that its job loads."""

    def find_code(wildcards):
        selector = wildcards.get("scorer") or wildcards.control
        scorer = STUDY.get_scorer(selector)["scorer"]
        return find_code_inputs(script, f"culture_neurons.scorers.{scorer}")

    return find_code


def find_code_with_hookpoint(script):
    """Make an input function: a script's code, and the one hookpoint that its job loads."""
    return lambda wildcards: find_code_inputs(script, name_module(wildcards.hookpoint))


def get_imported_masks(wildcards):
    """Find the file of imported masks: one that the config names, or another model's masks."""
    name, model = wildcards.imported, wildcards.model
    lender = get_lender(wildcards)
    if lender is None:
        return IMPORTED[name]["files"][model]
    return f"{MASKS}/{get_lent_scorer(wildcards)}.parquet".replace("{model}", lender)


def get_lender(wildcards):
    """Name the model whose masks are lent."""
    return STUDY.get_lender(wildcards.imported, wildcards.model)


def get_lent_scorer(wildcards):
    """Name the scorer whose masks models lend each other."""
    return IMPORTED[wildcards.imported]["of"]


def get_control_masks(wildcards):
    """Find the scorer's masks that a control resembles; one that scorers share has none."""
    scorer = STUDY.control_selectors[wildcards.control].scorer
    return [] if STUDY.is_shared(wildcards.control) else [f"{MASKS}/{scorer}.parquet"]


def get_control_outcomes(wildcards):
    """List the outcomes of a scorer's controls."""
    selectors = get_controls(wildcards.scorer).values()
    return [f"{OUTCOMES}/{selector}.parquet" for selector in selectors]


def get_intervention_statistics(wildcards):
    """Find the statistics, whose means some kinds shift neurons by, or to."""
    kind = EVERY_INTERVENTION[wildcards.intervention]["kind"]
    path = "results/statistics/{model}/{hookpoint}/{split}.parquet"
    path = path.replace("{hookpoint}", get_coordinates(wildcards))
    return [] if kind in ("ablate", "scale") else [path]


def get_coordinates(wildcards):
    """Name the hookpoint that has the coordinates of a hookpoint's neurons, and so their means."""
    return load_hookpoint(wildcards.hookpoint).coordinates or wildcards.hookpoint
