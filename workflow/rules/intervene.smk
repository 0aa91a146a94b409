# Masks -> answers to the evaluate questions while the masks' neurons are changed.


rule intervene:
    """Answer the evaluate questions of every culture under every mask of one selector."""
    input:
        questions="results/dataset/questions.parquet",
        images="results/dataset/images.parquet",
        cells="results/cells/{model}.parquet",
        masks=f"{MASKS}/{{selector}}.parquet",
        statistics=get_intervention_statistics,
        checkpoint=get_checkpoint_input,
        code=find_code_inputs("intervene"),
    output:
        outcomes=f"{OUTCOMES}/{{selector}}.parquet",
        swapped=f"{SWAPPED}/{{selector}}.parquet",
    log:
        "results/logs/intervene/{model}/{hookpoint}/{split}/{rate}/{intervention}/{selector}.log",
    benchmark:
        "results/benchmarks/intervene/{model}/{hookpoint}/{split}/{rate}/{intervention}/{selector}.tsv"
    conda:
        "../../envs/models.yaml"
    threads: config["compute"]["threads"]
    resources:
        **MODEL_JOB,
    params:
        model=lambda wildcards: MODELS[wildcards.model],
        intervention=lambda wildcards: INTERVENTIONS[wildcards.intervention],
        other_questions=lambda wildcards: STUDY.count_other_questions(
            wildcards.selector
        ),
    script:
        "../scripts/intervene.py"
