# Constraints of all wildcards, and the input functions whose paths depend on the config.

import re

from culture_neurons.demo.names import DEMO_CHECKPOINTS, DEMO_DATASET

# Which answers count changes a model's cells, but no answer.
MODELS = {
    model["name"]: {key: model[key] for key in model if key != "answers"}
    for model in config["models"]
}
COUNTED = {model["name"]: model["answers"] for model in config["models"]}
SCORERS = {scorer["name"]: scorer for scorer in config["score"]["scorers"]}
IMPORTED = {entry["name"]: entry for entry in config["select"]["imported"]}
CONTROLS = {control["name"]: control for control in config["select"]["controls"]}
INTERVENTIONS = {entry["name"]: entry for entry in config["intervene"]}
HOOKPOINTS = config["extract"]["hookpoints"]
SPLITS = [f"split{seed}" for seed in config["cells"]["splits"]]
RATES = {f"r{rate:g}": rate for rate in config["select"]["rates"]}
SENSITIVITY = config["sensitivity"]
# What other rates and splits are compared with.
REFERENCE = {
    "split": config["cells"]["splits"][0],
    "rate": config["select"]["rates"][0],
}
SHARD_COUNT = config["extract"]["shards"]
SHARDS = [f"{number}-of-{SHARD_COUNT}" for number in range(1, SHARD_COUNT + 1)]


def grow(amount):
    """Double a model job's memory or time with each attempt; only a profile's `retries` has two."""
    return lambda wildcards, attempt: amount * 2 ** (attempt - 1)


# Resources never trigger a rerun, so what changes speed or place alone is one, and no param. Their
# values are numbers or text: "" is the environment's cache.
HUB_CACHE = config["compute"]["hub_cache"] or ""
MODEL_JOB = {
    "hub_cache": HUB_CACHE,
    "gpu": int(config["compute"]["device"] == "cuda"),
    "device": config["compute"]["device"],
    "batch_tokens": config["compute"]["batch_tokens"],
    "workers": config["compute"]["workers"],
    "mem_mb": grow(config["compute"]["memory_mb"]),
    "runtime": grow(config["compute"]["runtime_minutes"]),
}

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
OUTCOMES = "results/outcomes/{model}/{hookpoint}/{split}/{rate}/{intervention}"
SWAPPED = "results/swapped/outcomes/{model}/{hookpoint}/{split}/{rate}/{intervention}"
EFFECTS = "results/effects/{model}/{hookpoint}/{split}/{rate}/{intervention}"
SUMMARIES = "results/summaries/{model}/{hookpoint}/{split}/{rate}/{intervention}"
RANKS = "results/ranks/{model}/{hookpoint}/{split}/{rate}/{intervention}"
CATEGORIES = "results/categories/{model}/{hookpoint}/{split}/{rate}"
RELIABILITY = "results/reliability/{model}/{hookpoint}"
COMPARISONS = "results/comparisons/{model}/{hookpoint}/{split}/{rate}"


def one_of(names):
    """Match exactly the given names, or nothing where there are none."""
    return "|".join(re.escape(name) for name in names) or "(?!)"


wildcard_constraints:
    demo_model=DEMO_NAMES,
    model=one_of(MODELS),
    hookpoint=one_of(HOOKPOINTS),
    split=one_of(SPLITS),
    rate=one_of(RATES),
    intervention=one_of(INTERVENTIONS),
    shard=one_of(SHARDS),
    analysis="[a-z]+",
    scorer=one_of([*SCORERS, *IMPORTED, "planted"]),
    selector="[a-z][a-z0-9_]*",


def get_demo_model(model):
    """Read what demo model a model of the config is; None for others."""
    folder, _, name = MODELS[model]["checkpoint"].rpartition("/")
    return parse_demo_name(name) if folder == DEMO_CHECKPOINTS else None


def has_plants(model):
    """Say whether a model is a demo's with planted neurons."""
    demo_model = get_demo_model(model)
    return demo_model is not None and demo_model.variant != "unplanted"


def get_checkpoint_input(wildcards):
    """List a model's local files: its checkpoint's and its chat template. A Hub id has none."""
    model = MODELS[wildcards.model]
    folder = Path(model["checkpoint"])
    files = [model["chat_template"]] if model["chat_template"] else []
    if get_demo_model(wildcards.model):
        return files + [str(folder / name) for name in CHECKPOINT_FILES]
    suffixes = {".json", ".jinja", ".safetensors", ".model"}
    return files + sorted(str(p) for p in folder.glob("*") if p.suffix in suffixes)


def get_dataset_input(wildcards):
    """List the dataset's local files, pictures included; a Hub id has none."""
    dataset = config["dataset"]
    return list_inputs(dataset["source"], dataset["columns"]["image"])


def get_scorer_code(wildcards):
    """List the scoring adapter's code and the one scorer that it loads."""
    scorer = SCORERS[wildcards.scorer]["scorer"]
    return find_code_inputs("score_neurons", f"culture_neurons.scorers.{scorer}")


def get_reliability_code(wildcards):
    """List the code that compares a scorer with itself, and the one scorer that it loads."""
    scorer = SCORERS[wildcards.scorer]["scorer"]
    return find_code_inputs("measure_reliability", f"culture_neurons.scorers.{scorer}")


def get_candidates(model):
    """Name a model's scorers and, like scorers, the masks imported for it."""
    return [*SCORERS, *(name for name in IMPORTED if model in IMPORTED[name]["files"])]


def get_scorers(model):
    """Name a model's scorers and imported masks, the planted neurons last."""
    return get_candidates(model) + ["planted"] * has_plants(model)


def get_controls(scorer):
    """Name a scorer's controls with their selectors; masks alone have no scorer to permute.

    All of kind random share one selector where masks are as large as the rate asks for.
    """
    own_sizes = scorer not in SCORERS or SCORERS[scorer]["select"] == "overall"
    return {
        name: (
            name
            if control["kind"] == "random" and not own_sizes
            else f"{name}_of_{scorer}"
        )
        for name, control in CONTROLS.items()
        if control["kind"] != "permuted" or scorer in SCORERS
    }


# Selector of a control -> the control, and the scorer that it is of.
CONTROL_SELECTORS = {
    selector: (name, scorer)
    for scorer in [*SCORERS, *IMPORTED, "planted"]
    for name, selector in get_controls(scorer).items()
}


def list_selectors(permuted):
    """List the selectors of permuted controls, or of the others."""
    return [
        selector
        for selector, (name, _) in CONTROL_SELECTORS.items()
        if (CONTROLS[name]["kind"] == "permuted") == permuted
    ]


def get_control(wildcards):
    """Describe the control that a selector draws: what changes its masks."""
    name, _ = CONTROL_SELECTORS[wildcards.control]
    return {key: CONTROLS[name][key] for key in ("name", "kind", "draws", "seed")}


def get_control_masks(wildcards):
    """Find the scorer's masks that a control resembles; one that scorers share has none."""
    name, scorer = CONTROL_SELECTORS[wildcards.control]
    return [] if wildcards.control == name else [f"{MASKS}/{scorer}.parquet"]


def get_control_scorer(wildcards):
    """Describe the scorer that a control is of."""
    return SCORERS[CONTROL_SELECTORS[wildcards.control][1]]


def get_control_outcomes(wildcards):
    """List the outcomes of a scorer's controls."""
    selectors = get_controls(wildcards.scorer).values()
    return [f"{OUTCOMES}/{selector}.parquet" for selector in selectors]


def get_others(selector):
    """Find how many questions of each other culture a selector's masks are asked."""
    if selector in CONTROL_SELECTORS:
        return CONTROLS[CONTROL_SELECTORS[selector][0]]["others"]
    return config["select"]["others"]


def get_intervention_statistics(wildcards):
    """Find the statistics, which mean_ablate alone needs."""
    kind = INTERVENTIONS[wildcards.intervention]["kind"]
    path = "results/statistics/{model}/{hookpoint}/{split}.parquet"
    return [path] if kind == "mean_ablate" else []
