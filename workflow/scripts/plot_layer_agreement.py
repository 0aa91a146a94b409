"""Draw in which layers masks from two halves of the images agree (rule plot_layer_agreement)."""

from culture_neurons.logs import start_log
from culture_neurons.plots.curves import plot_layer_agreement
from culture_neurons.plots.parts.style import save_figure
from culture_neurons.sensitivity.settings import choose_agreement
from culture_neurons.storage.frames import stack_tables

start_log(snakemake.log[0])

reliability = stack_tables(snakemake.input.reliability, "reliability", ["model"])
rows = choose_agreement(reliability.filter(rate=snakemake.params.rate), "layers")
figure = plot_layer_agreement(
    {model: rows.filter(model=model) for model in snakemake.params.models}
)
save_figure(figure, snakemake.output.svg, snakemake.output.png, snakemake.wildcards)
