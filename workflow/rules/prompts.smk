# Culture or language? One checkpoint under two prompts, and cultures of one language or country.


rule compare_prompts:
    """Compare a model with itself under the prompt of the model that lends it masks."""
    input:
        questions="results/dataset/questions.parquet",
        answers="results/answers/{model}.parquet",
        other_answers=lambda wildcards: (
            f"results/answers/{get_lender(wildcards)}.parquet"
        ),
        own=lambda wildcards: f"{OUTCOMES}/{get_lent_scorer(wildcards)}.parquet",
        lent=f"{OUTCOMES}/{{imported}}.parquet",
        own_masks=lambda wildcards: f"{MASKS}/{get_lent_scorer(wildcards)}.parquet",
        lent_masks=f"{MASKS}/{{imported}}.parquet",
        code=find_code_inputs("compare_prompts"),
    output:
        prompts=f"results/prompts/{STUDY_PATH}/{{imported}}.parquet",
    log:
        f"results/logs/compare_prompts/{STUDY_PATH}/{{imported}}.log",
    benchmark:
        f"results/benchmarks/compare_prompts/{STUDY_PATH}/{{imported}}.tsv"
    wildcard_constraints:
        imported=one_of(STUDY.lent),
    conda:
        "../../envs/tables.yaml"
    params:
        of=get_lent_scorer,
        lender=get_lender,
        settings=RESAMPLING | {"collapse": TESTS["collapse"]},
        other_questions=config["select"]["other_questions"],
    script:
        "../scripts/compare_prompts.py"


rule measure_relations:
    """Measure what masks share with, and do to, cultures of one language or country."""
    input:
        questions="results/dataset/questions.parquet",
        outcomes=f"{OUTCOMES}/{{scorer}}.parquet",
        masks=f"{MASKS}/{{scorer}}.parquet",
        code=find_code_inputs("measure_relations"),
    output:
        relations=f"results/relations/{STUDY_PATH}/{{scorer}}.parquet",
    log:
        f"results/logs/measure_relations/{STUDY_PATH}/{{scorer}}.log",
    benchmark:
        f"results/benchmarks/measure_relations/{STUDY_PATH}/{{scorer}}.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        settings=RESAMPLING | {"collapse": TESTS["collapse"]},
        other_questions=config["select"]["other_questions"],
    script:
        "../scripts/measure_relations.py"


rule plot_prompts:
    """Draw what a model answers, and which neurons matter, beside itself under another prompt."""
    input:
        prompts=f"results/prompts/{STUDY_PATH}/{{imported}}.parquet",
        cultures=config["dataset"]["cultures"],
        code=find_code_inputs("plot_prompts"),
    output:
        svg=report(
            "results/figures/prompts/{hookpoint}/{split}/{rate}/{intervention}/{outcome}/{imported}/{model}.svg",
            caption="../report/prompts.rst",
            category="Culture or language",
            subcategory="Two prompts, {hookpoint}",
            labels={
                "masks": "{imported}, {model}",
                "outcome": "{outcome}",
                "split": "{split}",
                "rate": "{rate}",
                "intervention": "{intervention}",
            },
        ),
        png="results/figures/prompts/{hookpoint}/{split}/{rate}/{intervention}/{outcome}/{imported}/{model}.png",
    log:
        "results/logs/plot_prompts/{model}/{hookpoint}/{split}/{rate}/{intervention}/{outcome}/{imported}.log",
    benchmark:
        "results/benchmarks/plot_prompts/{model}/{hookpoint}/{split}/{rate}/{intervention}/{outcome}/{imported}.tsv"
    wildcard_constraints:
        imported=one_of(STUDY.lent),
    conda:
        "../../envs/figures.yaml"
    params:
        outcome=get_outcome,
        of=get_lent_scorer,
        lender=get_lender,
        unchanged=config["evaluate"]["unchanged"],
    script:
        "../scripts/plot_prompts.py"


rule plot_relations:
    """Draw one model's masks by what their cultures share with others."""
    input:
        relations=lambda wildcards: expand(
            f"results/relations/{STUDY_PATH}/{{scorer}}.parquet",
            scorer=get_scorers(wildcards.model, wildcards.hookpoint),
            **wildcards,
        ),
        code=find_code_inputs("plot_relations"),
    output:
        svg=report(
            "results/figures/relations/{hookpoint}/{split}/{rate}/{intervention}/{outcome}/{model}.svg",
            caption="../report/relations.rst",
            category="Culture or language",
            subcategory="Related cultures, {hookpoint}",
            labels={
                "model": "{model}",
                "outcome": "{outcome}",
                "split": "{split}",
                "rate": "{rate}",
                "intervention": "{intervention}",
            },
        ),
        png="results/figures/relations/{hookpoint}/{split}/{rate}/{intervention}/{outcome}/{model}.png",
    log:
        "results/logs/plot_relations/{model}/{hookpoint}/{split}/{rate}/{intervention}/{outcome}.log",
    benchmark:
        "results/benchmarks/plot_relations/{model}/{hookpoint}/{split}/{rate}/{intervention}/{outcome}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        outcome=get_outcome,
        scorers=lambda wildcards: get_scorers(wildcards.model, wildcards.hookpoint),
    script:
        "../scripts/plot_relations.py"
