"""Make masks of masks: of one, the neurons that others have as well, or have not."""

from pathlib import Path

from culture_neurons.identify.mask_algebra import combine_masks
from culture_neurons.identify.mask_tables import read_mask_units, write_masks
from culture_neurons.logs import logger, start_log
from culture_neurons.neurons import NeuronAxis, read_sizes
from culture_neurons.storage.facts import SELECTOR_FACTS, join_facts, read_facts

start_log(snakemake.log[0])
source, params, wildcards = snakemake.input, snakemake.params, snakemake.wildcards
selectors = {
    path: read_facts(path, "masks", dict(wildcards, selector=Path(path).stem))
    for path in (source.of, *source.others)
}
facts = join_facts(selectors, own=SELECTOR_FACTS)
axis = NeuronAxis.from_facts(facts)
columns, units = read_mask_units(source.of, axis)
others = [read_mask_units(path, axis)[1] for path in source.others]
columns = combine_masks(columns, units, others, within=params.within)
facts |= {"selector": wildcards.combined, "scorer": {**params.combined, "name": wildcards.combined}}
before = {name.culture: size for name, size in read_sizes(selectors[source.of]).items()}
sizes = write_masks(
    snakemake.output.masks, columns, facts, packages=["numpy"], cultures=list(before)
)
logger.info("neurons per culture: %s of %s", list(sizes.values()), list(before.values()))
