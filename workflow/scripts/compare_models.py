"""Compare the scores and masks of every two models whose neurons can be the same."""

from culture_neurons.logs import logger, start_log
from culture_neurons.sensitivity.model_pairs import compare_models
from culture_neurons.storage.facts import name_versions, read_facts
from culture_neurons.storage.tables import to_columns, write_table

start_log(snakemake.log[0])
source, params = snakemake.input, snakemake.params
facts_of_masks = [read_facts(path, "masks", snakemake.wildcards) for path in source.masks]
identity = ("checkpoint", "commit", "dtype", "prompt", "option_seed")
models = {facts["model"]: {key: facts[key] for key in identity} for facts in facts_of_masks}
comparisons = compare_models(source.scores, source.masks, params.models)
write_table(
    snakemake.output.model_pairs,
    "model_pairs",
    (to_columns("model_pairs", rows) for rows in comparisons),
    {key: facts_of_masks[0][key] for key in ("dataset", "hookpoint")}
    | {"models": models, "software": name_versions("numpy", "polars")},
)
logger.info("%d models", len(params.models))
