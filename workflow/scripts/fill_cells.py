"""Choose equally many questions of every (culture, fold)."""

from culture_neurons.identify.cells import fill_cells, find_at_chance
from culture_neurons.logs import logger, start_log
from culture_neurons.storage.facts import name_versions, read_joined
from culture_neurons.storage.frames import read_frame
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
questions, answers = snakemake.input.questions, snakemake.input.answers
facts = read_joined({questions: "questions", answers: "answers"}, snakemake.wildcards)
asked = read_frame(questions, "questions", ["question_id", "culture", "fold"])
answered = read_frame(answers, "answers", ["question_id", "correct", "option_logprobs"])
cells = fill_cells(
    asked,
    answered,
    folds=facts["folds"],
    cap=snakemake.params.cap,
    floor=snakemake.params.floor,
    counted=snakemake.params.counted,
)
kept = cells.filter("used")["culture"].unique().sort().to_list()
dropped = sorted(set(cells["culture"]) - set(kept))
logger.info("%d questions used; cultures kept: %s; dropped: %s", cells["used"].sum(), kept, dropped)
for culture in find_at_chance(asked, answered):
    logger.warning("%s: the model's answers are at chance; no mask can show a loss there", culture)
facts |= {
    "cultures": kept,
    "counted": snakemake.params.counted,
    "software": name_versions("polars"),
}
write_table(snakemake.output.cells, "cells", cells.to_dict(as_series=False), facts)
