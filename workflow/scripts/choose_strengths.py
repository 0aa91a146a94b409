"""Choose each steered mask's strength, and keep its answers to questions that did not choose."""

import polars as pl

from culture_neurons.evaluate.pairing import read_evaluate_questions, read_study
from culture_neurons.evaluate.steering import choose_strengths, read_steered, take_chosen
from culture_neurons.logs import logger, start_log
from culture_neurons.neurons import read_sizes
from culture_neurons.storage.facts import name_versions
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
source, params, output = snakemake.input, snakemake.params, snakemake.output
kinds = {source.questions: "questions", source.swapped: "swapped_outcomes"}
selectors, facts = read_study(kinds, [source.steered], snakemake.wildcards)
facts |= selectors[source.steered]
outcomes = read_steered(source.steered)
swapped = read_steered(source.swapped, "swapped_outcomes")
questions = read_evaluate_questions(source.questions, outcomes, facts)
masks = list(read_sizes(facts))
strengths = choose_strengths(
    questions.filter(pl.col("fold").is_in(facts["tune_folds"])),
    outcomes,
    masks,
    facts["intervention"]["strengths"],
    params.max_loss,
    **params.asked,
)
ids = questions.filter(pl.col("fold").is_in(facts["evaluate_folds"]))["question_id"]
chosen = take_chosen(outcomes, strengths, ids)
chosen_swapped = take_chosen(swapped, strengths, ids)
facts |= {"max_loss": params.max_loss, "software": name_versions("numpy", "polars")}
write_table(output.strengths, "strengths", strengths.to_dict(as_series=False), facts)
facts |= {"evaluate_questions": len(ids)}
write_table(output.outcomes, "outcomes", chosen.to_dict(as_series=False), facts)
write_table(
    output.swapped,
    "swapped_outcomes",
    chosen_swapped.to_dict(as_series=False),
    facts,
)
unchanged = strengths.filter("chosen", strength=0).height
logger.info("%d masks, %d of them best left alone, %d questions", len(masks), unchanged, len(ids))
