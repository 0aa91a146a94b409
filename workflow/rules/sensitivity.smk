# Cells, masks, outcomes, effects -> do scores, masks, and conclusions hold under other choices?


rule measure_reliability:
    """Compare one scorer with itself on other folds, token scopes, and options."""
    input:
        shards=expand(
            "results/activations/{{model}}/{{hookpoint}}/{shard}.parquet", shard=SHARDS
        ),
        code=find_code_with_scorer("measure_reliability"),
    output:
        reliability=f"{RELIABILITY}/{{scorer}}.parquet",
    log:
        "results/logs/measure_reliability/{model}/{hookpoint}/{scorer}.log",
    benchmark:
        "results/benchmarks/measure_reliability/{model}/{hookpoint}/{scorer}.tsv"
    wildcard_constraints:
        scorer=one_of(SCORERS),
    conda:
        "../../envs/tables.yaml"
    params:
        scorer=lambda wildcards: SCORERS[wildcards.scorer],
        scopes=lambda wildcards: [
            STUDY.get_scopes(wildcards.hookpoint)["scored"],
            *STUDY.get_scopes(wildcards.hookpoint)["compared"],
        ],
        variants=lambda wildcards: [
            entry["options"]
            for entry in SENSITIVITY["variants"]
            if entry["scorer"] == wildcards.scorer
        ],
        rates=config["select"]["rates"],
        division={key: SENSITIVITY[key] for key in ("draws", "seed")},
    script:
        "../scripts/measure_reliability.py"


rule compare_models:
    """Compare the scores and masks of every two models whose neurons can be the same."""
    input:
        scores=expand(
            "results/scores/{model}/{{hookpoint}}/{split}/{scorer}.parquet",
            model=MODELS,
            split=SPLITS,
            scorer=SCORERS,
        ),
        masks=expand(
            f"{MASKS}/{{scorer}}.parquet",
            model=MODELS,
            split=SPLITS,
            rate=RATES,
            scorer=SCORERS,
            allow_missing=True,
        ),
        code=find_code_inputs("compare_models"),
    output:
        model_pairs="results/model_pairs/{hookpoint}.parquet",
    log:
        "results/logs/compare_models/{hookpoint}.log",
    benchmark:
        "results/benchmarks/compare_models/{hookpoint}.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        models=list(MODELS),
    script:
        "../scripts/compare_models.py"


rule measure_categories:
    """Measure the effects of every scorer's masks by category of the questions."""
    input:
        questions="results/dataset/questions.parquet",
        outcomes=expand(
            f"{OUTCOMES}/{{scorer}}.parquet", scorer=SCORERS, allow_missing=True
        ),
        code=find_code_inputs("measure_categories"),
    output:
        categories=f"{CATEGORIES}/{{intervention}}.parquet",
    log:
        "results/logs/measure_categories/{model}/{hookpoint}/{split}/{rate}/{intervention}.log",
    benchmark:
        "results/benchmarks/measure_categories/{model}/{hookpoint}/{split}/{rate}/{intervention}.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        statistics={
            key: config["evaluate"][key] for key in ("resamples", "confidence", "seed")
        },
        other_questions=config["select"]["other_questions"],
    script:
        "../scripts/measure_categories.py"


rule summarise_sensitivity:
    """Say for every model where the conclusion holds, and list what each setting does."""
    input:
        reliability=expand(
            f"{RELIABILITY}/{{scorer}}.parquet",
            model=MODELS,
            hookpoint=HOOKPOINTS,
            scorer=SCORERS,
        ),
        model_pairs=expand(
            "results/model_pairs/{hookpoint}.parquet", hookpoint=HOOKPOINTS
        ),
        categories=expand(
            f"{CATEGORIES}/{{intervention}}.parquet",
            model=MODELS,
            hookpoint=HOOKPOINTS,
            split=SPLITS[0],
            rate=next(iter(RATES)),
            intervention=INTERVENTIONS,
        ),
        summaries=expand_studies(f"{SUMMARIES}/{{scorer}}.parquet"),
        ranks=expand_studies(f"{RANKS}/{{scorer}}.parquet"),
        comparisons=expand_studies(f"{COMPARISONS}/{{intervention}}.parquet"),
        code=find_code_inputs("summarise_sensitivity"),
    output:
        summary="results/tables/sensitivity.csv",
        halves="results/tables/sensitivity/halves.csv",
        samples="results/tables/sensitivity/samples.csv",
        layers="results/tables/sensitivity/layers.csv",
        scopes="results/tables/sensitivity/scopes.csv",
        variants="results/tables/sensitivity/variants.csv",
        models="results/tables/sensitivity/models.csv",
        rates="results/tables/sensitivity/rates.csv",
        splits="results/tables/sensitivity/splits.csv",
        categories="results/tables/sensitivity/categories.csv",
    log:
        "results/logs/summarise_sensitivity.log",
    benchmark:
        "results/benchmarks/summarise_sensitivity.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        reference=REFERENCE,
        files={name: scorer["scorer"] for name, scorer in SCORERS.items()},
        control=DRAWN["name"],
        alpha=config["evaluate"]["alpha"],
    script:
        "../scripts/summarise_sensitivity.py"
