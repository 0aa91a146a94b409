"""Measure what masks change in answers that have no culture, beside their own culture's."""

from culture_neurons.evaluate.damage import measure_damage
from culture_neurons.evaluate.pairing import (
    pair_scorer,
    read_elsewhere,
    read_evaluate_questions,
    read_outcomes,
    read_study,
)
from culture_neurons.logs import logger, start_log
from culture_neurons.neurons import read_sizes
from culture_neurons.outcomes import OUTCOMES
from culture_neurons.storage.facts import SELECTOR_FACTS, join_facts, name_versions
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
source, params, output = snakemake.input, snakemake.params, snakemake.output
wildcards = dict(snakemake.wildcards)
place = {**wildcards, "selector": wildcards["scorer"]}
selectors, study = read_study({source.study_questions: "questions"}, [source.study], place)
study |= selectors[source.study]
facts, questions, outcomes = read_elsewhere(source.questions, source.outcomes, wildcards)
own = ("evaluate_questions", *SELECTOR_FACTS)
join_facts({source.study: study, source.outcomes: facts}, own=own)
own_outcomes = read_outcomes(source.study)
own_questions = read_evaluate_questions(source.study_questions, own_outcomes, study)
asked = ([mask.culture for mask in read_sizes(study)], params.other_questions)
effects, summaries = measure_damage(
    questions=questions,
    outcomes=outcomes,
    study={name: pair_scorer(own_questions, own_outcomes, *asked, name) for name in OUTCOMES},
    **params.settings,
)
facts |= {
    "statistics": params.settings,
    "raises": False,
    "software": name_versions("numpy", "polars", "scipy"),
}
write_table(output.effects, "effects", effects, facts)
write_table(output.summaries, "summaries", summaries, facts)
logger.info("%d masks, %d questions", len(facts["masks"]), len(questions))
