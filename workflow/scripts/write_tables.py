"""Write the study's numbers as CSV files."""

import polars as pl

from culture_neurons.logs import logger, start_log
from culture_neurons.report.counts import (
    STUDY,
    count_layers,
    count_rejected,
    tabulate_cultures,
    tabulate_masks,
)
from culture_neurons.report.verdicts import KEYS, NOTED, tabulate_verdicts
from culture_neurons.storage.frames import read_frame, stack_tables, write_csv
from culture_neurons.validation.ground_truth import tabulate_ground_truth

start_log(snakemake.log[0])
source, output = snakemake.input, snakemake.output
summaries = stack_tables(source.summaries, "summaries", [*KEYS, *NOTED])
ranks = stack_tables(source.ranks, "ranks", KEYS)
effects = stack_tables(source.effects, "effects", KEYS)
answers = stack_tables(source.answers, "answers", ["model"])
verdicts = tabulate_verdicts(
    answers=answers,
    summaries=summaries,
    ranks=ranks,
    effects=effects,
    recovery=stack_tables(source.recovery, "recovery", STUDY) if source.recovery else None,
    published=pl.read_csv(source.published, separator="\t"),
    alpha=snakemake.params.alpha,
)
write_csv(verdicts, output.verdicts)
write_csv(tabulate_ground_truth(verdicts, snakemake.params.confidence), output.ground_truth)
write_csv(summaries.drop(NOTED), output.summaries)
write_csv(ranks, output.ranks)
write_csv(effects, output.effects)
write_csv(
    stack_tables(source.comparisons, "comparisons", [*STUDY, "intervention"]), output.comparisons
)
write_csv(
    tabulate_cultures(
        read_frame(source.questions, "questions"),
        answers,
        stack_tables(source.cells, "cells", ["model"]),
    ),
    output.cultures,
)
write_csv(tabulate_masks(source.masks), output.masks)
write_csv(count_layers(stack_tables(source.masks, "masks", [*STUDY, "scorer"])), output.layers)
rejected = read_frame(source.rejected, "rejected")
write_csv(rejected, output.rejected)
write_csv(count_rejected(rejected), output.rejected_reasons)
logger.info("%d rows in %s", len(verdicts), output.verdicts)
