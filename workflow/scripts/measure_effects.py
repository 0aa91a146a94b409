"""Compare the answers under one scorer's masks with the unmodified model's, and with controls."""

from itertools import chain

from culture_neurons.evaluate.effects import measure_effects
from culture_neurons.evaluate.exchange import rank_exchanged
from culture_neurons.evaluate.pairing import read_evaluate_questions, read_outcomes, read_study
from culture_neurons.evaluate.ranks import rank_controls
from culture_neurons.evaluate.repeatability import count_ties, count_unrepeated
from culture_neurons.logs import logger, start_log
from culture_neurons.neurons import read_sizes
from culture_neurons.storage.facts import name_versions
from culture_neurons.storage.frames import read_frame
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
source, params, output = snakemake.input, snakemake.params, snakemake.output
kinds = {source.questions: "questions", source.answers: "answers"}
kinds |= {source.swapped: "swapped_outcomes"}
place = dict(snakemake.wildcards, selector=snakemake.wildcards.scorer)
selectors, facts = read_study(kinds, [source.outcomes, *source.controls], place)
facts |= selectors[source.outcomes]
outcomes = read_outcomes(source.outcomes)
questions = read_evaluate_questions(source.questions, outcomes, facts)
answers, kept, effects, summaries = measure_effects(
    questions=questions,
    outcomes=outcomes,
    swapped_outcomes=read_outcomes(source.swapped, "swapped_outcomes"),
    cultures=[mask.culture for mask in read_sizes(facts)],
    other_questions=params.other_questions,
    **params.intervals,
    **params.tests,
)
raises = "strengths" in facts["intervention"]  # steering means to help
asked = zip(source.controls, params.controls.values(), strict=True)
controls = {path: (selectors[path], limits) for path, limits in asked}
ranks = chain(
    (rank_exchanged(each, kept, params.intervals["seed"], raises) for each in answers.values()),
    rank_controls(answers, questions, controls, kept=kept, raises=raises, **params.intervals),
)
facts |= {
    "statistics": {**params.intervals, **params.tests},
    "other_questions": params.other_questions,
    "unrepeated": count_unrepeated(read_frame(source.answers, "answers"), outcomes),
    "ties": count_ties(questions, outcomes),
    "raises": raises,
    "empty_masks": sum(not size for size in read_sizes(facts).values()),
    "software": name_versions("numpy", "polars", "scipy"),
}
write_table(output.effects, "effects", effects, facts)
write_table(output.summaries, "summaries", summaries, facts)
write_table(output.ranks, "ranks", ranks, facts | {"controls": params.controls})
logger.info(
    "%d cultures, %d questions; the unmodified model answers %d otherwise than before, %d ties",
    *(len(facts["masks"]), len(questions), facts["unrepeated"], facts["ties"]),
)
