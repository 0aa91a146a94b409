"""Draw what steering does by strength (rule plot_doses)."""

from culture_neurons.dataset.cultures import read_names
from culture_neurons.logs import start_log
from culture_neurons.plots.doses import plot_doses
from culture_neurons.plots.parts.style import save_figure
from culture_neurons.storage.facts import read_facts
from culture_neurons.storage.frames import read_frame

start_log(snakemake.log[0])
source, wildcards = snakemake.input, snakemake.wildcards
read_facts(source.doses, "doses", wildcards)
figure = plot_doses(
    read_frame(source.doses, "doses"),
    scorer=wildcards.scorer,
    outcome=wildcards.outcome,
    names=read_names(source.cultures),
)
save_figure(figure, snakemake.output.svg, snakemake.output.png, snakemake.wildcards)
