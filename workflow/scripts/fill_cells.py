"""Choose equally many questions of every (culture, fold)."""

from culture_neurons.identify.cells import fill_cells, find_at_chance, find_left_out
from culture_neurons.logs import logger, start_log
from culture_neurons.storage.facts import name_versions, read_joined
from culture_neurons.storage.frames import read_frame
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
source, params = snakemake.input, snakemake.params
kinds = {source.questions: "questions", source.answers: "answers", source.unseen: "unseen"}
facts = read_joined(kinds, snakemake.wildcards)
asked = read_frame(source.questions, "questions", ["question_id", "culture", "fold"])
answered = read_frame(source.answers, "answers", ["question_id", "correct", "option_logprobs"])
unseen = read_frame(source.unseen, "unseen", ["shown", "question_id", "correct"])
cells = fill_cells(
    asked,
    answered,
    folds=facts["folds"],
    cap=params.cap,
    floor=params.floor,
    counted=params.counted,
    left_out=find_left_out(unseen, params.leave_out),
)
kept = cells.filter("used")["culture"].unique().sort().to_list()
dropped = sorted(set(cells["culture"]) - set(kept))
logger.info("%d questions used; cultures kept: %s; dropped: %s", cells["used"].sum(), kept, dropped)
for culture in find_at_chance(asked, answered):
    logger.warning("%s: the model's answers are at chance; no mask can show a loss there", culture)
facts |= {
    "cultures": kept,
    "counted": params.counted,
    "leave_out": params.leave_out,
    "software": name_versions("polars"),
}
write_table(snakemake.output.cells, "cells", cells.to_dict(as_series=False), facts)
