"""Score every neuron for every culture with one scorer."""

from culture_neurons.identify.scoring import (
    load_scorer,
    score_neurons,
    tabulate_scores,
)
from culture_neurons.identify.statistics import read_statistics
from culture_neurons.logs import logger, start_log
from culture_neurons.storage.facts import name_versions
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
scorer = snakemake.params.scorer
statistics, facts = read_statistics(snakemake.input.statistics, snakemake.wildcards)
scores = score_neurons(statistics, load_scorer(scorer["scorer"]), scorer["options"])
write_table(
    snakemake.output.scores,
    "scores",
    tabulate_scores(statistics.cultures, statistics.axis, scores),
    facts | {"scorer": scorer, "software": name_versions("numpy")},
)
logger.info("%s scored %s neurons x %d cultures", scorer["name"], statistics.axis, len(scores))
