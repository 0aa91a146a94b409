# Questions -> the unmodified model's answers -> equally many correct questions per cell.


rule answer_questions:
    """Ask the unmodified model every question, and without seeing its picture."""
    input:
        questions="results/dataset/questions.parquet",
        images="results/dataset/images.parquet",
        checkpoint=get_checkpoint_input,
        code=find_code_inputs("answer_questions"),
    output:
        answers="results/answers/{model}.parquet",
        unseen="results/unseen/{model}.parquet",
    log:
        "results/logs/answer_questions/{model}.log",
    benchmark:
        "results/benchmarks/answer_questions/{model}.tsv"
    conda:
        "../../envs/models.yaml"
    threads: config["compute"]["threads"]
    resources:
        **MODEL_JOB,
        # No param: another hookpoint changes no answer. A model that lacks one is refused here.
        hookpoints=",".join(HOOKPOINTS),
    params:
        model=lambda wildcards: MODELS[wildcards.model],
        option_seed=config["prompts"]["option_seed"],
    script:
        "../scripts/answer_questions.py"


rule fill_cells:
    """Choose equally many answered questions of every culture and fold."""
    input:
        questions="results/dataset/questions.parquet",
        answers="results/answers/{model}.parquet",
        unseen="results/unseen/{model}.parquet",
        code=find_code_inputs("fill_cells"),
    output:
        cells="results/cells/{model}.parquet",
    log:
        "results/logs/fill_cells/{model}.log",
    benchmark:
        "results/benchmarks/fill_cells/{model}.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        cap=config["cells"]["cap"],
        floor=config["cells"]["floor"],
        leave_out=config["cells"]["leave_out"],
        counted=lambda wildcards: COUNTED[wildcards.model],
    script:
        "../scripts/fill_cells.py"
