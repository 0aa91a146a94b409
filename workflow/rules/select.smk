# Scores -> masks; and masks to compare them with: published ones, controls, a demo's planted neurons.


rule select_neurons:
    """Take the best neurons of one scorer as masks, one per culture."""
    input:
        scores="results/scores/{model}/{hookpoint}/{split}/{scorer}.parquet",
        code=find_code_inputs("select_neurons"),
    output:
        masks=f"{MASKS}/{{scorer}}.parquet",
    log:
        "results/logs/select_neurons/{model}/{hookpoint}/{split}/{rate}/{scorer}.log",
    benchmark:
        "results/benchmarks/select_neurons/{model}/{hookpoint}/{split}/{rate}/{scorer}.tsv"
    wildcard_constraints:
        scorer=one_of(SCORERS),
    conda:
        "../../envs/tables.yaml"
    params:
        rate=lambda wildcards: RATES[wildcards.rate],
        pool=lambda wildcards: SCORERS[wildcards.scorer]["pool"],
        min_score=lambda wildcards: SCORERS[wildcards.scorer]["min_score"],
    script:
        "../scripts/select_neurons.py"


rule import_masks:
    """Take masks that others published for a model, or that it had under another prompt."""
    input:
        statistics="results/statistics/{model}/{hookpoint}/{split}.parquet",
        file=get_imported_masks,
        code=find_code_inputs("import_masks"),
    output:
        masks=f"{MASKS}/{{imported}}.parquet",
    log:
        "results/logs/import_masks/{model}/{hookpoint}/{split}/{rate}/{imported}.log",
    benchmark:
        "results/benchmarks/import_masks/{model}/{hookpoint}/{split}/{rate}/{imported}.tsv"
    wildcard_constraints:
        imported=one_of(IMPORTED),
    conda:
        "../../envs/models.yaml"
    params:
        rate=lambda wildcards: RATES[wildcards.rate],
        name=lambda wildcards: wildcards.imported,
        cultures=lambda wildcards: IMPORTED[wildcards.imported]["cultures"],
        evaluate=lambda wildcards: IMPORTED[wildcards.imported]["evaluate"],
        lent=lambda wildcards: IMPORTED[wildcards.imported]["of"] is not None,
    script:
        "../scripts/import_masks.py"


rule combine_masks:
    """Take of one scorer's masks the neurons that other masks have as well, or have not."""
    input:
        of=lambda wildcards: f"{MASKS}/{COMBINED[wildcards.combined]['of']}.parquet",
        others=lambda wildcards: [
            f"{MASKS}/{name}.parquet" for name in STUDY.get_others(wildcards.combined)
        ],
        code=find_code_inputs("combine_masks"),
    output:
        masks=f"{MASKS}/{{combined}}.parquet",
    log:
        "results/logs/combine_masks/{model}/{hookpoint}/{split}/{rate}/{combined}.log",
    benchmark:
        "results/benchmarks/combine_masks/{model}/{hookpoint}/{split}/{rate}/{combined}.tsv"
    wildcard_constraints:
        combined=one_of(COMBINED),
    conda:
        "../../envs/tables.yaml"
    params:
        within=lambda wildcards: COMBINED[wildcards.combined]["within"] is not None,
        combined=lambda wildcards: COMBINED[wildcards.combined],
    script:
        "../scripts/combine_masks.py"


rule export_masks:
    """Write masks as files that others read; made only where they are asked for by path."""
    input:
        masks=f"{MASKS}/{{scorer}}.parquet",
        code=find_code_inputs("export_masks"),
    output:
        torch="results/exports/{model}/{hookpoint}/{split}/{rate}/{scorer}.pth",
        safetensors="results/exports/{model}/{hookpoint}/{split}/{rate}/{scorer}.safetensors",
        json="results/exports/{model}/{hookpoint}/{split}/{rate}/{scorer}.json",
    log:
        "results/logs/export_masks/{model}/{hookpoint}/{split}/{rate}/{scorer}.log",
    benchmark:
        "results/benchmarks/export_masks/{model}/{hookpoint}/{split}/{rate}/{scorer}.tsv"
    conda:
        "../../envs/models.yaml"
    script:
        "../scripts/export_masks.py"


rule select_planted:
    """Take the planted neurons of a demo model as masks: the ground truth."""
    input:
        statistics="results/statistics/{model}/{hookpoint}/{split}.parquet",
        planted=lambda wildcards: (
            f"{MODELS[wildcards.model]['checkpoint']}/planted.parquet"
        ),
        code=find_code_inputs("select_planted"),
    output:
        masks=f"{MASKS}/planted.parquet",
    log:
        "results/logs/select_planted/{model}/{hookpoint}/{split}/{rate}.log",
    benchmark:
        "results/benchmarks/select_planted/{model}/{hookpoint}/{split}/{rate}.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        rate=lambda wildcards: RATES[wildcards.rate],
    script:
        "../scripts/select_planted.py"


rule draw_random:
    """Draw random masks that resemble a scorer's: in size, per layer, or in activity."""
    input:
        statistics="results/statistics/{model}/{hookpoint}/{split}.parquet",
        masks=get_control_masks,
        code=find_code_inputs("draw_random"),
    output:
        masks=f"{MASKS}/{{control}}.parquet",
    log:
        "results/logs/draw_random/{model}/{hookpoint}/{split}/{rate}/{control}.log",
    benchmark:
        "results/benchmarks/draw_random/{model}/{hookpoint}/{split}/{rate}/{control}.tsv"
    wildcard_constraints:
        control=one_of(STUDY.list_selectors(permuted=False)),
    conda:
        "../../envs/tables.yaml"
    params:
        rate=lambda wildcards: RATES[wildcards.rate],
        control=lambda wildcards: STUDY.get_control(wildcards.control),
    script:
        "../scripts/draw_random.py"


rule select_permuted:
    """Run a scorer and its selection on cells whose culture labels were permuted."""
    input:
        shards=expand(
            "results/activations/{{model}}/{{hookpoint}}/{shard}.parquet", shard=SHARDS
        ),
        code=find_code_with_scorer("select_permuted"),
    output:
        masks=f"{MASKS}/{{control}}.parquet",
    log:
        "results/logs/select_permuted/{model}/{hookpoint}/{split}/{rate}/{control}.log",
    benchmark:
        "results/benchmarks/select_permuted/{model}/{hookpoint}/{split}/{rate}/{control}.tsv"
    wildcard_constraints:
        control=one_of(STUDY.list_selectors(permuted=True)),
    conda:
        "../../envs/tables.yaml"
    params:
        rate=lambda wildcards: RATES[wildcards.rate],
        scopes=lambda wildcards: STUDY.get_scopes(wildcards.hookpoint)["scored"],
        scorer=lambda wildcards: STUDY.get_scorer(wildcards.control),
        control=lambda wildcards: STUDY.get_control(wildcards.control),
    script:
        "../scripts/select_permuted.py"
