"""Write masks as files that others read."""

from culture_neurons.identify.mask_export import write_json, write_safetensors, write_torch
from culture_neurons.identify.mask_tables import read_masks
from culture_neurons.logs import logger, start_log
from culture_neurons.neurons import NeuronAxis, read_sizes
from culture_neurons.storage.facts import read_facts

start_log(snakemake.log[0])
source, output = snakemake.input, snakemake.output
wildcards = dict(snakemake.wildcards, selector=snakemake.wildcards.scorer)
facts = read_facts(source.masks, "masks", wildcards)
masks = read_masks(source.masks, read_sizes(facts))
write_torch(output.torch, masks, NeuronAxis.from_facts(facts))
says = {name: str(facts[name]) for name in ("model", "checkpoint", "commit", "hookpoint")}
write_safetensors(output.safetensors, masks, says)
write_json(output.json, masks)
logger.info("classes, in the order of the .pth file: %s", [name.culture for name in masks])
