"""Make questions about invented cultures, in CVQA's schema."""

from culture_neurons.demo.dataset import write_demo_dataset
from culture_neurons.logs import start_log

start_log(snakemake.log[0])
write_demo_dataset(
    path=snakemake.output.dataset,
    seed=snakemake.params.seed,
    rows_per_culture=snakemake.params.rows_per_culture,
    drawn=snakemake.wildcards.demo_dataset,
)
