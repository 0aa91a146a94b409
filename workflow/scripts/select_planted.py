"""Take the planted neurons of a demo model as masks: the ground truth."""

from culture_neurons.identify.mask_tables import write_masks
from culture_neurons.logs import logger, start_log
from culture_neurons.storage.facts import join_facts, read_facts
from culture_neurons.storage.frames import read_frame
from culture_neurons.validation.recovery import mask_planted, read_planted_facts

start_log(snakemake.log[0])
statistics, planted = snakemake.input.statistics, snakemake.input.planted
facts = join_facts(
    {
        statistics: read_facts(statistics, "statistics", snakemake.wildcards),
        planted: read_planted_facts(planted, snakemake.wildcards.hookpoint),
    }
)
masks = mask_planted(read_frame(planted, "planted"), facts["cultures"])
facts |= {"rate": snakemake.params.rate, "selector": "planted", "scorer": {"name": "planted"}}
sizes = write_masks(
    snakemake.output.masks,
    masks.to_dict(as_series=False),
    facts,
    packages=["polars"],
    cultures=facts["cultures"],
)
logger.info("planted neurons per culture: %s", list(sizes.values()))
