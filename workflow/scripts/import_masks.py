"""Take the masks of a file that others published."""

import hashlib
from pathlib import Path

from culture_neurons.identify.mask_tables import write_masks
from culture_neurons.identify.published_masks import read_mask_file, tabulate_masks
from culture_neurons.logs import logger, start_log
from culture_neurons.neurons import NeuronAxis
from culture_neurons.storage.facts import read_facts

start_log(snakemake.log[0])
source, params = snakemake.input, snakemake.params
facts = read_facts(source.statistics, "statistics", snakemake.wildcards)
masks = read_mask_file(source.file, NeuronAxis.from_facts(facts))
columns = tabulate_masks(source.file, masks, params.cultures, facts["cultures"])
checksum = hashlib.sha256(Path(source.file).read_bytes()).hexdigest()
facts |= {"rate": params.rate, "selector": snakemake.wildcards.imported}
facts |= {"scorer": {"name": params.name, "sha256": checksum}}
sizes = write_masks(
    snakemake.output.masks, columns, facts, packages=["torch"], cultures=facts["cultures"]
)
logger.info("%s: neurons per culture %s", source.file, list(sizes.values()))
