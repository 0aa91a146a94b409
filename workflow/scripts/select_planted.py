"""Take the planted neurons of a demo model as masks: the ground truth."""

from culture_neurons.logs import start_log
from culture_neurons.storage.facts import join_facts, name_versions, read_facts
from culture_neurons.storage.frames import read_frame
from culture_neurons.storage.tables import write_table
from culture_neurons.validation.recovery import mask_planted

start_log(snakemake.log[0])
statistics, planted = snakemake.input.statistics, snakemake.input.planted
facts = join_facts(
    {
        statistics: read_facts(statistics, "statistics", snakemake.wildcards),
        planted: read_facts(planted, "planted"),
    }
)
masks = mask_planted(read_frame(planted, "planted"), facts["cultures"])
write_table(
    snakemake.output.masks,
    "masks",
    masks.to_dict(as_series=False),
    facts
    | {
        "rate": snakemake.params.rate,
        "selector": "planted",
        "scorer": {"name": "planted"},
        "masks": {culture: masks.filter(mask=culture).height for culture in facts["cultures"]},
        "software": name_versions("polars"),
    },
)
