"""Draw the layers of one model's selected neurons (rule plot_layers)."""

from culture_neurons.dataset.cultures import read_names
from culture_neurons.logs import start_log
from culture_neurons.plots.layers import plot_layers
from culture_neurons.plots.parts.inputs import read_models
from culture_neurons.plots.parts.style import save_figure

start_log(snakemake.log[0])

figure = plot_layers(
    models=read_models(snakemake.input.masks, snakemake.params.models, snakemake.params.scorers),
    name=snakemake.wildcards.model,
    names=read_names(snakemake.input.cultures),
)
save_figure(figure, snakemake.output.svg, snakemake.output.png, snakemake.wildcards)
