"""Draw a control's masks: random neurons, as many as a scorer's masks have in each stratum."""

from pathlib import Path

import polars as pl

from culture_neurons.identify.random_control import count_rows, draw_control
from culture_neurons.identify.selection import count_neurons
from culture_neurons.identify.statistics import read_statistics
from culture_neurons.logs import logger, start_log
from culture_neurons.storage.facts import join_facts, name_versions, read_facts
from culture_neurons.storage.frames import read_frame
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
source, params, wildcards = snakemake.input, snakemake.params, snakemake.wildcards
statistics, facts = read_statistics(source.statistics, wildcards)
like = source.get("masks")
if like:
    known = read_facts(like, "masks", dict(wildcards, selector=Path(like).stem))
    facts = join_facts({source.statistics: facts, like: known})
masks = pl.concat(
    draw_control(
        params.control["kind"],
        statistics,
        read_frame(like, "masks") if like else None,
        count_neurons(params.rate, facts["layers"], facts["width"]),
        params.control["draws"],
        params.control["seed"],
    )
)
for key in ("scorer", "select", "count"):
    facts.pop(key, None)
sizes = count_rows(masks)
logger.info("%d random masks", len(sizes))
write_table(
    snakemake.output.masks,
    "masks",
    masks.to_dict(as_series=False),
    facts
    | {
        "rate": params.rate,
        "selector": wildcards.control,
        "control": params.control,
        "masks": sizes,
        "software": name_versions("numpy", "polars"),
    },
)
