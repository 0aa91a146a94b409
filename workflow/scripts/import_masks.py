"""Take the masks of a file that others published, or that another study or model made."""

import hashlib
from pathlib import Path

from culture_neurons.identify.mask_files import find_doubts, tabulate_masks
from culture_neurons.identify.mask_readers import read_mask_file
from culture_neurons.identify.mask_tables import write_masks
from culture_neurons.identify.statistics import read_statistics
from culture_neurons.logs import logger, start_log

start_log(snakemake.log[0])
source, params = snakemake.input, snakemake.params
statistics, facts = read_statistics(source.statistics, snakemake.wildcards)
file = read_mask_file(source.file, statistics.axis)
file.require_same(facts)
names = file.name_classes(params.cultures)
cultures = facts["cultures"] if params.evaluate else None
columns = tabulate_masks(file, names, cultures, statistics.axis, partial=params.lent)
for doubt in find_doubts(file, names, statistics.activity, statistics.cultures, statistics.axis):
    logger.warning("%s: %s", source.file, doubt)
checksum = hashlib.sha256(Path(source.file).read_bytes()).hexdigest()
facts |= {"rate": params.rate, "selector": snakemake.wildcards.imported}
facts |= {"scorer": {"name": params.name, "sha256": checksum}}
listed = cultures or [name for name in names if name is not None]
sizes = write_masks(snakemake.output.masks, columns, facts, packages=["numpy"], cultures=listed)
logger.info("%s: neurons per class %s", source.file, {str(k): n for k, n in sizes.items()})
