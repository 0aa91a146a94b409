# Statistics -> a score per culture, layer, and neuron.


rule score_neurons:
    """Score every neuron for every culture with one scorer."""
    input:
        statistics="results/statistics/{model}/{hookpoint}/{split}.parquet",
        code=find_code_with_scorer("score_neurons"),
    output:
        scores="results/scores/{model}/{hookpoint}/{split}/{scorer}.parquet",
    log:
        "results/logs/score_neurons/{model}/{hookpoint}/{split}/{scorer}.log",
    benchmark:
        "results/benchmarks/score_neurons/{model}/{hookpoint}/{split}/{scorer}.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        scorer=lambda wildcards: {
            key: SCORERS[wildcards.scorer][key]
            for key in ("name", "scorer", "options")
        },
    script:
        "../scripts/score_neurons.py"
