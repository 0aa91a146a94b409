"""Draw effects by category of the questions (rule plot_categories)."""

from culture_neurons.logs import start_log
from culture_neurons.plots.parts.style import save_figure
from culture_neurons.plots.settings import plot_categories
from culture_neurons.storage.frames import stack_tables

start_log(snakemake.log[0])

categories = stack_tables(snakemake.input.categories, "categories", ["model"])
figure = plot_categories(
    {model: categories.filter(model=model) for model in snakemake.params.models},
    snakemake.wildcards.outcome,
)
save_figure(figure, snakemake.output.svg, snakemake.output.png, snakemake.wildcards)
