# Other datasets, asked under the same masks: do these transfer, and is the damage general?


use rule prepare_dataset as prepare_other_dataset with:
    input:
        dataset=lambda wildcards: list_dataset_files(
            OTHER_DATASETS[wildcards.other_dataset]
        ),
        cultures=lambda wildcards: (
            OTHER_DATASETS[wildcards.other_dataset]["cultures"] or []
        ),
        labels=lambda wildcards: (
            OTHER_DATASETS[wildcards.other_dataset]["labels"] or []
        ),
        study_images=["results/dataset/images.parquet"],
        code=find_code_inputs("prepare_dataset"),
    output:
        questions=f"{ELSEWHERE}/questions.parquet",
        images=f"{ELSEWHERE}/images.parquet",
        rejected=f"{ELSEWHERE}/rejected.parquet",
    log:
        "results/logs/prepare_other_dataset/{other_dataset}.log",
        rejected="results/logs/prepare_other_dataset/{other_dataset}_rejected.csv",
    benchmark:
        "results/benchmarks/prepare_other_dataset/{other_dataset}.tsv"
    resources:
        hub_cache=HUB_CACHE,
        floor=0,  # all its questions are asked of all folds
    params:
        key=lambda wildcards: f"other_datasets.{wildcards.other_dataset}",
        dataset=lambda wildcards: list_reading(OTHER_DATASETS[wildcards.other_dataset]),
        folds=config["cells"]["folds"],


rule ask_elsewhere:
    """Ask another dataset's questions under every mask of one scorer."""
    input:
        questions=f"{ELSEWHERE}/questions.parquet",
        images=f"{ELSEWHERE}/images.parquet",
        cells="results/cells/{model}.parquet",
        masks=f"{MASKS}/{{scorer}}.parquet",
        statistics=get_intervention_statistics,
        checkpoint=get_checkpoint_input,
        code=find_code_with_hookpoint("ask_elsewhere"),
    output:
        outcomes=f"{ELSEWHERE}/outcomes/{STUDY_PATH}/{{scorer}}.parquet",
    log:
        f"results/logs/ask_elsewhere/{{other_dataset}}/{STUDY_PATH}/{{scorer}}.log",
    benchmark:
        f"results/benchmarks/ask_elsewhere/{{other_dataset}}/{STUDY_PATH}/{{scorer}}.tsv"
    wildcard_constraints:
        intervention=one_of(INTERVENTIONS),
    conda:
        "../../envs/models.yaml"
    threads: config["compute"]["threads"]
    resources:
        **MODEL_JOB,
    params:
        model=lambda wildcards: MODELS[wildcards.model],
        intervention=lambda wildcards: INTERVENTIONS[wildcards.intervention],
        per_culture=lambda wildcards: (
            OTHER_DATASETS[wildcards.other_dataset]["per_culture"]
        ),
        coordinates=get_coordinates,
    script:
        "../scripts/ask_elsewhere.py"


rule measure_transfer:
    """Compare answers to another dataset of cultures under one scorer's masks with those without."""
    input:
        questions=f"{ELSEWHERE}/questions.parquet",
        outcomes=f"{ELSEWHERE}/outcomes/{STUDY_PATH}/{{scorer}}.parquet",
        code=find_code_inputs("measure_transfer"),
    output:
        effects=f"{ELSEWHERE}/effects/{STUDY_PATH}/{{scorer}}.parquet",
        summaries=f"{ELSEWHERE}/summaries/{STUDY_PATH}/{{scorer}}.parquet",
        ranks=f"{ELSEWHERE}/ranks/{STUDY_PATH}/{{scorer}}.parquet",
    log:
        f"results/logs/measure_transfer/{{other_dataset}}/{STUDY_PATH}/{{scorer}}.log",
    benchmark:
        f"results/benchmarks/measure_transfer/{{other_dataset}}/{STUDY_PATH}/{{scorer}}.tsv"
    wildcard_constraints:
        other_dataset=one_of(STUDY.list_other_datasets(cultures=True)),
    conda:
        "../../envs/tables.yaml"
    params:
        intervals=INTERVALS,
        tests=TESTS,
    script:
        "../scripts/measure_transfer.py"


rule measure_damage:
    """Measure what one scorer's masks change in answers to questions that have no culture."""
    input:
        questions=f"{ELSEWHERE}/questions.parquet",
        outcomes=f"{ELSEWHERE}/outcomes/{STUDY_PATH}/{{scorer}}.parquet",
        study_questions="results/dataset/questions.parquet",
        study=f"{OUTCOMES}/{{scorer}}.parquet",
        code=find_code_inputs("measure_damage"),
    output:
        effects=f"{ELSEWHERE}/effects/{STUDY_PATH}/{{scorer}}.parquet",
        summaries=f"{ELSEWHERE}/summaries/{STUDY_PATH}/{{scorer}}.parquet",
    log:
        f"results/logs/measure_damage/{{other_dataset}}/{STUDY_PATH}/{{scorer}}.log",
    benchmark:
        f"results/benchmarks/measure_damage/{{other_dataset}}/{STUDY_PATH}/{{scorer}}.tsv"
    wildcard_constraints:
        other_dataset=one_of(STUDY.list_other_datasets(cultures=False)),
    conda:
        "../../envs/tables.yaml"
    params:
        settings=RESAMPLING | TESTS,
        other_questions=config["select"]["other_questions"],
    script:
        "../scripts/measure_damage.py"
