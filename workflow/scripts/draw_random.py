"""Draw a control's masks: random neurons, as many as a scorer's masks have in each stratum."""

from pathlib import Path

import polars as pl

from culture_neurons.identify.mask_tables import write_masks
from culture_neurons.identify.random_control import draw_control
from culture_neurons.identify.statistics import read_statistics
from culture_neurons.logs import logger, start_log
from culture_neurons.storage.facts import SELECTOR_FACTS, join_facts, read_facts
from culture_neurons.storage.frames import read_frame

start_log(snakemake.log[0])
source, params, wildcards = snakemake.input, snakemake.params, snakemake.wildcards
statistics, facts = read_statistics(source.statistics, wildcards)
scorer = {
    path: read_facts(path, "masks", dict(wildcards, selector=Path(path).stem))
    for path in source.masks
}
facts = join_facts({source.statistics: facts, **scorer}, own=SELECTOR_FACTS)
masks = pl.concat(
    draw_control(
        params.control["kind"],
        statistics,
        [read_frame(path, "masks") for path in source.masks],
        statistics.axis.count_at_rate(params.rate),
        params.control["draws"],
        params.control["seed"],
    )
)
facts |= {"rate": params.rate, "selector": wildcards.control, "control": params.control}
sizes = write_masks(
    snakemake.output.masks, masks.to_dict(as_series=False), facts, packages=["numpy", "polars"]
)
logger.info("%d random masks", len(sizes))
