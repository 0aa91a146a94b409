"""Ask another dataset's questions under every mask of one scorer."""

from culture_neurons.dataset.assignment import choose_elsewhere
from culture_neurons.dataset.prepared import PictureFile, read_questions
from culture_neurons.engine.answering import tabulate_masked
from culture_neurons.engine.feeding import Feed
from culture_neurons.engine.way import Way
from culture_neurons.hooks.hookpoints import find_layers
from culture_neurons.hooks.interventions import make_interventions
from culture_neurons.identify.mask_tables import read_masks, read_means
from culture_neurons.logs import logger, start_log
from culture_neurons.model.jobs import lease_model
from culture_neurons.model.prompts import find_letter_tokens
from culture_neurons.neurons import read_sizes
from culture_neurons.storage.facts import (
    join_facts,
    name_versions,
    read_joined,
    read_other_dataset,
)
from culture_neurons.storage.tables import read_table, write_table

start_log(snakemake.log[0])
loaded = f"the loaded checkpoint {snakemake.params.model['checkpoint']}"
source, params, resources = snakemake.input, snakemake.params, snakemake.resources
kinds = {source.cells: "cells", source.masks: "masks"}
wildcards = snakemake.wildcards
facts = read_joined(kinds, dict(wildcards, selector=wildcards.scorer))
sizes = read_sizes(facts)
of = (facts, dict(wildcards, hookpoint=params.coordinates))
means = [read_means(path, *of) for path in source.statistics]  # of kinds that shift neurons
masks = make_interventions(read_masks(source.masks, sizes), params.intervention, *means)
rows = read_table(source.questions, "questions", ["question_id", "culture"]).to_pylist()
cultures = {row["question_id"]: row["culture"] for row in rows}
ids, owners = choose_elsewhere(cultures, [mask.culture for mask in masks], params.per_culture)
masks = {mask: affine for mask, affine in masks.items() if mask.culture in owners}
pictures = PictureFile(source.images)
prompt = (source.questions, pictures, params.model["prompt"], facts["option_seed"])
questions = read_questions(*prompt, ids=ids)
logger.info("%d maps, %d questions; masks of %s", len(masks), len(questions), owners)
way = Way(**facts["way"])
feed = Feed(questions, pictures, way.limit(resources.batch_tokens), resources.workers)
place = (snakemake.threads, resources.device, resources.hub_cache)
with lease_model(params.model, *place) as (checkpoint, model_facts):
    facts = join_facts({source.masks: facts, loaded: model_facts})
    letters = find_letter_tokens(checkpoint.processor, max(len(q.options) for q in questions))
    asking = (letters, way, find_layers(checkpoint.model, facts["hookpoint"]))
    asked = {"tokens": params.intervention["tokens"], "parts": [range(facts["folds"])]}
    outcomes = tabulate_masked(checkpoint, feed, *asking, masks, other_questions=None, **asked)
facts |= {
    "other_dataset": read_other_dataset(source.questions, wildcards.other_dataset),
    "masks": [[*mask[:2], sizes[mask]] for mask in masks],
    "intervention": params.intervention,
    "evaluate_questions": len(questions),
    "software": name_versions("torch", "transformers", "pillow"),
}
write_table(snakemake.output.outcomes, "outcomes", outcomes.tabulate_outcomes(), facts)
