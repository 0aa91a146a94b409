# Verdicts, figures, and tables -> one page for people who have no Snakemake.


rule build_report:
    """Write the study's page."""
    input:
        figures=lambda wildcards: [figure["path"] for figure in describe_figures()],
        captions=lambda wildcards: sorted(
            {figure["caption"] for figure in describe_figures()}
        ),
        verdicts=rules.write_tables.output.verdicts,
        cultures=rules.write_tables.output.cultures,
        tables=[*rules.write_tables.output],
        sensitivity=rules.summarise_sensitivity.output if SENSITIVITY["measure"] else [],
        questions="results/dataset/questions.parquet",
        rejected="results/dataset/rejected.parquet",
        answers=expand("results/answers/{model}.parquet", model=MODELS),
        effects=expand_studies(f"{EFFECTS}/{{scorer}}.parquet"),
        names=config["dataset"]["cultures"],
        citation=os.path.relpath(ROOT / "CITATION.cff"),
        code=[*find_code_inputs("build_report"), *map(os.path.relpath, TEMPLATES)],
    output:
        page="results/report.html",
    log:
        "results/logs/build_report.log",
    benchmark:
        "results/benchmarks/build_report.tsv"
    conda:
        "../../envs/report.yaml"
    params:
        figures=lambda wildcards: describe_figures(),
        config=SETTINGS,
        demo_models=list(filter(STUDY.get_demo_model, MODELS)),
        settings=CHANGED,
    script:
        "../scripts/build_report.py"
