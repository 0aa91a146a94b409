"""Draw how far the masks of models with comparable neurons agree (rule plot_models)."""

from culture_neurons.logs import start_log
from culture_neurons.plots.agreement import plot_agreement
from culture_neurons.plots.parts.style import save_figure
from culture_neurons.sensitivity.settings import pair_models
from culture_neurons.storage.frames import stack_tables

start_log(snakemake.log[0])
model_pairs = stack_tables([snakemake.input.model_pairs], "model_pairs", [])
figure = plot_agreement(pair_models(model_pairs, **snakemake.params.reference), "models")
save_figure(figure, snakemake.output.svg, snakemake.output.png, snakemake.wildcards)
