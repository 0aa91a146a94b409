"""Draw what every model's masks do in another dataset (rule plot_elsewhere)."""

from culture_neurons.logs import start_log
from culture_neurons.plots.elsewhere import plot_elsewhere
from culture_neurons.plots.parts.inputs import read_frames
from culture_neurons.plots.parts.style import save_figure
from culture_neurons.report.transfer import list_shown
from culture_neurons.report.verdicts import KEYS
from culture_neurons.storage.frames import stack_tables

start_log(snakemake.log[0])
source, params, wildcards = snakemake.input, snakemake.params, snakemake.wildcards
keys = list(zip(params.models, params.scorers, strict=True))
named = ["model", "scorer"]
transfer = (
    stack_tables(source.elsewhere, "summaries", [*KEYS, "other_dataset"]),
    stack_tables(source.ranks, "ranks", [*KEYS, "other_dataset"]),
    stack_tables(source.study, "summaries", KEYS),
)
figure = plot_elsewhere(
    study=read_frames(source.study, "summaries", keys, named),
    elsewhere=read_frames(source.elsewhere, "summaries", keys, named),
    effects=read_frames(source.effects, "effects", keys, named),
    dataset=wildcards.other_dataset,
    shown=list_shown(*transfer, params.alpha, wildcards.outcome),
    unchanged=params.unchanged[wildcards.outcome],
    outcome=wildcards.outcome,
)
save_figure(figure, snakemake.output.svg, snakemake.output.png, wildcards)
