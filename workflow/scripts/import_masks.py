"""Take the masks of a file that others published."""

import hashlib
from pathlib import Path

from culture_neurons.identify.published_masks import read_mask_file, tabulate_masks
from culture_neurons.logs import logger, start_log
from culture_neurons.storage.facts import name_versions, read_facts
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
source, params = snakemake.input, snakemake.params
facts = read_facts(source.statistics, "statistics", snakemake.wildcards)
masks = read_mask_file(source.file, facts["layers"], facts["width"])
columns, sizes = tabulate_masks(source.file, masks, params.cultures, facts["cultures"])
checksum = hashlib.sha256(Path(source.file).read_bytes()).hexdigest()
write_table(
    snakemake.output.masks,
    "masks",
    columns,
    facts
    | {
        "rate": params.rate,
        "selector": snakemake.wildcards.imported,
        "scorer": {"name": params.name, "sha256": checksum},
        "masks": sizes,
        "software": name_versions("torch"),
    },
)
logger.info("%s: neurons per culture %s", source.file, sizes)
