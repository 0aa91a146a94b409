"""Draw effects by category of the questions, own culture and others."""

from culture_neurons.logs import start_log
from culture_neurons.plots.parts.style import save_figure
from culture_neurons.plots.settings import plot_categories
from culture_neurons.storage.facts import STUDY
from culture_neurons.storage.frames import stack_tables

start_log(snakemake.log[0])
table = stack_tables(snakemake.input.categories, "categories", [*STUDY, "intervention"])
panels = {model: table.filter(model=model) for model in snakemake.params.models}
save_figure(plot_categories(panels), snakemake.output.svg, snakemake.output.png)
