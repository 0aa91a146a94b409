# Cells of correct questions -> activation sums per cell -> statistics of a split.


rule extract_activations:
    """Sum activations over the tokens of one shard's cells."""
    input:
        questions="results/dataset/questions.parquet",
        images="results/dataset/images.parquet",
        cells="results/cells/{model}.parquet",
        checkpoint=get_checkpoint_input,
        code=find_code_with_hookpoint("extract_activations"),
    output:
        activations="results/activations/{model}/{hookpoint}/{shard}.parquet",
    log:
        "results/logs/extract_activations/{model}/{hookpoint}/{shard}.log",
    benchmark:
        "results/benchmarks/extract_activations/{model}/{hookpoint}/{shard}.tsv"
    conda:
        "../../envs/models.yaml"
    threads: config["compute"]["threads"]
    resources:
        **MODEL_JOB,
    params:
        model=lambda wildcards: MODELS[wildcards.model],
        option_seed=config["prompts"]["option_seed"],
        scopes=lambda wildcards: STUDY.get_scopes(wildcards.hookpoint)["stored"],
    script:
        "../scripts/extract_activations.py"


rule merge_statistics:
    """Add up the identify folds' cells of all shards."""
    input:
        cells="results/cells/{model}.parquet",
        shards=expand(
            "results/activations/{{model}}/{{hookpoint}}/{shard}.parquet", shard=SHARDS
        ),
        code=find_code_inputs("merge_statistics"),
    output:
        statistics="results/statistics/{model}/{hookpoint}/{split}.parquet",
    log:
        "results/logs/merge_statistics/{model}/{hookpoint}/{split}.log",
    benchmark:
        "results/benchmarks/merge_statistics/{model}/{hookpoint}/{split}.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        scopes=lambda wildcards: STUDY.get_scopes(wildcards.hookpoint)["scored"],
    script:
        "../scripts/merge_statistics.py"
