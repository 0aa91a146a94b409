# Tables of sensitivity -> figures: one for each choice that scores, masks, or effects depend on.


rule plot_halves:
    """Draw how far scores and masks from two halves of the images agree."""
    input:
        reliability=expand(
            f"{RELIABILITY}/{{scorer}}.parquet",
            model=MODELS,
            scorer=SCORERS,
            allow_missing=True,
        ),
        code=find_code_inputs("plot_halves"),
    output:
        svg=report(
            "results/figures/sensitivity/{hookpoint}/halves.svg",
            caption="../report/agreement.rst",
            category="Sensitivity",
            subcategory="Neurons, {hookpoint}",
            labels={"figure": "halves"},
        ),
        png="results/figures/sensitivity/{hookpoint}/halves.png",
    log:
        "results/logs/plot_halves/{hookpoint}.log",
    benchmark:
        "results/benchmarks/plot_halves/{hookpoint}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        models=list(MODELS),
        rate=REFERENCE["rate"],
        analysis="halves",
    script:
        "../scripts/plot_halves.py"


use rule plot_halves as plot_scopes with:
    """Draw how far scores and masks from other token scopes agree with the study's own."""
    output:
        svg=report(
            "results/figures/sensitivity/{hookpoint}/scopes.svg",
            caption="../report/agreement.rst",
            category="Sensitivity",
            subcategory="Neurons, {hookpoint}",
            labels={"figure": "scopes"},
        ),
        png="results/figures/sensitivity/{hookpoint}/scopes.png",
    log:
        "results/logs/plot_scopes/{hookpoint}.log",
    benchmark:
        "results/benchmarks/plot_scopes/{hookpoint}.tsv"
    params:
        analysis="scopes",


use rule plot_halves as plot_variants with:
    """Draw how far scores and masks from other options agree with the scorer's own."""
    output:
        svg=report(
            "results/figures/sensitivity/{hookpoint}/variants.svg",
            caption="../report/agreement.rst",
            category="Sensitivity",
            subcategory="Neurons, {hookpoint}",
            labels={"figure": "variants"},
        ),
        png="results/figures/sensitivity/{hookpoint}/variants.png",
    log:
        "results/logs/plot_variants/{hookpoint}.log",
    benchmark:
        "results/benchmarks/plot_variants/{hookpoint}.tsv"
    params:
        analysis="variants",


rule plot_samples:
    """Draw agreement by the number of questions behind scores and masks."""
    input:
        reliability=expand(
            f"{RELIABILITY}/{{scorer}}.parquet",
            model=MODELS,
            scorer=SCORERS,
            allow_missing=True,
        ),
        code=find_code_inputs("plot_samples"),
    output:
        svg=report(
            "results/figures/sensitivity/{hookpoint}/samples.svg",
            caption="../report/samples.rst",
            category="Sensitivity",
            subcategory="Neurons, {hookpoint}",
            labels={"figure": "samples"},
        ),
        png="results/figures/sensitivity/{hookpoint}/samples.png",
    log:
        "results/logs/plot_samples/{hookpoint}.log",
    benchmark:
        "results/benchmarks/plot_samples/{hookpoint}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        models=list(MODELS),
        rate=REFERENCE["rate"],
    script:
        "../scripts/plot_samples.py"


rule plot_layer_agreement:
    """Draw in which layers masks from two halves of the images agree."""
    input:
        reliability=expand(
            f"{RELIABILITY}/{{scorer}}.parquet",
            model=MODELS,
            scorer=SCORERS,
            allow_missing=True,
        ),
        code=find_code_inputs("plot_layer_agreement"),
    output:
        svg=report(
            "results/figures/sensitivity/{hookpoint}/layers.svg",
            caption="../report/layer_agreement.rst",
            category="Sensitivity",
            subcategory="Neurons, {hookpoint}",
            labels={"figure": "layers"},
        ),
        png="results/figures/sensitivity/{hookpoint}/layers.png",
    log:
        "results/logs/plot_layer_agreement/{hookpoint}.log",
    benchmark:
        "results/benchmarks/plot_layer_agreement/{hookpoint}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        models=list(MODELS),
        rate=REFERENCE["rate"],
    script:
        "../scripts/plot_layer_agreement.py"


rule plot_models:
    """Draw how far the masks of models with comparable neurons agree."""
    input:
        model_pairs="results/model_pairs/{hookpoint}.parquet",
        code=find_code_inputs("plot_models"),
    output:
        svg=report(
            "results/figures/sensitivity/{hookpoint}/models.svg",
            caption="../report/models.rst",
            category="Sensitivity",
            subcategory="Neurons, {hookpoint}",
            labels={"figure": "models"},
        ),
        png="results/figures/sensitivity/{hookpoint}/models.png",
    log:
        "results/logs/plot_models/{hookpoint}.log",
    benchmark:
        "results/benchmarks/plot_models/{hookpoint}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        reference=REFERENCE,
    script:
        "../scripts/plot_models.py"


rule plot_rates:
    """Draw effects by the share of neurons that is selected."""
    input:
        summaries=expand(
            f"{SUMMARIES}/{{scorer}}.parquet",
            model=MODELS,
            split=SPLITS[0],
            rate=RATES,
            scorer=SCORERS,
            allow_missing=True,
        ),
        ranks=expand(
            f"{RANKS}/{{scorer}}.parquet",
            model=MODELS,
            split=SPLITS[0],
            rate=RATES,
            scorer=SCORERS,
            allow_missing=True,
        ),
        # Of one scorer and rate: the questions of all are the same.
        effects=expand(
            f"{EFFECTS}/{{scorer}}.parquet",
            model=MODELS,
            split=SPLITS[0],
            rate=next(iter(RATES)),
            scorer=list(SCORERS)[:1],
            allow_missing=True,
        ),
        code=find_code_inputs("plot_rates"),
    output:
        svg=report(
            "results/figures/sensitivity/{hookpoint}/{intervention}/{outcome}/rates.svg",
            caption="../report/rates.rst",
            category="Sensitivity",
            subcategory="Effects, {hookpoint}",
            labels={
                "figure": "rates",
                "outcome": "{outcome}",
                "intervention": "{intervention}",
            },
        ),
        png="results/figures/sensitivity/{hookpoint}/{intervention}/{outcome}/rates.png",
    log:
        "results/logs/plot_rates/{hookpoint}/{intervention}/{outcome}.log",
    benchmark:
        "results/benchmarks/plot_rates/{hookpoint}/{intervention}/{outcome}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        outcome=get_outcome,
        models=list(MODELS),
        control=DRAWN["name"],
        asked={key: DRAWN[key] for key in ("other_questions", "own_questions")},
    script:
        "../scripts/plot_rates.py"


rule plot_splits:
    """Draw effects in every split of the images."""
    input:
        summaries=expand(
            f"{SUMMARIES}/{{scorer}}.parquet",
            model=MODELS,
            split=SPLITS,
            rate=next(iter(RATES)),
            scorer=SCORERS,
            allow_missing=True,
        ),
        ranks=expand(
            f"{RANKS}/{{scorer}}.parquet",
            model=MODELS,
            split=SPLITS,
            rate=next(iter(RATES)),
            scorer=SCORERS,
            allow_missing=True,
        ),
        # Of one scorer and rate: the questions of all are the same.
        effects=expand(
            f"{EFFECTS}/{{scorer}}.parquet",
            model=MODELS,
            split=SPLITS,
            rate=next(iter(RATES)),
            scorer=list(SCORERS)[:1],
            allow_missing=True,
        ),
        code=find_code_inputs("plot_splits"),
    output:
        svg=report(
            "results/figures/sensitivity/{hookpoint}/{intervention}/{outcome}/splits.svg",
            caption="../report/splits.rst",
            category="Sensitivity",
            subcategory="Effects, {hookpoint}",
            labels={
                "figure": "splits",
                "outcome": "{outcome}",
                "intervention": "{intervention}",
            },
        ),
        png="results/figures/sensitivity/{hookpoint}/{intervention}/{outcome}/splits.png",
    log:
        "results/logs/plot_splits/{hookpoint}/{intervention}/{outcome}.log",
    benchmark:
        "results/benchmarks/plot_splits/{hookpoint}/{intervention}/{outcome}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        outcome=get_outcome,
        models=list(MODELS),
        control=DRAWN["name"],
        asked={key: DRAWN[key] for key in ("other_questions", "own_questions")},
    script:
        "../scripts/plot_splits.py"


rule plot_categories:
    """Draw effects by category of the questions."""
    input:
        categories=expand(
            f"{CATEGORIES}/{{intervention}}.parquet",
            model=MODELS,
            split=SPLITS[0],
            rate=next(iter(RATES)),
            allow_missing=True,
        ),
        code=find_code_inputs("plot_categories"),
    output:
        svg=report(
            "results/figures/sensitivity/{hookpoint}/{intervention}/{outcome}/categories.svg",
            caption="../report/categories.rst",
            category="Sensitivity",
            subcategory="Effects, {hookpoint}",
            labels={
                "figure": "categories",
                "outcome": "{outcome}",
                "intervention": "{intervention}",
            },
        ),
        png="results/figures/sensitivity/{hookpoint}/{intervention}/{outcome}/categories.png",
    log:
        "results/logs/plot_categories/{hookpoint}/{intervention}/{outcome}.log",
    benchmark:
        "results/benchmarks/plot_categories/{hookpoint}/{intervention}/{outcome}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        outcome=get_outcome,
        models=list(MODELS),
    script:
        "../scripts/plot_categories.py"
