# Outcomes -> accuracy changes with intervals and p-values; masks -> planted neurons recovered.


rule measure_effects:
    """Compare answers under one scorer's masks with the unmodified model's, and with chance."""
    input:
        questions="results/dataset/questions.parquet",
        answers="results/answers/{model}.parquet",
        outcomes=f"{OUTCOMES}/{{scorer}}.parquet",
        control=lambda wildcards: f"{OUTCOMES}/{get_control(wildcards.scorer)}.parquet",
        code=find_code_inputs("measure_effects"),
    output:
        effects=f"{EFFECTS}/{{scorer}}.parquet",
        summaries=f"{SUMMARIES}/{{scorer}}.parquet",
    log:
        "results/logs/measure_effects/{model}/{hookpoint}/{split}/{rate}/{intervention}/{scorer}.log",
    benchmark:
        "results/benchmarks/measure_effects/{model}/{hookpoint}/{split}/{rate}/{intervention}/{scorer}.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        statistics=config["evaluate"],
    script:
        "../scripts/measure_effects.py"


rule measure_recovery:
    """Count the planted neurons that each scorer finds in a demo model."""
    input:
        planted=lambda wildcards: (
            f"{DEMO_CHECKPOINTS}/{get_demo_model(wildcards.model)}/planted.parquet"
        ),
        masks=expand(f"{MASKS}/{{scorer}}.parquet", scorer=SCORERS, allow_missing=True),
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
