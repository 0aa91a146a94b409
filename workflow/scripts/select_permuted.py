"""Run one scorer and its selection on statistics whose culture labels were permuted over cells."""

import polars as pl

from culture_neurons.dataset.folds import identify_folds
from culture_neurons.identify.mask_tables import write_masks
from culture_neurons.identify.permuted_control import select_permuted
from culture_neurons.identify.scoring import load_scorer
from culture_neurons.identify.shards import read_cells
from culture_neurons.logs import logger, start_log
from culture_neurons.neurons import NeuronAxis
from culture_neurons.storage.facts import read_joined

start_log(snakemake.log[0])
params = snakemake.params
shards = list(snakemake.input.shards)
facts = read_joined(dict.fromkeys(shards, "activations"), snakemake.wildcards)
split = int(snakemake.wildcards.split.removeprefix("split"))
folds, axis = identify_folds(facts["folds"], split), NeuronAxis.from_facts(facts)
masks = pl.concat(
    select_permuted(
        read_cells(shards, folds, params.scopes, facts["cultures"], axis),
        load_scorer(params.scorer["scorer"]),
        params.scorer["options"],
        axis.count_at_rate(params.rate),
        params.scorer["pool"],
        params.scorer["min_score"],
        range(params.control["draws"]),
        params.control["seed"],
    )
)
facts |= {"split": split, "identify_folds": folds, "scopes": sorted(params.scopes)}
facts |= {"rate": params.rate, "selector": snakemake.wildcards.control, "control": params.control}
sizes = write_masks(
    snakemake.output.masks, masks.to_dict(as_series=False), facts, packages=["numpy", "polars"]
)
logger.info("%d masks of %s on permuted labels", len(sizes), params.scorer["name"])
