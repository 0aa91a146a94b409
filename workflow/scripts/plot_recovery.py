"""Draw the planted neurons that each scorer finds in the demo's models (rule plot_recovery)."""

from culture_neurons.logs import start_log
from culture_neurons.plots.parts.inputs import read_frames
from culture_neurons.plots.parts.style import save_figure
from culture_neurons.plots.recovery import plot_recovery

start_log(snakemake.log[0])

figure = plot_recovery(
    recovery=read_frames(snakemake.input.recovery, "recovery", snakemake.params.models, ["model"]),
    confidence=snakemake.params.confidence,
)
save_figure(figure, snakemake.output.svg, snakemake.output.png, snakemake.wildcards)
