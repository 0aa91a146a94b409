"""Write the study's numbers as CSV files."""

import polars as pl

from culture_neurons.logs import logger, start_log
from culture_neurons.report.components import tabulate_components
from culture_neurons.report.counts import (
    STUDY,
    count_layers,
    count_rejected,
    judge_chance,
    tabulate_cultures,
    tabulate_masks,
)
from culture_neurons.report.steering import judge_steering
from culture_neurons.report.transfer import judge_transfer
from culture_neurons.report.verdicts import KEYS, NOTED, tabulate_verdicts
from culture_neurons.storage.facts import read_facts
from culture_neurons.storage.frames import read_frame, stack_tables, write_csv
from culture_neurons.validation.ground_truth import tabulate_ground_truth

ELSEWHERE = [*KEYS, "other_dataset"]

start_log(snakemake.log[0])
source, output = snakemake.input, snakemake.output
summaries = stack_tables(source.summaries, "summaries", [*KEYS, *NOTED])
ranks = stack_tables(source.ranks, "ranks", KEYS)
effects = stack_tables(source.effects, "effects", KEYS)
questions = read_frame(source.questions, "questions")
answers = stack_tables(source.answers, "answers", ["model"])
verdicts = tabulate_verdicts(
    chance=judge_chance(questions, answers),
    summaries=summaries,
    ranks=ranks,
    effects=effects,
    recovery=stack_tables(source.recovery, "recovery", STUDY) if source.recovery else None,
    published=pl.read_csv(source.published, separator="\t"),
    general=stack_tables(source.damage, "summaries", ELSEWHERE),
    alpha=snakemake.params.alpha,
    unchanged=snakemake.params.unchanged,
)
transferred = stack_tables(source.transfer, "summaries", ELSEWHERE)
transfer_ranks = stack_tables(source.transfer_ranks, "ranks", ELSEWHERE)
doses = stack_tables(source.doses, "doses", KEYS)
rejected = read_frame(source.rejected, "rejected")
tables = {
    "verdicts": verdicts,
    "ground_truth": tabulate_ground_truth(verdicts, snakemake.params.confidence),
    "summaries": summaries.drop(NOTED),
    "ranks": ranks,
    "effects": effects,
    "doses": doses,
    "steering": judge_steering(doses, snakemake.params.alpha),
    "transfer": judge_transfer(transferred, transfer_ranks, summaries, snakemake.params.alpha),
    "other_effects": stack_tables(source.other_effects, "effects", ELSEWHERE),
    "prompts": stack_tables(source.prompts, "prompts", [*KEYS, "of", "lender", "lender_prompt"]),
    "relations": stack_tables(source.relations, "relations", KEYS),
    "strengths": stack_tables(source.strengths, "strengths", KEYS),
    "comparisons": stack_tables(source.comparisons, "comparisons", [*STUDY, "intervention"]),
    "cultures": tabulate_cultures(
        questions,
        answers,
        stack_tables(source.unseen, "unseen", ["model"]),
        stack_tables(source.cells, "cells", ["model"]),
        read_facts(source.questions, "questions")["absent"],
    ),
    "components": tabulate_components(verdicts, ranks, source.masks, snakemake.params.control),
    "masks": tabulate_masks(source.masks),
    "layers": count_layers(stack_tables(source.masks, "masks", [*STUDY, "scorer"])),
    "rejected": rejected,
    "rejected_reasons": count_rejected(rejected),
}
for name, path in output.items():
    write_csv(tables[name], path)
logger.info("%d rows in %s", len(verdicts), output.verdicts)
