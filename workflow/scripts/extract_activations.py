"""Sum activations over the tokens of one shard's cells."""

import torch

from culture_neurons.dataset.prepared import PictureFile, read_questions
from culture_neurons.engine.batches import TokenBudget, take_shard
from culture_neurons.engine.feeding import Feed
from culture_neurons.engine.recording import capture_cells, tabulate_cell
from culture_neurons.hooks.hookpoints import find_layers
from culture_neurons.logs import progress, start_log
from culture_neurons.model.checkpoints import load_model
from culture_neurons.model.devices import lease_device
from culture_neurons.storage.facts import join_facts, name_versions, read_facts
from culture_neurons.storage.tables import read_table, write_table

start_log(snakemake.log[0])
torch.set_num_threads(snakemake.threads)
source, params, resources = snakemake.input, snakemake.params, snakemake.resources
used = [row for row in read_table(source.cells, "cells").to_pylist() if row["used"]]
index, count = map(int, snakemake.wildcards.shard.split("-of-"))
shard = take_shard([(row["culture"], row["fold"]) for row in used], index - 1, count)
pictures = PictureFile(source.images)
questions = read_questions(
    source.questions,
    pictures,
    params.model["prompt"],
    params.option_seed,
    ids=[row["question_id"] for row in used if (row["culture"], row["fold"]) in set(shard)],
)


def capture_chunks():
    """Yield the table's chunks, cell by cell, with progress."""
    feed = Feed(questions, pictures, TokenBudget(resources.batch_tokens), resources.workers)
    with progress(len(questions), "questions", "activations") as bar:
        for cell in capture_cells(checkpoint, feed, layers, params.scopes):
            yield from tabulate_cell(cell)
            bar.update(cell.questions)


with lease_device(resources.device) as device:
    checkpoint, model_facts = load_model(params.model, device, resources.hub_cache or None)
    layers = find_layers(checkpoint.model, snakemake.wildcards.hookpoint)
    facts = join_facts(
        {
            source.questions: read_facts(source.questions, "questions"),
            source.cells: read_facts(source.cells, "cells"),
            f"the loaded checkpoint {params.model['checkpoint']}": model_facts,
        }
    ) | {
        "hookpoint": layers.name,
        "layers": len(layers.modules),
        "width": layers.width,
        "stored_scopes": params.scopes,
        "software": name_versions("torch", "transformers", "pillow")
        | {"batch_tokens": resources.batch_tokens},
    }
    write_table(snakemake.output.activations, "activations", capture_chunks(), facts)
