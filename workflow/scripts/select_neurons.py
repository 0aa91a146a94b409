"""Take the best neurons of one scorer as masks, one per culture."""

from culture_neurons.identify.selection import count_neurons, select_neurons
from culture_neurons.logs import logger, start_log
from culture_neurons.storage.facts import name_versions, read_facts
from culture_neurons.storage.frames import read_frame
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
params = snakemake.params
facts = read_facts(snakemake.input.scores, "scores", snakemake.wildcards)
count = count_neurons(params.rate, facts["layers"], facts["width"])
masks = select_neurons(
    read_frame(snakemake.input.scores, "scores"), count, params.pool, params.min_score
)
sizes = {culture: masks.filter(mask=culture).height for culture in facts["cultures"]}
logger.info("%s neurons asked for (%s), selected: %s", count, params.pool, sizes)
write_table(
    snakemake.output.masks,
    "masks",
    masks.to_dict(as_series=False),
    facts
    | {
        "rate": params.rate,
        "selector": snakemake.wildcards.scorer,
        "count": count,
        "select": {"pool": params.pool, "min_score": params.min_score},
        "masks": sizes,
        "software": name_versions("polars"),
    },
)
