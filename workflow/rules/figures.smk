# Tables of results -> figures, each as SVG (real text) and PNG (200 dpi).


rule plot_accuracy:
    """Draw every model's accuracy per culture."""
    input:
        questions="results/dataset/questions.parquet",
        answers=expand("results/answers/{model}.parquet", model=MODELS),
        unseen=expand("results/unseen/{model}.parquet", model=MODELS),
        cultures=config["dataset"]["cultures"],
        code=find_code_inputs("plot_accuracy"),
    output:
        svg=report(
            "results/figures/accuracy.svg",
            caption="../report/accuracy.rst",
            category="Data and models",
            labels={"figure": "accuracy per culture"},
        ),
        png="results/figures/accuracy.png",
    log:
        "results/logs/plot_accuracy.log",
    benchmark:
        "results/benchmarks/plot_accuracy.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        models=list(MODELS),
        confidence=config["evaluate"]["confidence"],
    script:
        "../scripts/plot_accuracy.py"


rule plot_rejected:
    """Draw how many rows of the dataset are not used, and why."""
    input:
        questions="results/dataset/questions.parquet",
        rejected="results/dataset/rejected.parquet",
        code=find_code_inputs("plot_rejected"),
    output:
        svg=report(
            "results/figures/rejected.svg",
            caption="../report/rejected.rst",
            category="Data and models",
            labels={"figure": "rows not used"},
        ),
        png="results/figures/rejected.png",
    log:
        "results/logs/plot_rejected.log",
    benchmark:
        "results/benchmarks/plot_rejected.tsv"
    conda:
        "../../envs/figures.yaml"
    script:
        "../scripts/plot_rejected.py"


rule plot_layers:
    """Draw in which layers one model's selected neurons lie, on scales of all models."""
    input:
        masks=lambda wildcards: expand_masks(f"{MASKS}/{{scorer}}.parquet", wildcards),
        cultures=config["dataset"]["cultures"],
        code=find_code_inputs("plot_layers"),
    output:
        svg=report(
            "results/figures/layers/{hookpoint}/{split}/{rate}/{model}.svg",
            caption="../report/layers.rst",
            category="Neurons",
            subcategory="Layers, {hookpoint}",
            labels={
                "model": "{model}",
                "split": "{split}",
                "rate": "{rate}",
            },
        ),
        png="results/figures/layers/{hookpoint}/{split}/{rate}/{model}.png",
    log:
        "results/logs/plot_layers/{model}/{hookpoint}/{split}/{rate}.log",
    benchmark:
        "results/benchmarks/plot_layers/{model}/{hookpoint}/{split}/{rate}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        models=lambda wildcards: [model for model, _ in list_masks(wildcards)],
        scorers=lambda wildcards: [scorer for _, scorer in list_masks(wildcards)],
    script:
        "../scripts/plot_layers.py"


rule plot_overlap:
    """Draw how far one model's masks overlap between cultures and between scorers."""
    input:
        masks=lambda wildcards: expand(
            f"{MASKS}/{{scorer}}.parquet",
            scorer=get_scorers(wildcards.model, wildcards.hookpoint),
            **wildcards,
        ),
        cultures=config["dataset"]["cultures"],
        code=find_code_inputs("plot_overlap"),
    output:
        svg=report(
            "results/figures/overlap/{hookpoint}/{split}/{rate}/{model}.svg",
            caption="../report/overlap.rst",
            category="Neurons",
            subcategory="Overlap of masks, {hookpoint}",
            labels={
                "model": "{model}",
                "split": "{split}",
                "rate": "{rate}",
            },
        ),
        png="results/figures/overlap/{hookpoint}/{split}/{rate}/{model}.png",
    log:
        "results/logs/plot_overlap/{model}/{hookpoint}/{split}/{rate}.log",
    benchmark:
        "results/benchmarks/plot_overlap/{model}/{hookpoint}/{split}/{rate}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        scorers=lambda wildcards: get_scorers(wildcards.model, wildcards.hookpoint),
    script:
        "../scripts/plot_overlap.py"


rule plot_deactivation:
    """Draw one model's change of an outcome per masked and evaluated culture."""
    input:
        effects=lambda wildcards: expand(
            f"{EFFECTS}/{{scorer}}.parquet",
            scorer=get_scorers(wildcards.model, wildcards.hookpoint),
            **wildcards,
        ),
        others=lambda wildcards: expand_masks(
            f"{EFFECTS}/{{scorer}}.parquet", wildcards
        ),
        cultures=config["dataset"]["cultures"],
        code=find_code_inputs("plot_deactivation"),
    output:
        svg=report(
            "results/figures/deactivation/{hookpoint}/{split}/{rate}/{intervention}/{outcome}/{model}.svg",
            caption="../report/deactivation.rst",
            category="Effects",
            subcategory="Culture by culture, {hookpoint}",
            labels={
                "model": "{model}",
                "outcome": "{outcome}",
                "split": "{split}",
                "rate": "{rate}",
                "intervention": "{intervention}",
            },
        ),
        png="results/figures/deactivation/{hookpoint}/{split}/{rate}/{intervention}/{outcome}/{model}.png",
    log:
        "results/logs/plot_deactivation/{model}/{hookpoint}/{split}/{rate}/{intervention}/{outcome}.log",
    benchmark:
        "results/benchmarks/plot_deactivation/{model}/{hookpoint}/{split}/{rate}/{intervention}/{outcome}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        outcome=get_outcome,
        scorers=lambda wildcards: get_scorers(wildcards.model, wildcards.hookpoint),
        alpha=config["evaluate"]["alpha"],
    script:
        "../scripts/plot_deactivation.py"


rule plot_doses:
    """Draw what steering one scorer's masks of one model does, by strength."""
    input:
        doses=f"{DOSES}/{{scorer}}.parquet",
        cultures=config["dataset"]["cultures"],
        code=find_code_inputs("plot_doses"),
    output:
        svg=report(
            "results/figures/doses/{hookpoint}/{split}/{rate}/{intervention}/{outcome}/{scorer}/{model}.svg",
            caption="../report/doses.rst",
            category="Effects",
            subcategory="Strengths of steering, {hookpoint}",
            labels={
                "masks": "{scorer}, {model}",
                "outcome": "{outcome}",
                "split": "{split}",
                "rate": "{rate}",
                "steering": "{intervention}",
            },
        ),
        png="results/figures/doses/{hookpoint}/{split}/{rate}/{intervention}/{outcome}/{scorer}/{model}.png",
    log:
        "results/logs/plot_doses/{model}/{hookpoint}/{split}/{rate}/{intervention}/{outcome}/{scorer}.log",
    benchmark:
        "results/benchmarks/plot_doses/{model}/{hookpoint}/{split}/{rate}/{intervention}/{outcome}/{scorer}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        outcome=get_outcome,
        max_loss=lambda wildcards: STUDY.max_loss[wildcards.intervention],
    script:
        "../scripts/plot_doses.py"


rule plot_elsewhere:
    """Draw what every model's masks change in another dataset, beside their own culture's loss."""
    input:
        study=lambda wildcards: expand_masks(
            f"{SUMMARIES}/{{scorer}}.parquet", wildcards
        ),
        elsewhere=lambda wildcards: expand_masks(
            f"{ELSEWHERE}/summaries/{STUDY_PATH}/{{scorer}}.parquet", wildcards
        ),
        effects=lambda wildcards: expand_masks(
            f"{ELSEWHERE}/effects/{STUDY_PATH}/{{scorer}}.parquet", wildcards
        ),
        ranks=lambda wildcards: (
            expand_masks(
                f"{ELSEWHERE}/ranks/{STUDY_PATH}/{{scorer}}.parquet", wildcards
            )
            if OTHER_DATASETS[wildcards.other_dataset]["cultures"]
            else []
        ),
        code=find_code_inputs("plot_elsewhere"),
    output:
        svg=report(
            "results/figures/other_datasets/{other_dataset}/{hookpoint}/{split}/{rate}/{intervention}/{outcome}.svg",
            caption="../report/elsewhere.rst",
            category="Effects",
            subcategory="Other datasets, {hookpoint}",
            labels={
                "dataset": "{other_dataset}",
                "outcome": "{outcome}",
                "split": "{split}",
                "rate": "{rate}",
                "intervention": "{intervention}",
            },
        ),
        png="results/figures/other_datasets/{other_dataset}/{hookpoint}/{split}/{rate}/{intervention}/{outcome}.png",
    log:
        "results/logs/plot_elsewhere/{other_dataset}/{hookpoint}/{split}/{rate}/{intervention}/{outcome}.log",
    benchmark:
        "results/benchmarks/plot_elsewhere/{other_dataset}/{hookpoint}/{split}/{rate}/{intervention}/{outcome}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        outcome=get_outcome,
        models=lambda wildcards: [model for model, _ in list_masks(wildcards)],
        scorers=lambda wildcards: [scorer for _, scorer in list_masks(wildcards)],
        alpha=config["evaluate"]["alpha"],
        unchanged=config["evaluate"]["unchanged"],
    script:
        "../scripts/plot_elsewhere.py"


rule plot_self_cross:
    """Draw the change of an outcome on own and on other cultures, for every model and scorer."""
    input:
        summaries=lambda wildcards: expand_masks(
            f"{SUMMARIES}/{{scorer}}.parquet", wildcards
        ),
        ranks=lambda wildcards: expand_masks(f"{RANKS}/{{scorer}}.parquet", wildcards),
        effects=lambda wildcards: expand_masks(
            f"{EFFECTS}/{{scorer}}.parquet", wildcards
        ),
        questions="results/dataset/questions.parquet",
        answers=expand("results/answers/{model}.parquet", model=MODELS),
        code=find_code_inputs("plot_self_cross"),
    output:
        svg=report(
            "results/figures/self_cross/{hookpoint}/{split}/{rate}/{intervention}/{outcome}.svg",
            caption="../report/self_cross.rst",
            category="Effects",
            subcategory="Self against cross, {hookpoint}",
            labels={
                "outcome": "{outcome}",
                "split": "{split}",
                "rate": "{rate}",
                "intervention": "{intervention}",
            },
        ),
        png="results/figures/self_cross/{hookpoint}/{split}/{rate}/{intervention}/{outcome}.png",
    log:
        "results/logs/plot_self_cross/{hookpoint}/{split}/{rate}/{intervention}/{outcome}.log",
    benchmark:
        "results/benchmarks/plot_self_cross/{hookpoint}/{split}/{rate}/{intervention}/{outcome}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        outcome=get_outcome,
        models=lambda wildcards: [model for model, _ in list_masks(wildcards)],
        scorers=lambda wildcards: [scorer for _, scorer in list_masks(wildcards)],
        control=DRAWN["name"],
        asked={key: DRAWN[key] for key in ("other_questions", "own_questions")},
        alpha=config["evaluate"]["alpha"],
    script:
        "../scripts/plot_self_cross.py"


rule plot_recovery:
    """Draw how many planted neurons each scorer finds in the demo's models."""
    input:
        recovery=lambda wildcards: expand(
            "results/recovery/{model}/{hookpoint}/{split}/{rate}.parquet",
            model=list_planted(wildcards.hookpoint),
            **wildcards,
        ),
        code=find_code_inputs("plot_recovery"),
    output:
        svg=report(
            "results/figures/recovery/{hookpoint}/{split}/{rate}.svg",
            caption="../report/recovery.rst",
            category="Neurons",
            subcategory="Planted neurons found, {hookpoint}",
            labels={
                "split": "{split}",
                "rate": "{rate}",
            },
        ),
        png="results/figures/recovery/{hookpoint}/{split}/{rate}.png",
    log:
        "results/logs/plot_recovery/{hookpoint}/{split}/{rate}.log",
    benchmark:
        "results/benchmarks/plot_recovery/{hookpoint}/{split}/{rate}.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        models=lambda wildcards: list_planted(wildcards.hookpoint),
        confidence=config["evaluate"]["confidence"],
    script:
        "../scripts/plot_recovery.py"
