"""Measure what masks share with, and do to, cultures of the same language or country."""

from culture_neurons.evaluate.pairing import (
    pair_scorer,
    read_evaluate_questions,
    read_outcomes,
    read_study,
)
from culture_neurons.identify.mask_units import read_culture_units
from culture_neurons.logs import logger, start_log
from culture_neurons.neurons import NeuronAxis
from culture_neurons.outcomes import OUTCOMES
from culture_neurons.sensitivity.origins import find_origins
from culture_neurons.sensitivity.relations import measure_relations
from culture_neurons.storage.facts import name_versions
from culture_neurons.storage.frames import read_frame
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
source, params = snakemake.input, snakemake.params
kinds = {source.questions: "questions"}
place = dict(snakemake.wildcards, selector=snakemake.wildcards.scorer)
selectors, facts = read_study(kinds, [source.outcomes], place)
facts |= selectors[source.outcomes]
axis, outcomes = NeuronAxis.from_facts(facts), read_outcomes(source.outcomes)
evaluated = read_evaluate_questions(source.questions, outcomes, facts)
masks = read_culture_units(source.masks, facts, axis)
answers = {
    name: pair_scorer(evaluated, outcomes, list(masks), params.other_questions, name)
    for name in OUTCOMES
}
origins = find_origins(read_frame(source.questions, "questions"))
table = measure_relations(answers, masks, axis, origins, **params.settings)
facts |= {"software": name_versions("numpy", "polars")}
write_table(snakemake.output.relations, "relations", table, facts)
logger.info("%d cultures", len(masks))
