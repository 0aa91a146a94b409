# All results -> CSV files for people.


rule write_tables:
    """Write the study's numbers as CSV files."""
    input:
        questions="results/dataset/questions.parquet",
        rejected="results/dataset/rejected.parquet",
        answers=expand("results/answers/{model}.parquet", model=MODELS),
        unseen=expand("results/unseen/{model}.parquet", model=MODELS),
        cells=expand("results/cells/{model}.parquet", model=MODELS),
        masks=[
            path
            for hookpoint in HOOKPOINTS
            for path in expand(
                f"{MASKS}/{{scorer}}.parquet",
                model=MODELS,
                hookpoint=hookpoint,
                split=SPLITS,
                rate=STUDY.get_rates(hookpoint),
                scorer=SCORERS,
            )
        ],
        effects=expand_studies(
            f"{EFFECTS}/{{scorer}}.parquet", interventions=EVERY_INTERVENTION
        ),
        summaries=expand_studies(
            f"{SUMMARIES}/{{scorer}}.parquet", interventions=EVERY_INTERVENTION
        ),
        ranks=expand_studies(
            f"{RANKS}/{{scorer}}.parquet", interventions=EVERY_INTERVENTION
        ),
        comparisons=expand_studies(
            f"{COMPARISONS}/{{intervention}}.parquet", interventions=EVERY_INTERVENTION
        ),
        doses=expand_studies(f"{DOSES}/{{scorer}}.parquet", interventions=STEERING),
        strengths=expand_studies(
            f"{STRENGTHS}/{{scorer}}.parquet", interventions=STEERING
        ),
        damage=expand_elsewhere("summaries", cultures=False),
        transfer=expand_elsewhere("summaries", cultures=True),
        transfer_ranks=expand_elsewhere("ranks", cultures=True),
        other_effects=[
            *expand_elsewhere("effects", cultures=False),
            *expand_elsewhere("effects", cultures=True),
        ],
        prompts=expand_lent(),
        relations=(
            expand_studies(f"results/relations/{STUDY_PATH}/{{scorer}}.parquet")
            if RELATED
            else []
        ),
        published=os.path.relpath(ROOT / "config/published.tsv"),
        recovery=[
            path
            for hookpoint in HOOKPOINTS
            for path in expand(
                "results/recovery/{model}/{hookpoint}/{split}/{rate}.parquet",
                model=list_planted(hookpoint),
                hookpoint=hookpoint,
                split=SPLITS,
                rate=STUDY.get_rates(hookpoint),
            )
        ],
        code=find_code_inputs("write_tables"),
    output:
        verdicts="results/tables/verdicts.csv",
        ground_truth="results/tables/ground_truth.csv",
        summaries="results/tables/summaries.csv",
        ranks="results/tables/ranks.csv",
        comparisons="results/tables/comparisons.csv",
        effects="results/tables/effects.csv",
        doses="results/tables/doses.csv",
        steering="results/tables/steering.csv",
        strengths="results/tables/strengths.csv",
        transfer="results/tables/transfer.csv",
        other_effects="results/tables/other_effects.csv",
        prompts="results/tables/prompts.csv",
        relations="results/tables/relations.csv",
        cultures="results/tables/cultures.csv",
        components="results/tables/components.csv",
        masks="results/tables/masks.csv",
        layers="results/tables/layers.csv",
        rejected="results/tables/rejected.csv",
        rejected_reasons="results/tables/rejected_reasons.csv",
    log:
        "results/logs/write_tables.log",
    benchmark:
        "results/benchmarks/write_tables.tsv"
    conda:
        "../../envs/tables.yaml"
    params:
        alpha=config["evaluate"]["alpha"],
        confidence=config["evaluate"]["confidence"],
        unchanged=config["evaluate"]["unchanged"],
        control=DRAWN["name"],
    script:
        "../scripts/write_tables.py"
