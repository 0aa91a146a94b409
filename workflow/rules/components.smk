# Masks of several hookpoints side by side: what they do, and at which depth they lie.


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
