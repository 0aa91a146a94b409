"""Compare the answers under one scorer's masks with the unmodified model's."""

import polars as pl

from culture_neurons.effects import measure_effects
from culture_neurons.logs import logger, start_log
from culture_neurons.tables import join_facts, name_versions, read_facts, write_table

start_log(snakemake.log[0])
source, params = snakemake.input, snakemake.params
control = read_facts(source.control, "outcomes")
facts = join_facts(
    {
        source.questions: read_facts(source.questions, "questions"),
        source.answers: read_facts(source.answers, "answers"),
        source.outcomes: read_facts(source.outcomes, "outcomes"),
        source.control: {k: v for k, v in control.items() if k != "masks"},
    }
)
questions = pl.read_parquet(
    source.questions, columns=["question_id", "image_id", "culture", "fold"]
).filter(pl.col("fold").is_in(facts["evaluate_folds"]), pl.col("culture").is_in(facts["cultures"]))
columns = ["question_id", "predicted", "correct"]
effects, summaries = measure_effects(
    questions=questions,
    answers=pl.read_parquet(source.answers, columns=columns),
    outcomes=pl.read_parquet(source.outcomes, columns=["mask", *columns]),
    control=pl.read_parquet(source.control, columns=["mask", *columns]),
    sizes=facts["masks"],
    control_sizes=control["masks"],
    draws=facts["random"]["draws"],
    **params.statistics,
)
facts |= {"statistics": params.statistics, "software": name_versions("numpy", "polars", "scipy")}
write_table(snakemake.output.effects, "effects", effects, facts)
write_table(snakemake.output.summaries, "summaries", summaries, facts)
logger.info("mask sizes %s; random masks of %s", facts["masks"], set(control["masks"].values()))
logger.info("%d cultures, %d questions", len(facts["masks"]), len(questions))
