# Tables of sensitivity -> figures: agreement of scores and masks, and effects, under other choices.


rule plot_halves:
    """Draw how far one scorer's scores and masks agree between halves of the images."""
    input:
        reliability=expand_reliability,
        code=find_code_inputs("plot_agreement"),
    output:
        svg=report(
            "results/figures/sensitivity/{hookpoint}/halves.svg",
            caption="../report/agreement.rst",
            category="Sensitivity",
            labels={"figure": "agreement: halves", "model": "all"},
        ),
        png="results/figures/sensitivity/{hookpoint}/halves.png",
    log:
        "results/logs/plot_halves/{hookpoint}.log",
    benchmark:
        "results/benchmarks/plot_halves/{hookpoint}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        analysis="halves",
        models=list(MODELS),
        rate=REFERENCE["rate"],
    script:
        "../scripts/plot_agreement.py"


use rule plot_halves as plot_scopes with:
    output:
        svg=report(
            "results/figures/sensitivity/{hookpoint}/scopes.svg",
            caption="../report/agreement.rst",
            category="Sensitivity",
            labels={"figure": "agreement: scopes", "model": "all"},
        ),
        png="results/figures/sensitivity/{hookpoint}/scopes.png",
    log:
        "results/logs/plot_scopes/{hookpoint}.log",
    benchmark:
        "results/benchmarks/plot_scopes/{hookpoint}.tsv"
    params:
        analysis="scopes",
        models=list(MODELS),
        rate=REFERENCE["rate"],


use rule plot_halves as plot_variants with:
    output:
        svg=report(
            "results/figures/sensitivity/{hookpoint}/variants.svg",
            caption="../report/agreement.rst",
            category="Sensitivity",
            labels={"figure": "agreement: variants", "model": "all"},
        ),
        png="results/figures/sensitivity/{hookpoint}/variants.png",
    log:
        "results/logs/plot_variants/{hookpoint}.log",
    benchmark:
        "results/benchmarks/plot_variants/{hookpoint}.tsv"
    params:
        analysis="variants",
        models=list(MODELS),
        rate=REFERENCE["rate"],


rule plot_samples:
    """Draw how agreement grows with the number of questions."""
    input:
        reliability=expand_reliability,
        code=find_code_inputs("plot_samples"),
    output:
        svg=report(
            "results/figures/sensitivity/{hookpoint}/samples.svg",
            caption="../report/agreement.rst",
            category="Sensitivity",
            labels={"figure": "agreement: samples", "model": "all"},
        ),
        png="results/figures/sensitivity/{hookpoint}/samples.png",
    log:
        "results/logs/plot_samples/{hookpoint}.log",
    benchmark:
        "results/benchmarks/plot_samples/{hookpoint}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        analysis="samples",
        models=list(MODELS),
        rate=REFERENCE["rate"],
    script:
        "../scripts/plot_samples.py"


rule plot_layer_agreement:
    """Draw in which layers masks from two halves of the images agree."""
    input:
        reliability=expand_reliability,
        code=find_code_inputs("plot_layer_agreement"),
    output:
        svg=report(
            "results/figures/sensitivity/{hookpoint}/layers.svg",
            caption="../report/agreement.rst",
            category="Sensitivity",
            labels={"figure": "agreement: layers", "model": "all"},
        ),
        png="results/figures/sensitivity/{hookpoint}/layers.png",
    log:
        "results/logs/plot_layer_agreement/{hookpoint}.log",
    benchmark:
        "results/benchmarks/plot_layer_agreement/{hookpoint}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        analysis="layers",
        models=list(MODELS),
        rate=REFERENCE["rate"],
    script:
        "../scripts/plot_layer_agreement.py"


rule plot_models:
    """Draw how far the masks of models with comparable neurons agree."""
    input:
        subjects="results/subjects/{hookpoint}.parquet",
        code=find_code_inputs("plot_models"),
    output:
        svg=report(
            "results/figures/sensitivity/{hookpoint}/models.svg",
            caption="../report/models.rst",
            category="Sensitivity",
            labels={"figure": "agreement: models", "model": "all"},
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
    """Draw effects at every rate."""
    input:
        summaries=lambda wildcards: expand_settings(
            SUMMARIES, split=SPLITS[:1], **wildcards
        ),
        ranks=lambda wildcards: expand_settings(RANKS, split=SPLITS[:1], **wildcards),
        # of one scorer: all are asked the same questions
        effects=lambda wildcards: expand_settings(
            EFFECTS,
            split=SPLITS[:1],
            rate=FIRST_RATE,
            scorer=list(SCORERS)[:1],
            **wildcards,
        ),
        code=find_code_inputs("plot_rates"),
    output:
        svg=report(
            "results/figures/sensitivity/{hookpoint}/{intervention}/rates.svg",
            caption="../report/settings.rst",
            category="Sensitivity",
            labels={"figure": "effects: rates", "model": "all"},
        ),
        png="results/figures/sensitivity/{hookpoint}/{intervention}/rates.png",
    log:
        "results/logs/plot_rates/{hookpoint}/{intervention}.log",
    benchmark:
        "results/benchmarks/plot_rates/{hookpoint}/{intervention}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        analysis="rates",
        models=list(MODELS),
        control=next(iter(CONTROLS)),
        reference=REFERENCE,
    script:
        "../scripts/plot_rates.py"


rule plot_splits:
    """Draw effects in every split of the images."""
    input:
        summaries=lambda wildcards: expand_settings(
            SUMMARIES, rate=FIRST_RATE, **wildcards
        ),
        ranks=lambda wildcards: expand_settings(RANKS, rate=FIRST_RATE, **wildcards),
        # of one scorer: all are asked the same questions
        effects=lambda wildcards: expand_settings(
            EFFECTS, rate=FIRST_RATE, scorer=list(SCORERS)[:1], **wildcards
        ),
        code=find_code_inputs("plot_splits"),
    output:
        svg=report(
            "results/figures/sensitivity/{hookpoint}/{intervention}/splits.svg",
            caption="../report/settings.rst",
            category="Sensitivity",
            labels={"figure": "effects: splits", "model": "all"},
        ),
        png="results/figures/sensitivity/{hookpoint}/{intervention}/splits.png",
    log:
        "results/logs/plot_splits/{hookpoint}/{intervention}.log",
    benchmark:
        "results/benchmarks/plot_splits/{hookpoint}/{intervention}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        analysis="splits",
        models=list(MODELS),
        control=next(iter(CONTROLS)),
        reference=REFERENCE,
    script:
        "../scripts/plot_splits.py"


rule plot_categories:
    """Draw effects by category of the questions."""
    input:
        categories=lambda wildcards: expand(
            f"{CATEGORIES}/{{intervention}}.parquet",
            model=MODELS,
            split=SPLITS[0],
            rate=FIRST_RATE,
            **wildcards,
        ),
        code=find_code_inputs("plot_categories"),
    output:
        svg=report(
            "results/figures/sensitivity/{hookpoint}/{intervention}/categories.svg",
            caption="../report/settings.rst",
            category="Sensitivity",
            labels={"figure": "effects: categories", "model": "all"},
        ),
        png="results/figures/sensitivity/{hookpoint}/{intervention}/categories.png",
    log:
        "results/logs/plot_categories/{hookpoint}/{intervention}.log",
    benchmark:
        "results/benchmarks/plot_categories/{hookpoint}/{intervention}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        analysis="categories",
        models=list(MODELS),
        control=next(iter(CONTROLS)),
        reference=REFERENCE,
    script:
        "../scripts/plot_categories.py"
