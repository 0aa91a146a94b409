"""Draw effects in every split of the images (rule plot_splits)."""

from culture_neurons.logs import start_log
from culture_neurons.plots.parts.style import save_figure
from culture_neurons.plots.settings import plot_splits
from culture_neurons.sensitivity.settings import tabulate_rates
from culture_neurons.storage.facts import STUDY
from culture_neurons.storage.frames import stack_tables

start_log(snakemake.log[0])

source, params = snakemake.input, snakemake.params
keys = [*STUDY, "intervention", "scorer"]
rates = tabulate_rates(
    stack_tables(source.summaries, "summaries", keys),
    stack_tables(source.ranks, "ranks", keys),
    params.control,
)
figure = plot_splits(
    rates={model: rates.filter(model=model) for model in params.models},
    effects=stack_tables(source.effects, "effects", STUDY).partition_by("model", "split"),
    asked=params.asked,
    outcome=snakemake.wildcards.outcome,
)
save_figure(figure, snakemake.output.svg, snakemake.output.png, snakemake.wildcards)
