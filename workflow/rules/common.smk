# Constraints of all wildcards, and the input functions whose paths depend on the config.

import re

MODELS = {model["name"]: model for model in config["models"]}
SCORERS = {scorer["name"]: scorer for scorer in config["score"]["scorers"]}
CONTROLS = {control["name"]: control for control in config["select"]["controls"]}
INTERVENTIONS = {entry["name"]: entry for entry in config["intervene"]}
HOOKPOINTS = config["extract"]["hookpoints"]
SPLITS = [f"split{seed}" for seed in config["cells"]["splits"]]
RATES = {f"r{rate:g}": rate for rate in config["select"]["rates"]}
SHARD_COUNT = config["extract"]["shards"]
SHARDS = [f"{number}-of-{SHARD_COUNT}" for number in range(1, SHARD_COUNT + 1)]


def grow(amount):
    """Double a model job's memory or time with each attempt; only a profile's `retries` has two."""
    return lambda wildcards, attempt: amount * 2 ** (attempt - 1)


# Resources never trigger a rerun, so all that changes speed alone stands here and not in params.
MODEL_JOB = {
    "gpu": int(config["compute"]["device"] == "cuda"),
    "device": config["compute"]["device"],
    "batch_tokens": config["compute"]["batch_tokens"],
    "workers": config["compute"]["workers"],
    "mem_mb": grow(config["compute"]["memory_mb"]),
    "runtime": grow(config["compute"]["runtime_minutes"]),
}

DEMO_CHECKPOINTS = "results/demo/checkpoints"
DEMO_MODELS = ["tiny-qwen2.5-vl", "tiny-llava-v1.6-mistral", "tiny-pangea"]
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
EFFECTS = "results/effects/{model}/{hookpoint}/{split}/{rate}/{intervention}"
SUMMARIES = "results/summaries/{model}/{hookpoint}/{split}/{rate}/{intervention}"
RANKS = "results/ranks/{model}/{hookpoint}/{split}/{rate}/{intervention}"
COMPARISONS = "results/comparisons/{model}/{hookpoint}/{split}/{rate}"


def one_of(names):
    """Match exactly the given names, or nothing where there are none."""
    return "|".join(re.escape(name) for name in names) or "(?!)"


wildcard_constraints:
    demo_model=one_of(DEMO_MODELS),
    model=one_of(MODELS),
    hookpoint=one_of(HOOKPOINTS),
    split=one_of(SPLITS),
    rate=one_of(RATES),
    intervention=one_of(INTERVENTIONS),
    shard=one_of(SHARDS),
    scorer=one_of([*SCORERS, "planted"]),
    selector="[a-z][a-z0-9_]*",


def get_demo_model(model):
    """Name the demo model that a model of the config is, or None."""
    folder, _, name = MODELS[model]["checkpoint"].rpartition("/")
    return name if folder == DEMO_CHECKPOINTS and name in DEMO_MODELS else None


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


def get_scorers(model):
    """Name a model's scorers, the planted neurons last."""
    return [*SCORERS, "planted"] if get_demo_model(model) else list(SCORERS)


def get_controls(scorer):
    """Name a scorer's controls with their selectors; planted neurons have no scorer to permute.

    All of kind random share one selector where masks are as large as the rate asks for.
    """
    overall = scorer in SCORERS and SCORERS[scorer]["select"] == "overall"
    return {
        name: (
            name
            if control["kind"] == "random" and not overall
            else f"{name}_of_{scorer}"
        )
        for name, control in CONTROLS.items()
        if control["kind"] != "permuted" or scorer in SCORERS
    }


# Selector of a control -> the control, and the scorer that it is of.
CONTROL_SELECTORS = {
    selector: (name, scorer)
    for scorer in [*SCORERS, "planted"]
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
    return [] if wildcards.control == name else f"{MASKS}/{scorer}.parquet"


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


def expand_studies(pattern, models=MODELS):
    """Fill a path for every study of the models, with each model's own scorers."""
    axes = {
        "hookpoint": HOOKPOINTS,
        "split": SPLITS,
        "rate": RATES,
        "intervention": INTERVENTIONS,
    }
    paths = []
    for model in models:
        values = {"model": [model], "scorer": get_scorers(model), **axes}
        paths += expand(
            pattern, **{key: values[key] for key in values if f"{{{key}}}" in pattern}
        )
    return paths


def expand_subjects(pattern, **wildcards):
    """Fill a path for every model and each of its scorers."""
    return [
        path
        for model in MODELS
        for path in expand(pattern, model=model, scorer=get_scorers(model), **wildcards)
    ]


def get_figures(wildcards):
    """List the study's figures; those of planted neurons only where there are demo models."""
    study = "{hookpoint}/{split}/{rate}"
    stems = ["accuracy", "rejected"]
    stems += expand_studies(f"layers/{{model}}/{study}")
    stems += expand_studies(f"overlap/{{model}}/{study}")
    stems += expand_studies(f"deactivation/{{model}}/{study}/{{intervention}}")
    first, demo = list(MODELS)[:1], list(filter(get_demo_model, MODELS))
    stems += expand_studies(f"self_cross/{study}/{{intervention}}", models=first)
    stems += expand_studies(f"recovery/{study}", models=demo[:1])
    return expand("results/figures/{stem}.{suffix}", stem=stems, suffix=["svg", "png"])


def get_tables(wildcards):
    """List the study's CSV files."""
    return rules.write_tables.output
