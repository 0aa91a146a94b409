"""Draw one model's change per masked and evaluated culture (rule plot_deactivation)."""

from culture_neurons.logs import start_log
from culture_neurons.plots.deactivation import plot_deactivation
from culture_neurons.plots.parts.inputs import read_frames
from culture_neurons.plots.parts.style import save_figure

start_log(snakemake.log[0])

figure = plot_deactivation(
    effects=read_frames(snakemake.input.effects, "effects", snakemake.params.scorers, ["scorer"]),
    alpha=snakemake.params.alpha,
    outcome=snakemake.wildcards.outcome,
)
save_figure(figure, snakemake.output.svg, snakemake.output.png)
