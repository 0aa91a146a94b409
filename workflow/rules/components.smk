# Masks of several hookpoints side by side: what they do, and at which depth they lie.


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


rule plot_components:
    """Draw what one scorer's masks change on own and other cultures, per model and component."""
    input:
        summaries=lambda wildcards: expand_components(
            f"{SUMMARIES}/{{scorer}}.parquet", wildcards
        ),
        ranks=lambda wildcards: expand_components(
            f"{RANKS}/{{scorer}}.parquet", wildcards
        ),
        effects=lambda wildcards: expand_components(
            f"{EFFECTS}/{{scorer}}.parquet", wildcards
        ),
        questions="results/dataset/questions.parquet",
        answers=expand("results/answers/{model}.parquet", model=MODELS),
        code=find_code_inputs("plot_components"),
    output:
        svg=report(
            "results/figures/components/{split}/{intervention}/{outcome}/{scorer}.svg",
            caption="../report/components.rst",
            category="Components",
            subcategory="Self against cross",
            labels={
                "scorer": "{scorer}",
                "outcome": "{outcome}",
                "split": "{split}",
                "intervention": "{intervention}",
            },
        ),
        png="results/figures/components/{split}/{intervention}/{outcome}/{scorer}.png",
    log:
        "results/logs/plot_components/{split}/{intervention}/{outcome}/{scorer}.log",
    benchmark:
        "results/benchmarks/plot_components/{split}/{intervention}/{outcome}/{scorer}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        outcome=get_outcome,
        studies=lambda wildcards: list_components(wildcards.scorer),
        control=DRAWN["name"],
        asked={key: DRAWN[key] for key in ("other_questions", "own_questions")},
        alpha=config["evaluate"]["alpha"],
    script:
        "../scripts/plot_components.py"


rule plot_depth:
    """Draw at which depth one scorer's neurons lie, per model and component."""
    input:
        masks=lambda wildcards: expand_components(
            f"{MASKS}/{{scorer}}.parquet", wildcards
        ),
        code=find_code_inputs("plot_depth"),
    output:
        svg=report(
            "results/figures/depth/{split}/{scorer}.svg",
            caption="../report/depth.rst",
            category="Components",
            subcategory="Depth",
            labels={"scorer": "{scorer}", "split": "{split}"},
        ),
        png="results/figures/depth/{split}/{scorer}.png",
    log:
        "results/logs/plot_depth/{split}/{scorer}.log",
    benchmark:
        "results/benchmarks/plot_depth/{split}/{scorer}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        studies=lambda wildcards: list_components(wildcards.scorer),
    script:
        "../scripts/plot_depth.py"
