# Masks -> answers to the evaluate questions while the masks' neurons are changed; of steering, at which
# strength.


rule intervene:
    """Answer the evaluate questions of every culture under every mask of one selector."""
    input:
        questions="results/dataset/questions.parquet",
        images="results/dataset/images.parquet",
        cells="results/cells/{model}.parquet",
        masks=f"{MASKS}/{{selector}}.parquet",
        statistics=get_intervention_statistics,
        checkpoint=get_checkpoint_input,
        code=find_code_with_hookpoint("intervene"),
    output:
        outcomes=f"{OUTCOMES}/{{selector}}.parquet",
        swapped=f"{SWAPPED}/{{selector}}.parquet",
    log:
        "results/logs/intervene/{model}/{hookpoint}/{split}/{rate}/{intervention}/{selector}.log",
    benchmark:
        "results/benchmarks/intervene/{model}/{hookpoint}/{split}/{rate}/{intervention}/{selector}.tsv"
    wildcard_constraints:
        intervention=one_of(INTERVENTIONS),
    conda:
        "../../envs/models.yaml"
    threads: config["compute"]["threads"]
    resources:
        **MODEL_JOB,
    params:
        model=lambda wildcards: MODELS[wildcards.model],
        intervention=lambda wildcards: EVERY_INTERVENTION[wildcards.intervention],
        asked=lambda wildcards: STUDY.limit_questions(wildcards.selector),
        coordinates=get_coordinates,
    script:
        "../scripts/intervene.py"


use rule intervene as steer with:
    output:
        outcomes=f"{STEERED}/{{selector}}.parquet",
        swapped=f"{SWAPPED_STEERED}/{{selector}}.parquet",
    log:
        "results/logs/steer/{model}/{hookpoint}/{split}/{rate}/{intervention}/{selector}.log",
    benchmark:
        "results/benchmarks/steer/{model}/{hookpoint}/{split}/{rate}/{intervention}/{selector}.tsv"
    wildcard_constraints:
        intervention=one_of(STEERING),


rule choose_strengths:
    """Choose each steered mask's strength on the tune folds; its answers stand for an intervention's."""
    input:
        questions="results/dataset/questions.parquet",
        steered=f"{STEERED}/{{selector}}.parquet",
        swapped=f"{SWAPPED_STEERED}/{{selector}}.parquet",
        code=find_code_inputs("choose_strengths"),
    output:
        strengths=f"{STRENGTHS}/{{selector}}.parquet",
        outcomes=f"{OUTCOMES}/{{selector}}.parquet",
        swapped=f"{SWAPPED}/{{selector}}.parquet",
    log:
        "results/logs/choose_strengths/{model}/{hookpoint}/{split}/{rate}/{intervention}/{selector}.log",
    benchmark:
        "results/benchmarks/choose_strengths/{model}/{hookpoint}/{split}/{rate}/{intervention}/{selector}.tsv"
    wildcard_constraints:
        intervention=one_of(STEERING),
    conda:
        "../../envs/tables.yaml"
    params:
        asked=lambda wildcards: STUDY.limit_questions(wildcards.selector),
        max_loss=lambda wildcards: STUDY.max_loss[wildcards.intervention],
    script:
        "../scripts/choose_strengths.py"
