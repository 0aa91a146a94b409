"""Answer the evaluate questions under every mask of one selector."""

from culture_neurons.dataset.folds import list_parts
from culture_neurons.dataset.prepared import PictureFile, read_questions
from culture_neurons.engine.answering import tabulate_masked
from culture_neurons.engine.feeding import Feed
from culture_neurons.engine.way import Way
from culture_neurons.hooks.hookpoints import find_layers
from culture_neurons.hooks.interventions import make_interventions
from culture_neurons.identify.mask_tables import read_masks, read_means
from culture_neurons.logs import logger, start_log
from culture_neurons.model.jobs import lease_model
from culture_neurons.neurons import read_sizes
from culture_neurons.storage.facts import join_facts, name_versions, read_joined
from culture_neurons.storage.tables import read_table, write_table

start_log(snakemake.log[0])
loaded = f"the loaded checkpoint {snakemake.params.model['checkpoint']}"
source, params, resources = snakemake.input, snakemake.params, snakemake.resources
kinds = {source.questions: "questions", source.cells: "cells", source.masks: "masks"}
facts = read_joined(kinds, snakemake.wildcards)
of = (facts, dict(snakemake.wildcards, hookpoint=params.coordinates))
means = [read_means(path, *of) for path in source.statistics]  # of kinds that shift neurons
parts = list_parts(facts["folds"], facts["split"], tune="strengths" in params.intervention)
sizes, folds = read_sizes(facts), sum(parts.values(), [])
masks = make_interventions(read_masks(source.masks, sizes), params.intervention, *means)
# A culture's own mask alone is asked its own questions over other cultures' pictures.
own = {name: affine for name, affine in masks.items() if name.draw is None}
pictures = PictureFile(source.images)
prompt = (source.questions, pictures, params.model["prompt"], facts["option_seed"])
cells = read_table(source.cells, "cells").to_pylist()
ids = [row["question_id"] for row in cells if row["asked"] and row["fold"] in folds]
questions = read_questions(*prompt, ids=ids)
swapped = read_questions(*prompt, ids=ids, shown="swapped") if own else []
logger.info("%d maps, %d questions of the folds %s", len(masks), len(questions), parts)
logger.info("%d of them over pictures of other cultures", len(swapped))
way = Way(**facts["way"])
budget = way.limit(resources.batch_tokens)
feeds = [Feed(shown, pictures, budget, resources.workers) for shown in (questions, swapped)]
place = (snakemake.threads, resources.device, resources.hub_cache)
with lease_model(params.model, *place) as (checkpoint, model_facts):
    facts = join_facts({source.masks: facts, loaded: model_facts})
    asking = (facts["letter_tokens"], way, find_layers(checkpoint.model, facts["hookpoint"]))
    asked = {"tokens": params.intervention["tokens"], "parts": list(parts.values())}
    limits = (params.asked, {"other_questions": 0})
    outcomes, swapped_outcomes = (
        tabulate_masked(checkpoint, feed, *asking, maps, **limit, **asked)
        for feed, maps, limit in zip(feeds, (masks, own), limits, strict=True)
    )
facts |= {
    **parts,
    "intervention": params.intervention,
    "evaluate_questions": len(questions),
    "software": name_versions("torch", "transformers", "pillow"),
}
output = snakemake.output
write_table(output.outcomes, "outcomes", outcomes.tabulate_outcomes(), facts)
write_table(output.swapped, "swapped_outcomes", swapped_outcomes.tabulate_outcomes(), facts)
