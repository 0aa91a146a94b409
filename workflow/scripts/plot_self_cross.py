"""Draw every model's change on own and other cultures (rule plot_self_cross)."""

from culture_neurons.logs import start_log
from culture_neurons.plots.parts.inputs import read_frames
from culture_neurons.plots.parts.style import save_figure
from culture_neurons.plots.self_cross import plot_self_cross
from culture_neurons.report.counts import list_guessing
from culture_neurons.storage.frames import read_frame, stack_tables

start_log(snakemake.log[0])

keys = list(zip(snakemake.params.models, snakemake.params.scorers, strict=True))
named = ["model", "scorer"]
figure = plot_self_cross(
    summaries=read_frames(snakemake.input.summaries, "summaries", keys, named),
    ranks=read_frames(snakemake.input.ranks, "ranks", keys, named),
    effects=read_frames(snakemake.input.effects, "effects", keys, named),
    control=snakemake.params.control,
    asked=snakemake.params.asked,
    alpha=snakemake.params.alpha,
    outcome=snakemake.wildcards.outcome,
    guessing=list_guessing(
        read_frame(snakemake.input.questions, "questions"),
        stack_tables(snakemake.input.answers, "answers", ["model"]),
        snakemake.params.alpha,
    ),
)
save_figure(figure, snakemake.output.svg, snakemake.output.png, snakemake.wildcards)
