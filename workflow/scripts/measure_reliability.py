"""Compare one scorer with itself on other folds, token scopes, and options."""

from culture_neurons.identify.scoring import load_scorer
from culture_neurons.identify.shards import count_questions, read_cells
from culture_neurons.logs import logger, start_log
from culture_neurons.neurons import NeuronAxis
from culture_neurons.sensitivity.reliability import Scoring, measure_reliability, name_options
from culture_neurons.storage.facts import name_versions, read_joined
from culture_neurons.storage.tables import to_columns, write_table

start_log(snakemake.log[0])
params, scorer = snakemake.params, snakemake.params.scorer
shards = list(snakemake.input.shards)
facts = read_joined(dict.fromkeys(shards, "activations"), snakemake.wildcards)
sets = [sorted(names) for names in params.scopes]
stored = sorted({name for names in sets for name in names})
selection = {key: scorer[key] for key in ("name", "options", "pool", "min_score")}
cells = read_cells(
    shards, range(facts["folds"]), stored, facts["cultures"], NeuronAxis.from_facts(facts)
)
logger.info("%d cultures, %d folds", len(cells.cultures), len(cells.folds))
comparisons = measure_reliability(
    cells,
    count_questions(shards),
    [[stored.index(name) for name in names] for names in sets],
    ["+".join(names) for names in sets],
    Scoring(function=load_scorer(scorer["scorer"]), rates=params.rates, **selection),
    {name_options(options, scorer["options"]): options for options in params.variants},
    **params.division,
)
facts |= {"scopes": sets[0], "scorer": scorer, "division": params.division}
facts |= {"software": name_versions("numpy", "polars")}
chunks = (to_columns("reliability", rows) for rows in comparisons)
write_table(snakemake.output.reliability, "reliability", chunks, facts)
