"""Draw random masks of a scorer's sizes, or of the size that the rate asks for."""

import polars as pl

from culture_neurons.controls import draw_random
from culture_neurons.logs import logger, start_log
from culture_neurons.selection import count_neurons
from culture_neurons.tables import name_versions, read_facts, write_table

start_log(snakemake.log[0])
params = snakemake.params
facts = read_facts(snakemake.input.sizes, params.kind)
count = count_neurons(params.rate, facts["layers"], facts["width"])
masks = draw_random(
    facts.get("masks", {"": count}).values(),
    params.draws,
    facts["layers"],
    facts["width"],
    params.seed,
)
for key in ("scorer", "select", "count"):
    facts.pop(key, None)
logger.info("%d random masks", len(masks))
write_table(
    snakemake.output.masks,
    "masks",
    pl.concat(masks.values()).to_dict(as_series=False),
    facts
    | {
        "rate": params.rate,
        "random": {"draws": params.draws, "seed": params.seed},
        "masks": {name: mask.height for name, mask in masks.items()},
        "software": name_versions("numpy", "polars"),
    },
)
