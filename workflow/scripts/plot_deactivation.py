"""Draw one model's change per masked and evaluated culture (rule plot_deactivation)."""

from culture_neurons.dataset.cultures import read_names
from culture_neurons.logs import start_log
from culture_neurons.plots.deactivation import plot_deactivation
from culture_neurons.plots.parts.inputs import read_frames
from culture_neurons.plots.parts.style import save_figure
from culture_neurons.storage.frames import read_frame

start_log(snakemake.log[0])

figure = plot_deactivation(
    effects=read_frames(snakemake.input.effects, "effects", snakemake.params.scorers, ["scorer"]),
    alpha=snakemake.params.alpha,
    outcome=snakemake.wildcards.outcome,
    others=[read_frame(path, "effects") for path in snakemake.input.others],
    names=read_names(snakemake.input.cultures),
)
save_figure(figure, snakemake.output.svg, snakemake.output.png, snakemake.wildcards)
