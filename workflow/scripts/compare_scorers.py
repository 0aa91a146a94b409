"""Compare the effects of every two scorers of one study."""

from culture_neurons.evaluate.comparisons import compare_scorers
from culture_neurons.evaluate.pairing import (
    pair_scorer,
    read_evaluate_questions,
    read_outcomes,
    read_study,
)
from culture_neurons.logs import logger, start_log
from culture_neurons.storage.facts import name_versions
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
source, params, wildcards = snakemake.input, snakemake.params, snakemake.wildcards
scorers, facts = read_study({source.questions: "questions"}, source.outcomes, wildcards)
questions = read_evaluate_questions(source.questions, facts["evaluate_folds"], facts["cultures"])
comparisons = compare_scorers(
    {
        scorer_facts["scorer"]["name"]: pair_scorer(
            questions,
            read_outcomes(path),
            facts["cultures"],
            params.other_questions,
        )
        for path, scorer_facts in scorers.items()
    },
    **params.statistics,
)
facts |= {"statistics": params.statistics, "other_questions": params.other_questions}
facts |= {"software": name_versions("numpy", "polars", "scipy")}
write_table(snakemake.output.comparisons, "comparisons", comparisons, facts)
logger.info("%d scorers, %d rows", len(scorers), len(comparisons["first"]))
