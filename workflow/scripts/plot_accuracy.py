"""Draw every model's accuracy per culture (rule plot_accuracy)."""

from culture_neurons.dataset.cultures import read_names
from culture_neurons.logs import start_log
from culture_neurons.plots.accuracy import plot_accuracy
from culture_neurons.plots.parts.inputs import read_frames
from culture_neurons.plots.parts.style import save_figure
from culture_neurons.storage.frames import read_frame

start_log(snakemake.log[0])

figure = plot_accuracy(
    answers=read_frames(snakemake.input.answers, "answers", snakemake.params.models, ["model"]),
    unseen=read_frames(snakemake.input.unseen, "unseen", snakemake.params.models, ["model"]),
    questions=read_frame(snakemake.input.questions, "questions"),
    confidence=snakemake.params.confidence,
    names=read_names(snakemake.input.cultures),
)
save_figure(figure, snakemake.output.svg, snakemake.output.png)
