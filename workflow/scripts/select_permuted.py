"""Run one scorer and its selection on statistics whose culture labels were permuted over cells."""

import polars as pl

from culture_neurons.dataset.folds import identify_folds
from culture_neurons.identify.permuted_control import select_permuted
from culture_neurons.identify.random_control import count_rows
from culture_neurons.identify.scoring import load_scorer
from culture_neurons.identify.selection import count_neurons
from culture_neurons.identify.shards import read_cells
from culture_neurons.logs import logger, start_log
from culture_neurons.storage.facts import join_facts, name_versions, read_facts
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
params = snakemake.params
shards = list(snakemake.input.shards)
facts = join_facts({path: read_facts(path, "activations", snakemake.wildcards) for path in shards})
split = int(snakemake.wildcards.split.removeprefix("split"))
folds = identify_folds(facts["folds"], split)
masks = pl.concat(
    select_permuted(
        read_cells(
            shards, folds, params.scopes, facts["cultures"], facts["layers"], facts["width"]
        ),
        load_scorer(params.scorer["scorer"]),
        params.scorer["options"],
        count_neurons(params.rate, facts["layers"], facts["width"]),
        params.scorer["pool"],
        params.scorer["min_score"],
        range(params.control["draws"]),
        params.control["seed"],
    )
)
sizes = count_rows(masks)
logger.info("%d masks of %s on permuted labels", len(sizes), params.scorer["name"])
write_table(
    snakemake.output.masks,
    "masks",
    masks.to_dict(as_series=False),
    facts
    | {
        "split": split,
        "identify_folds": folds,
        "scopes": sorted(params.scopes),
        "rate": params.rate,
        "selector": snakemake.wildcards.control,
        "control": params.control,
        "masks": sizes,
        "software": name_versions("numpy", "polars"),
    },
)
