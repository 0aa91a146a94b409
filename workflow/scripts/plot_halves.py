"""Draw how far one scorer's scores and masks agree (rules plot_halves, _scopes, _variants)."""

from culture_neurons.logs import start_log
from culture_neurons.plots.agreement import plot_agreement
from culture_neurons.plots.parts.style import save_figure
from culture_neurons.sensitivity.settings import choose_agreement
from culture_neurons.storage.frames import stack_tables

start_log(snakemake.log[0])

params = snakemake.params
reliability = stack_tables(snakemake.input.reliability, "reliability", ["model"])
rows = choose_agreement(reliability.filter(rate=params.rate), params.analysis)
figure = plot_agreement(
    panels={model: rows.filter(model=model) for model in params.models}, analysis=params.analysis
)
save_figure(figure, snakemake.output.svg, snakemake.output.png, snakemake.wildcards)
