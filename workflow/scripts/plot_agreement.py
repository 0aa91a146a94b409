"""Draw how far one scorer's scores and masks agree under other choices (rule plot_agreement)."""

from culture_neurons.logs import start_log
from culture_neurons.plots.parts.style import save_figure
from culture_neurons.plots.sensitivity import draw_agreement
from culture_neurons.sensitivity.settings import choose_agreement
from culture_neurons.storage.frames import stack_tables

start_log(snakemake.log[0])
source, params, analysis = snakemake.input, snakemake.params, snakemake.wildcards.analysis
reliability = stack_tables(source.reliability, "reliability", ["model"])
panels = {
    model: choose_agreement(reliability.filter(model=model, rate=params.rate), analysis)
    for model in params.models
}
save_figure(draw_agreement(panels, analysis), snakemake.output.svg, snakemake.output.png)
