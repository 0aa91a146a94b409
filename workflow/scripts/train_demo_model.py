"""Train a tiny vision-language model and plant neurons of each culture in it."""

from pathlib import Path

from culture_neurons.demo.names import VARIANTS
from culture_neurons.demo.recipe import Recipe
from culture_neurons.demo.training import train_demo_model
from culture_neurons.logs import start_log

start_log(snakemake.log[0])
train_demo_model(
    architecture=snakemake.params.architecture,
    seed=snakemake.params.seed,
    folder=Path(snakemake.output.planted).parent,
    threads=snakemake.threads,
    recipe=Recipe(**VARIANTS[snakemake.params.variant]),
)
