"""Write the study's numbers as CSV files."""

import polars as pl

from culture_neurons.logs import logger, start_log
from culture_neurons.reporting import (
    STUDY,
    count_layers,
    count_rejected,
    stack_tables,
    tabulate_cultures,
    tabulate_masks,
    tabulate_study,
    write_csv,
)

start_log(snakemake.log[0])
source, output = snakemake.input, snakemake.output
summaries = stack_tables(source.summaries, "summaries", [*STUDY, "intervention", "scorer"])
recovery = stack_tables(source.recovery, "recovery", STUDY) if source.recovery else None
study = tabulate_study(stack_tables(source.answers, "answers", ["model"]), summaries, recovery)
write_csv(study, output.study)
write_csv(summaries, output.summaries)
write_csv(
    stack_tables(source.effects, "effects", [*STUDY, "intervention", "scorer"]), output.effects
)
write_csv(
    tabulate_cultures(
        pl.read_parquet(source.questions), stack_tables(source.cells, "cells", ["model"])
    ),
    output.cultures,
)
write_csv(tabulate_masks(source.masks), output.masks)
write_csv(count_layers(stack_tables(source.masks, "masks", [*STUDY, "scorer"])), output.layers)
rejected = pl.read_parquet(source.rejected)
write_csv(rejected, output.rejected)
write_csv(count_rejected(rejected), output.rejected_reasons)
logger.info("%d rows in %s", len(study), output.study)
