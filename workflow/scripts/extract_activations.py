"""Sum activations over the tokens of one shard's cells."""

from culture_neurons.dataset.prepared import PictureFile, read_questions
from culture_neurons.engine.batches import take_shard
from culture_neurons.engine.feeding import Feed
from culture_neurons.engine.recording import tabulate_cells
from culture_neurons.engine.way import Way
from culture_neurons.hooks.hookpoints import find_layers
from culture_neurons.logs import logger, start_log
from culture_neurons.model.jobs import lease_model
from culture_neurons.storage.facts import join_facts, name_versions, read_joined
from culture_neurons.storage.tables import read_table, write_table

start_log(snakemake.log[0])
loaded = f"the loaded checkpoint {snakemake.params.model['checkpoint']}"
source, params, resources = snakemake.input, snakemake.params, snakemake.resources
facts = read_joined({source.questions: "questions", source.cells: "cells"}, snakemake.wildcards)
used = [row for row in read_table(source.cells, "cells").to_pylist() if row["used"]]
shard = take_shard([(row["culture"], row["fold"]) for row in used], snakemake.wildcards.shard)
pictures = PictureFile(source.images)
questions = read_questions(
    source.questions,
    pictures,
    params.model["prompt"],
    params.option_seed,
    ids=[row["question_id"] for row in used if (row["culture"], row["fold"]) in shard],
)
budget = Way(**facts["way"]).limit(resources.batch_tokens)
feed = Feed(questions, pictures, budget, resources.workers)
place = (snakemake.threads, resources.device, resources.hub_cache)
with lease_model(params.model, *place) as (checkpoint, model_facts):
    facts = join_facts({source.cells: facts, loaded: model_facts})
    layers = find_layers(checkpoint.model, snakemake.wildcards.hookpoint)
    logger.info("%s", layers)
    facts |= {
        "hookpoint": layers.name,
        "widths": layers.axis.widths,
        "weights": layers.weights,
        "stored_scopes": params.scopes,
        "software": name_versions("torch", "transformers", "pillow")
        | {"batch_tokens": resources.batch_tokens},
    }
    chunks = tabulate_cells(checkpoint, feed, layers, params.scopes)
    write_table(snakemake.output.activations, "activations", chunks, facts)
