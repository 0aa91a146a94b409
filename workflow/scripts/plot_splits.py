"""Draw effects in every split of the images."""

from culture_neurons.logs import start_log
from culture_neurons.plots.parts.style import save_figure
from culture_neurons.plots.settings import plot_splits
from culture_neurons.sensitivity.settings import tabulate_rates
from culture_neurons.storage.facts import STUDY
from culture_neurons.storage.frames import stack_tables

start_log(snakemake.log[0])
source, params, output = snakemake.input, snakemake.params, snakemake.output
study = [*STUDY, "intervention", "scorer"]
table = tabulate_rates(
    stack_tables(source.summaries, "summaries", study),
    stack_tables(source.ranks, "ranks", study),
    params.control,
)
effects = stack_tables(source.effects, "effects", STUDY).partition_by("model", "split")
panels = {model: table.filter(model=model) for model in params.models}
save_figure(plot_splits(panels, effects), output.svg, output.png)
