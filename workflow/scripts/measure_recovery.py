"""Compare every scorer's masks of a demo model with the planted neurons."""

import polars as pl

from culture_neurons.frames import read_frame
from culture_neurons.logs import start_log
from culture_neurons.recovery import measure_recovery
from culture_neurons.tables import name_versions, read_facts, write_table

start_log(snakemake.log[0])
planted = read_frame(snakemake.input.planted, "planted")
facts = {path: read_facts(path, "masks") for path in snakemake.input.masks}
recovery = pl.concat(
    measure_recovery(planted, read_frame(path, "masks"), known["scorer"]["name"])
    for path, known in facts.items()
)
shared = {
    key: facts[snakemake.input.masks[0]][key]
    for key in ("model", "commit", "hookpoint", "split", "rate")
}
write_table(
    snakemake.output.recovery,
    "recovery",
    recovery.to_dict(as_series=False),
    shared | {"software": name_versions("polars")},
)
