"""Compare the effects of every two scorers of one study."""

from culture_neurons.evaluate.comparisons import compare_outcomes
from culture_neurons.evaluate.pairing import read_evaluate_questions, read_outcomes, read_study
from culture_neurons.logs import logger, start_log
from culture_neurons.storage.facts import name_versions
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
source, params, wildcards = snakemake.input, snakemake.params, snakemake.wildcards
scorers, facts = read_study({source.questions: "questions"}, source.outcomes, wildcards)
outcomes = {own["scorer"]["name"]: read_outcomes(path) for path, own in scorers.items()}
questions = read_evaluate_questions(source.questions, next(iter(outcomes.values())), facts)
comparisons = compare_outcomes(
    outcomes, questions, facts["cultures"], params.other_questions, **params.statistics
)
facts |= {"statistics": params.statistics, "other_questions": params.other_questions}
facts |= {"software": name_versions("numpy", "polars", "scipy")}
write_table(snakemake.output.comparisons, "comparisons", comparisons, facts)
logger.info("%d scorers, %d questions", len(scorers), len(questions))
