"""Draw how many rows of the dataset are not used, and why (rule plot_rejected)."""

from culture_neurons.logs import start_log
from culture_neurons.plots.parts.style import save_figure
from culture_neurons.plots.rejected import plot_rejected
from culture_neurons.storage.frames import read_frame
from culture_neurons.storage.tables import read_table

start_log(snakemake.log[0])

figure = plot_rejected(
    rejected=read_frame(snakemake.input.rejected, "rejected"),
    questions=read_table(snakemake.input.questions, "questions", ["question_id"]).num_rows,
)
save_figure(figure, snakemake.output.svg, snakemake.output.png)
