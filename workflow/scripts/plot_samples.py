"""Draw how far one scorer's scores and masks agree by the number of questions."""

from culture_neurons.logs import start_log
from culture_neurons.plots.curves import plot_samples
from culture_neurons.plots.parts.style import save_figure
from culture_neurons.sensitivity.settings import choose_agreement
from culture_neurons.storage.frames import stack_tables

start_log(snakemake.log[0])
params, output = snakemake.params, snakemake.output
reliability = stack_tables(snakemake.input.reliability, "reliability", ["model"])
panels = {
    model: choose_agreement(reliability.filter(model=model, rate=params.rate), params.analysis)
    for model in params.models
}
save_figure(plot_samples(panels), output.svg, output.png)
