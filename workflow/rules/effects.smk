# Outcomes -> accuracy changes, ranks among controls, scorers compared; masks -> planted neurons.


rule measure_effects:
    """Compare answers under one scorer's masks with the unmodified model's, and with controls."""
    input:
        questions="results/dataset/questions.parquet",
        answers="results/answers/{model}.parquet",
        outcomes=f"{OUTCOMES}/{{scorer}}.parquet",
        swapped=f"{SWAPPED}/{{scorer}}.parquet",
        controls=get_control_outcomes,
        code=find_code_inputs("measure_effects"),
    output:
        effects=f"{EFFECTS}/{{scorer}}.parquet",
        summaries=f"{SUMMARIES}/{{scorer}}.parquet",
        ranks=f"{RANKS}/{{scorer}}.parquet",
    log:
        "results/logs/measure_effects/{model}/{hookpoint}/{split}/{rate}/{intervention}/{scorer}.log",
    benchmark:
        "results/benchmarks/measure_effects/{model}/{hookpoint}/{split}/{rate}/{intervention}/{scorer}.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        intervals=INTERVALS,
        tests=TESTS,
        other_questions=config["select"]["other_questions"],
        controls=lambda wildcards: {
            name: STUDY.limit_questions(selector)
            for name, selector in get_controls(wildcards.scorer).items()
        },
    script:
        "../scripts/measure_effects.py"


rule measure_doses:
    """Measure what one scorer's masks do when they are steered, by strength, beside controls."""
    input:
        questions="results/dataset/questions.parquet",
        steered=f"{STEERED}/{{scorer}}.parquet",
        chosen=f"{OUTCOMES}/{{scorer}}.parquet",
        controls=lambda wildcards: expand(
            f"{STEERED}/{{selector}}.parquet",
            selector=get_controls(wildcards.scorer).values(),
            **wildcards,
        ),
        chosen_controls=get_control_outcomes,
        code=find_code_inputs("measure_doses"),
    output:
        doses=f"{DOSES}/{{scorer}}.parquet",
    log:
        "results/logs/measure_doses/{model}/{hookpoint}/{split}/{rate}/{intervention}/{scorer}.log",
    benchmark:
        "results/benchmarks/measure_doses/{model}/{hookpoint}/{split}/{rate}/{intervention}/{scorer}.tsv"
    wildcard_constraints:
        intervention=one_of(STEERING),
    conda:
        "../../envs/tables.yaml"
    params:
        intervals={**INTERVALS, "collapse": TESTS["collapse"]},
        other_questions=config["select"]["other_questions"],
        controls=lambda wildcards: {
            name: STUDY.limit_questions(selector)
            for name, selector in get_controls(wildcards.scorer).items()
        },
    script:
        "../scripts/measure_doses.py"


rule compare_scorers:
    """Compare the effects of every two scorers, on the same questions and resamples."""
    input:
        questions="results/dataset/questions.parquet",
        outcomes=lambda wildcards: expand(
            f"{OUTCOMES}/{{scorer}}.parquet",
            scorer=get_candidates(wildcards.model),
            **wildcards,
        ),
        code=find_code_inputs("compare_scorers"),
    output:
        comparisons=f"{COMPARISONS}/{{intervention}}.parquet",
    log:
        "results/logs/compare_scorers/{model}/{hookpoint}/{split}/{rate}/{intervention}.log",
    benchmark:
        "results/benchmarks/compare_scorers/{model}/{hookpoint}/{split}/{rate}/{intervention}.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        statistics={**INTERVALS, "collapse": TESTS["collapse"]},
        other_questions=config["select"]["other_questions"],
    script:
        "../scripts/compare_scorers.py"


rule measure_recovery:
    """Count the planted neurons that each scorer finds in a demo model."""
    input:
        planted=lambda wildcards: (
            f"{MODELS[wildcards.model]['checkpoint']}/planted.parquet"
        ),
        masks=lambda wildcards: expand(
            f"{MASKS}/{{scorer}}.parquet",
            scorer=get_candidates(wildcards.model),
            **wildcards,
        ),
        code=find_code_inputs("measure_recovery"),
    output:
        recovery="results/recovery/{model}/{hookpoint}/{split}/{rate}.parquet",
    log:
        "results/logs/measure_recovery/{model}/{hookpoint}/{split}/{rate}.log",
    benchmark:
        "results/benchmarks/measure_recovery/{model}/{hookpoint}/{split}/{rate}.tsv"
    conda:
        "../../envs/tables.yaml"
    script:
        "../scripts/measure_recovery.py"
