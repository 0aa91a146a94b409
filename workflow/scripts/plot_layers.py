"""Draw the layers of one model's selected neurons (rule plot_layers)."""

from culture_neurons.logs import start_log
from culture_neurons.plots.inputs import read_masks
from culture_neurons.plots.layers import plot_layers
from culture_neurons.plots.style import save_figure

start_log(snakemake.log[0])

masks, cultures, layers = read_masks(snakemake.input.masks, snakemake.params.scorers)
figure = plot_layers(masks=masks, cultures=cultures, layers=layers)
save_figure(figure, snakemake.output.svg, snakemake.output.png)
