# What the study is: its figures and tables.


def expand_studies(pattern, models=MODELS, interventions=INTERVENTIONS):
    """Fill a path for every study of the models, with each model's own scorers."""
    axes = {
        "split": SPLITS,
        "intervention": interventions,
        "outcome": MEASURED,
    }
    paths = []
    for model in models:
        for hookpoint in HOOKPOINTS:
            scorers = get_scorers(model, hookpoint)
            values = {"model": [model], "hookpoint": [hookpoint], "scorer": scorers}
            values |= {"rate": STUDY.get_rates(hookpoint), **axes}
            used = {key: values[key] for key in values if f"{{{key}}}" in pattern}
            paths += expand(pattern, **used)
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


def list_masks(wildcards):
    """List every model with each of its scorers at a hookpoint."""
    return [
        (model, scorer)
        for model in MODELS
        for scorer in get_scorers(model, wildcards.hookpoint)
    ]


def expand_masks(pattern, wildcards):
    """Fill a path for every model and each of its scorers at a hookpoint; drop the wildcard `model`."""
    others = {key: wildcards[key] for key in wildcards.keys() if key != "model"}
    return [
        path
        for model, scorer in list_masks(wildcards)
        for path in expand(pattern, model=model, scorer=scorer, **others)
    ]


def list_components(scorer):
    """List model, hookpoint, and rate of every study that has masks of a scorer."""
    return [
        (model, hookpoint, rate)
        for model in MODELS
        for hookpoint in HOOKPOINTS
        for rate in STUDY.get_rates(hookpoint)
        if scorer in get_scorers(model, hookpoint)
    ]


def expand_components(pattern, wildcards):
    """Fill a path for every study that has masks of a scorer."""
    others = {
        key: wildcards[key]
        for key in ("split", "intervention")
        if key in wildcards.keys()
    }
    return [
        pattern.format(
            model=model,
            hookpoint=hookpoint,
            rate=rate,
            scorer=wildcards.scorer,
            **others,
        )
        for model, hookpoint, rate in list_components(wildcards.scorer)
    ]


def list_planted(hookpoint):
    """List the models with planted neurons at a hookpoint."""
    return [model for model in MODELS if has_plants(model, hookpoint)]


def get_figures(wildcards):
    """List the study's figures; those of planted neurons only where there are demo models."""
    study = "{hookpoint}/{split}/{rate}"
    stems = ["accuracy", "rejected"]
    stems += expand_studies(f"layers/{study}/{{model}}")
    stems += expand_studies(f"overlap/{study}/{{model}}")
    stems += expand_studies(
        f"deactivation/{study}/{{intervention}}/{{outcome}}/{{model}}"
    )
    first = list(MODELS)[:1]
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
    stems += [
        f"recovery/{hookpoint}/{split}/{rate}"
        for hookpoint in HOOKPOINTS
        for split in SPLITS
        for rate in STUDY.get_rates(hookpoint)
        if list_planted(hookpoint)
    ]
    if len(HOOKPOINTS) > 1:
        stems += expand(
            "components/{split}/{intervention}/{outcome}/{scorer}",
            split=SPLITS,
            intervention=INTERVENTIONS,
            outcome=MEASURED,
            scorer=SCORERS,
        )
        stems += expand("depth/{split}/{scorer}", split=SPLITS, scorer=SCORERS)
    if SENSITIVITY["measure"]:
        stems += list_sensitivity_figures()
    return expand("results/figures/{stem}.{suffix}", stem=stems, suffix=["svg", "png"])


def list_sensitivity_figures():
    """List the figures of those settings that the config has more than one of."""
    agreement = {"halves": True, "samples": True, "layers": True}
    agreement |= {"variants": bool(SENSITIVITY["variants"]), "models": len(MODELS) > 1}
    effects = {"rates": len(RATES) > 1, "splits": len(SPLITS) > 1, "categories": True}
    stems = expand(
        "sensitivity/{hookpoint}/{figure}",
        hookpoint=HOOKPOINTS,
        figure=[name for name in agreement if agreement[name]],
    )
    stems += [
        f"sensitivity/{hookpoint}/scopes"
        for hookpoint in HOOKPOINTS
        if STUDY.get_scopes(hookpoint)["compared"]
    ]
    return stems + expand(
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


@cache
def describe_figures():
    """Describe each figure: where a report shows it, and what its caption quotes."""
    paths = [path for path in get_figures(None) if path.endswith(".svg")]
    return [describe_figure(path) for path in paths]


def describe_figure(path):
    """Describe a figure as the rule that draws it does, with its job's wildcards and params."""
    for plot in workflow.rules:
        for output in plot.output:
            match = output.match(path)
            if match and is_flagged(output, "report"):
                shown, named = output.flags["report"], match.groupdict()
                wildcards = Wildcards(fromdict=named)
                return {
                    "path": path,
                    "caption": os.path.relpath(
                        shown.caption.get_path_or_uri(secret_free=True)
                    ),
                    "category": shown.category,
                    "family": (shown.subcategory or shown.category).format(**named),
                    "labels": {
                        key: text.format(**named) for key, text in shown.labels.items()
                    },
                    "wildcards": named,
                    "params": {
                        key: value(wildcards) if callable(value) else value
                        for key, value in plot.params.items()
                    },
                }
