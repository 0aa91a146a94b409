# The embedded demo: an invented dataset, and tiny models trained on it with planted neurons.


rule make_demo_dataset:
    """Make questions about invented cultures, or of none, in CVQA's columns."""
    input:
        code=find_code_inputs("make_demo_dataset"),
    output:
        dataset="results/demo/{demo_dataset}.parquet",
    log:
        "results/logs/make_demo_dataset/{demo_dataset}.log",
    benchmark:
        "results/benchmarks/make_demo_dataset/{demo_dataset}.tsv"
    conda:
        "../../envs/models.yaml"
    params:
        seed=config["demo"]["seed"],
        rows_per_culture=config["demo"]["rows_per_culture"],
    script:
        "../scripts/make_demo_dataset.py"


rule train_demo_model:
    """Train a tiny vision-language model and plant neurons of each culture in it, or do not."""
    input:
        code=lambda wildcards: find_code_inputs(
            "train_demo_model",
            name_module(find_hookpoint(parse_demo_name(wildcards.demo_model).variant)),
        ),
    output:
        checkpoint=[
            f"{DEMO_CHECKPOINTS}/{{demo_model}}/{name}" for name in CHECKPOINT_FILES
        ],
        planted=f"{DEMO_CHECKPOINTS}/{{demo_model}}/planted.parquet",
    log:
        "results/logs/train_demo_model/{demo_model}.log",
    benchmark:
        "results/benchmarks/train_demo_model/{demo_model}.tsv"
    conda:
        "../../envs/models.yaml"
    threads: 1
    params:
        architecture=lambda wildcards: parse_demo_name(
            wildcards.demo_model
        ).architecture,
        variant=lambda wildcards: parse_demo_name(wildcards.demo_model).variant,
        seed=lambda wildcards: (
            config["demo"]["seed"] + parse_demo_name(wildcards.demo_model).seed
        ),
    script:
        "../scripts/train_demo_model.py"
