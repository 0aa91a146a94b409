"""Compare the answers to another dataset's questions under masks with the unmodified model's."""

from culture_neurons.evaluate.effects import measure_effects
from culture_neurons.evaluate.exchange import rank_exchanged
from culture_neurons.evaluate.pairing import read_elsewhere
from culture_neurons.logs import logger, start_log
from culture_neurons.neurons import read_sizes
from culture_neurons.storage.facts import name_versions
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
source, params, output = snakemake.input, snakemake.params, snakemake.output
facts, questions, outcomes = read_elsewhere(
    source.questions, source.outcomes, dict(snakemake.wildcards)
)
answers, kept, effects, summaries = measure_effects(
    questions=questions,
    outcomes=outcomes,
    swapped_outcomes=outcomes.clear(),  # nothing was asked over other cultures' pictures
    cultures=[mask.culture for mask in read_sizes(facts)],
    other_questions=None,
    **params.intervals,
    **params.tests,
)
ranks = [rank_exchanged(each, kept, params.intervals["seed"]) for each in answers.values()]
facts |= {
    "statistics": {**params.intervals, **params.tests},
    "raises": False,
    "software": name_versions("numpy", "polars", "scipy"),
}
write_table(output.effects, "effects", effects, facts)
write_table(output.summaries, "summaries", summaries, facts)
write_table(output.ranks, "ranks", ranks, facts)
logger.info("%d cultures, %d questions", len(facts["masks"]), len(questions))
