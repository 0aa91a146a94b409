"""Draw what one scorer's masks change, per model and component (rule plot_components)."""

from culture_neurons.logs import start_log
from culture_neurons.plots.components import name_components
from culture_neurons.plots.parts.inputs import read_frames
from culture_neurons.plots.parts.style import save_figure
from culture_neurons.plots.self_cross import plot_self_cross
from culture_neurons.report.counts import list_guessing
from culture_neurons.storage.frames import read_frame, stack_tables

start_log(snakemake.log[0])
source, params = snakemake.input, snakemake.params
keys, named = [tuple(key) for key in params.studies], ["model", "hookpoint", "rate"]
figure = plot_self_cross(
    summaries=name_components(read_frames(source.summaries, "summaries", keys, named)),
    ranks=name_components(read_frames(source.ranks, "ranks", keys, named)),
    effects=name_components(read_frames(source.effects, "effects", keys, named)),
    control=params.control,
    asked=params.asked,
    alpha=params.alpha,
    outcome=snakemake.wildcards.outcome,
    guessing=list_guessing(
        read_frame(source.questions, "questions"),
        stack_tables(source.answers, "answers", ["model"]),
        params.alpha,
    ),
)
save_figure(figure, snakemake.output.svg, snakemake.output.png, snakemake.wildcards)
