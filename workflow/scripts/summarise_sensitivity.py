"""Say for every model where the conclusion holds, and list what each setting does."""

from culture_neurons.logs import logger, start_log
from culture_neurons.sensitivity.settings import (
    average_models,
    break_down_agreement,
    tabulate_rates,
    tabulate_splits,
)
from culture_neurons.sensitivity.summary import summarise_sensitivity
from culture_neurons.storage.facts import STUDY
from culture_neurons.storage.frames import stack_tables, write_csv

start_log(snakemake.log[0])
source, output, params = snakemake.input, snakemake.output, snakemake.params
study = [*STUDY, "intervention"]
summaries = stack_tables(source.summaries, "summaries", [*study, "scorer"])
categories = stack_tables(source.categories, "categories", study)
model_pairs = stack_tables(source.model_pairs, "model_pairs", ["hookpoint"])
agreement = break_down_agreement(
    stack_tables(source.reliability, "reliability", ["model", "hookpoint"])
)
summary = summarise_sensitivity(
    summaries,
    stack_tables(source.comparisons, "comparisons", study),
    categories,
    model_pairs,
    agreement,
    **params.reference,
    files=params.files,
    alpha=params.alpha,
)
ranks = stack_tables(source.ranks, "ranks", [*study, "scorer"])
tables = {
    **agreement,
    "summary": summary,
    "models": average_models(model_pairs),
    "rates": tabulate_rates(summaries, ranks, params.control),
    "splits": tabulate_splits(summaries),
    "categories": categories,
}
for name, path in output.items():
    write_csv(tables[name], path)
logger.info("%d rows in %s", len(summary), output.summary)
