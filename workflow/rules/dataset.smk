# A dataset -> questions, images (one row per picture), and rejected rows.


rule prepare_dataset:
    """Check every row of the dataset; keep the good ones, and the others with a reason."""
    input:
        dataset=lambda _: list_dataset_files(config["dataset"]),
        cultures=config["dataset"]["cultures"],
        labels=config["dataset"]["labels"] or [],
        study_images=[],
        code=find_code_inputs("prepare_dataset"),
    output:
        questions="results/dataset/questions.parquet",
        images="results/dataset/images.parquet",
        rejected="results/dataset/rejected.parquet",
    log:
        "results/logs/prepare_dataset.log",
        rejected="results/logs/prepare_dataset_rejected.csv",  # where there are too many
    benchmark:
        "results/benchmarks/prepare_dataset.tsv"
    conda:
        "../../envs/tables.yaml"
    resources:
        hub_cache=HUB_CACHE,
        # Says early what would fail later, and changes no output: no param, which reruns.
        floor=config["cells"]["floor"],
    params:
        key="dataset",
        dataset=list_reading(config["dataset"]),
        folds=config["cells"]["folds"],
    script:
        "../scripts/prepare_dataset.py"
