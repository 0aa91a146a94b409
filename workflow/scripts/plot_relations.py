"""Draw one model's masks by what their cultures share with others (rule plot_relations)."""

from culture_neurons.logs import start_log
from culture_neurons.plots.parts.inputs import read_frames
from culture_neurons.plots.parts.style import save_figure
from culture_neurons.plots.relations import plot_relations

start_log(snakemake.log[0])
source, params, wildcards = snakemake.input, snakemake.params, snakemake.wildcards
relations = read_frames(source.relations, "relations", params.scorers, ["scorer"])
figure = plot_relations(relations, wildcards.outcome)
save_figure(figure, snakemake.output.svg, snakemake.output.png, wildcards)
