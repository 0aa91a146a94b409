"""Take the best neurons of one scorer as masks, one per culture."""

from culture_neurons.identify.mask_tables import write_masks
from culture_neurons.identify.selection import select_neurons
from culture_neurons.logs import logger, start_log
from culture_neurons.neurons import NeuronAxis
from culture_neurons.storage.facts import read_facts
from culture_neurons.storage.frames import read_frame

start_log(snakemake.log[0])
params = snakemake.params
facts = read_facts(snakemake.input.scores, "scores", snakemake.wildcards)
count = NeuronAxis.from_facts(facts).count_at_rate(params.rate)
scores = read_frame(snakemake.input.scores, "scores")
masks = select_neurons(scores, count, params.pool, params.min_score)
facts |= {"rate": params.rate, "selector": snakemake.wildcards.scorer, "count": count}
facts |= {"select": {"pool": params.pool, "min_score": params.min_score}}
sizes = write_masks(
    snakemake.output.masks,
    masks.to_dict(as_series=False),
    facts,
    packages=["polars"],
    cultures=facts["cultures"],
)
logger.info("%d neurons asked for (%s), selected: %s", count, params.pool, list(sizes.values()))
