"""Compare every scorer's masks of a demo model with the planted neurons."""

from pathlib import Path

import polars as pl

from culture_neurons.logs import start_log
from culture_neurons.storage.facts import SELECTOR_FACTS, join_facts, name_versions, read_facts
from culture_neurons.storage.frames import read_frame
from culture_neurons.storage.tables import write_table
from culture_neurons.validation.recovery import measure_recovery, read_planted_facts

start_log(snakemake.log[0])
source, wildcards = snakemake.input, snakemake.wildcards
scorers = {
    path: read_facts(path, "masks", dict(wildcards, selector=Path(path).stem))
    for path in source.masks
}
facts = join_facts(
    {source.planted: read_planted_facts(source.planted, wildcards.hookpoint), **scorers},
    own=SELECTOR_FACTS,
)
planted = read_frame(source.planted, "planted")
recovery = pl.concat(
    measure_recovery(planted, read_frame(path, "masks"), scorer_facts["scorer"]["name"])
    for path, scorer_facts in scorers.items()
)
write_table(
    snakemake.output.recovery,
    "recovery",
    recovery.to_dict(as_series=False),
    facts | {"software": name_versions("polars")},
)
