"""Draw the overlap of one model's masks (rule plot_overlap)."""

from culture_neurons.dataset.cultures import read_names
from culture_neurons.logs import start_log
from culture_neurons.plots.overlap import plot_overlap
from culture_neurons.plots.parts.inputs import read_scorer_masks
from culture_neurons.plots.parts.style import save_figure

start_log(snakemake.log[0])

masks, cultures, _ = read_scorer_masks(snakemake.input.masks, snakemake.params.scorers)
figure = plot_overlap(masks, cultures, read_names(snakemake.input.cultures))
save_figure(figure, snakemake.output.svg, snakemake.output.png, snakemake.wildcards)
