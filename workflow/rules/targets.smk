# What the study is: its figures and tables.


def expand_studies(pattern, models=MODELS, interventions=INTERVENTIONS):
    """Fill a path for every study of the models, with each model's own scorers."""
    axes = {
        "hookpoint": HOOKPOINTS,
        "split": SPLITS,
        "rate": RATES,
        "intervention": interventions,
        "outcome": MEASURED,
    }
    paths = []
    for model in models:
        values = {"model": [model], "scorer": get_scorers(model), **axes}
        paths += expand(
            pattern, **{key: values[key] for key in values if f"{{{key}}}" in pattern}
        )
    return paths


def expand_lent():
    """Fill the paths of comparisons of a model with itself under another prompt."""
    return [
        path
        for name, model in STUDY.list_lent()
        for path in expand_studies(
            f"results/prompts/{STUDY_PATH}/{name}.parquet", models=[model]
        )
    ]


def expand_elsewhere(kind, *, cultures):
    """Fill the paths of a table of every other dataset that has cultures, or that has none."""
    pattern = f"{ELSEWHERE}/{kind}/{STUDY_PATH}/{{scorer}}.parquet"
    return [
        path
        for name in STUDY.list_other_datasets(cultures=cultures)
        for path in expand_studies(pattern.replace("{other_dataset}", name))
    ]


def expand_model_scorers(pattern, **wildcards):
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
    stems += expand_studies(f"layers/{study}/{{model}}")
    stems += expand_studies(f"overlap/{study}/{{model}}")
    stems += expand_studies(
        f"deactivation/{study}/{{intervention}}/{{outcome}}/{{model}}"
    )
    first, demo = list(MODELS)[:1], list(filter(has_plants, MODELS))
    stems += expand_studies(
        f"self_cross/{study}/{{intervention}}/{{outcome}}", models=first
    )
    stems += expand_studies(
        f"doses/{study}/{{intervention}}/{{outcome}}/{{scorer}}/{{model}}",
        interventions=STEERING,
    )
    if RELATED:
        stems += expand_studies(
            f"relations/{study}/{{intervention}}/{{outcome}}/{{model}}"
        )
    for name, model in STUDY.list_lent():
        stems += expand_studies(
            f"prompts/{study}/{{intervention}}/{{outcome}}/{name}/{{model}}",
            models=[model],
        )
    for name in OTHER_DATASETS:
        stems += expand_studies(
            f"other_datasets/{name}/{study}/{{intervention}}/{{outcome}}", models=first
        )
    stems += expand_studies(f"recovery/{study}", models=demo[:1])
    if SENSITIVITY["measure"]:
        stems += list_sensitivity_figures()
    return expand("results/figures/{stem}.{suffix}", stem=stems, suffix=["svg", "png"])


def list_sensitivity_figures():
    """List the figures of those settings that the config has more than one of."""
    agreement = {"halves": True, "samples": True, "layers": True}
    agreement |= {key: bool(SENSITIVITY[key]) for key in ("scopes", "variants")}
    agreement["models"] = len(MODELS) > 1
    effects = {"rates": len(RATES) > 1, "splits": len(SPLITS) > 1, "categories": True}
    return expand(
        "sensitivity/{hookpoint}/{figure}",
        hookpoint=HOOKPOINTS,
        figure=[name for name in agreement if agreement[name]],
    ) + expand(
        "sensitivity/{hookpoint}/{intervention}/{outcome}/{figure}",
        hookpoint=HOOKPOINTS,
        intervention=INTERVENTIONS,
        outcome=MEASURED,
        figure=[name for name in effects if effects[name]],
    )


def get_tables(wildcards):
    """List the study's CSV files."""
    summary = rules.summarise_sensitivity.output if SENSITIVITY["measure"] else []
    return [*rules.write_tables.output, *summary]
