"""Add up the identify folds' cells to one split's statistics."""

from culture_neurons.dataset.folds import identify_folds
from culture_neurons.identify.shards import merge_statistics
from culture_neurons.logs import logger, start_log
from culture_neurons.neurons import NeuronAxis
from culture_neurons.storage.facts import name_versions, read_joined
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
shards = list(snakemake.input.shards)
cells = snakemake.input.cells
facts = read_joined({cells: "cells", **dict.fromkeys(shards, "activations")}, snakemake.wildcards)
split = int(snakemake.wildcards.split.removeprefix("split"))
folds = identify_folds(facts["folds"], split)
logger.info("split %d identifies on folds %s of %d shards", split, folds, len(shards))
write_table(
    snakemake.output.statistics,
    "statistics",
    merge_statistics(
        shards, folds, snakemake.params.scopes, facts["cultures"], NeuronAxis.from_facts(facts)
    ),
    facts
    | {
        "split": split,
        "identify_folds": folds,
        "scopes": sorted(snakemake.params.scopes),
        "software": name_versions("polars", "numpy"),
    },
)
