"""Draw effects at every rate or split, or by category of the questions (rule plot_settings)."""

from culture_neurons.logs import start_log
from culture_neurons.plots.parts.style import save_figure
from culture_neurons.plots.sensitivity import draw_settings
from culture_neurons.sensitivity.settings import tabulate_rates
from culture_neurons.storage.facts import STUDY
from culture_neurons.storage.frames import stack_tables

start_log(snakemake.log[0])
source, params, analysis = snakemake.input, snakemake.params, snakemake.wildcards.analysis
keys = [*STUDY, "intervention"]
if analysis == "categories":
    table, effects = stack_tables(source.categories, "categories", keys), None
else:
    effects = stack_tables(source.effects, "effects", STUDY)
    table = tabulate_rates(
        stack_tables(source.summaries, "summaries", [*keys, "scorer"]),
        stack_tables(source.ranks, "ranks", [*keys, "scorer"]),
        params.control,
    )
figure = draw_settings(table, effects, analysis, params.models, **params.reference)
save_figure(figure, snakemake.output.svg, snakemake.output.png)
