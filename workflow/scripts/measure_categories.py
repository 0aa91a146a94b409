"""Measure the effects of every scorer's masks by category of the questions."""

from culture_neurons.evaluate.categories import measure_categories
from culture_neurons.evaluate.pairing import (
    pair_scorer,
    read_evaluate_questions,
    read_outcomes,
    read_study,
)
from culture_neurons.logs import logger, start_log
from culture_neurons.outcomes import OUTCOMES
from culture_neurons.storage.facts import name_versions
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
source, params, wildcards = snakemake.input, snakemake.params, snakemake.wildcards
scorers, facts = read_study({source.questions: "questions"}, source.outcomes, wildcards)
first = read_outcomes(next(iter(scorers)))
questions = read_evaluate_questions(source.questions, first, facts)
categories = questions.sort("culture", "question_id")["category"].to_numpy()  # as paired


def measure_scorers():
    """Yield the table's rows, one scorer and outcome at a time."""
    for path, scorer_facts in scorers.items():
        asked = read_outcomes(path), facts["cultures"], params.other_questions
        for outcome in OUTCOMES:
            paired = pair_scorer(questions, *asked, outcome)
            rows = measure_categories(paired, categories, **params.statistics)
            yield {"scorer": scorer_facts["scorer"]["name"], **rows}


facts |= {"statistics": params.statistics, "other_questions": params.other_questions}
facts |= {"software": name_versions("numpy", "polars")}
write_table(snakemake.output.categories, "categories", measure_scorers(), facts)
logger.info("%d scorers, %d questions", len(scorers), len(questions))
