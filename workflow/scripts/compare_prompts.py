"""Compare what a model answers, and which neurons matter, with itself under another prompt."""

from culture_neurons.evaluate.pairing import (
    read_evaluate_questions,
    read_outcomes,
    read_study,
)
from culture_neurons.identify.mask_units import read_culture_units
from culture_neurons.logs import logger, start_log
from culture_neurons.neurons import NeuronAxis
from culture_neurons.sensitivity.origins import find_origins
from culture_neurons.sensitivity.prompts import compare_prompts
from culture_neurons.storage.facts import (
    SELECTOR_FACTS,
    join_facts,
    name_versions,
    read_facts,
)
from culture_neurons.storage.frames import read_frame
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
source, params = snakemake.input, snakemake.params
kinds = {source.questions: "questions", source.answers: "answers"}
files = [source.own, source.lent]
selectors, facts = read_study(kinds, files, snakemake.wildcards)
other = read_facts(source.other_answers, "answers", {"model": params.lender})
same = ("dataset", "checkpoint", "commit", "option_seed")  # all but the prompt
join_facts({source.answers: facts, source.other_answers: {key: other[key] for key in same}})
axis = NeuronAxis.from_facts(facts)
questions = read_frame(source.questions, "questions")
own, lent = map(read_outcomes, files)
masks = {"own": (source.own_masks, source.own), "lent": (source.lent_masks, source.lent)}
table = compare_prompts(
    questions=questions,
    answers=read_frame(source.answers, "answers"),
    other_answers=read_frame(source.other_answers, "answers"),
    evaluated=read_evaluate_questions(source.questions, own, facts | selectors[source.own]),
    own=own,
    lent=lent,
    masks={
        whose: read_culture_units(path, selectors[asked], axis)
        for whose, (path, asked) in masks.items()
    },
    axis=axis,
    origins=find_origins(questions),
    other_questions=params.other_questions,
    **params.settings,
)
facts = {key: value for key, value in facts.items() if key not in SELECTOR_FACTS} | {
    "scorer": {"name": snakemake.wildcards.imported},
    "of": params.of,
    "lender": params.lender,
    "lender_prompt": other["prompt"],
    "software": name_versions("numpy", "polars"),
}
write_table(snakemake.output.prompts, "prompts", table, facts)
logger.info("prompts %s and, of the masks lent, %s", facts["prompt"], facts["lender_prompt"])
