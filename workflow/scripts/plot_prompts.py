"""Draw a model beside itself under another prompt (rule plot_prompts)."""

from culture_neurons.dataset.cultures import read_names
from culture_neurons.logs import start_log
from culture_neurons.plots.parts.style import save_figure
from culture_neurons.plots.prompts import plot_prompts
from culture_neurons.storage.facts import read_facts
from culture_neurons.storage.frames import read_frame

start_log(snakemake.log[0])
source, wildcards = snakemake.input, snakemake.wildcards
facts = read_facts(source.prompts, "prompts", wildcards)
figure = plot_prompts(
    read_frame(source.prompts, "prompts"),
    model=facts["model"],
    lender=facts["lender"],
    of=facts["of"],
    unchanged=snakemake.params.unchanged[wildcards.outcome],
    outcome=wildcards.outcome,
    names=read_names(source.cultures),
)
save_figure(figure, snakemake.output.svg, snakemake.output.png, wildcards)
