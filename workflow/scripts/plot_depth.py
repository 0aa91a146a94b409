"""Draw at which depth one scorer's neurons lie, per model and component (rule plot_depth)."""

from culture_neurons.logs import start_log
from culture_neurons.plots.components import measure_density, name_components, plot_depth
from culture_neurons.plots.parts.inputs import read_frames
from culture_neurons.plots.parts.style import save_figure
from culture_neurons.storage.facts import read_facts

start_log(snakemake.log[0])
source, params = snakemake.input, snakemake.params
keys, named = [tuple(key) for key in params.studies], ["model", "hookpoint", "rate"]
frames = read_frames(source.masks, "masks", keys, named)
widths = [read_facts(path, "masks")["widths"] for path in source.masks]
densities = map(measure_density, frames.values(), widths)
figure = plot_depth(name_components(dict(zip(frames, densities, strict=True))))
save_figure(figure, snakemake.output.svg, snakemake.output.png, snakemake.wildcards)
