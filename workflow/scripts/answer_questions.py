"""Ask the unmodified model every question, also over a picture of another culture: no decoding."""

import torch

from culture_neurons.dataset.assignment import swap_pictures
from culture_neurons.dataset.prepared import PictureFile, read_picture_cultures, read_questions
from culture_neurons.engine.answering import tabulate_answers
from culture_neurons.engine.batches import TokenBudget
from culture_neurons.engine.feeding import Feed
from culture_neurons.engine.greedy_check import check_greedy
from culture_neurons.logs import logger, start_log
from culture_neurons.model.checkpoints import load_model
from culture_neurons.model.devices import lease_device
from culture_neurons.model.prompts import find_letter_tokens
from culture_neurons.storage.facts import name_versions, read_facts
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
torch.set_num_threads(snakemake.threads)
source, params, resources = snakemake.input, snakemake.params, snakemake.resources
pictures = PictureFile(source.images)
chosen = (source.questions, pictures, params.model["prompt"], params.option_seed)
questions = read_questions(*chosen)
swapped = read_questions(*chosen, swapped=swap_pictures(read_picture_cultures(source.questions)))
with lease_device(resources.device) as device:
    checkpoint, model_facts = load_model(params.model, device, resources.hub_cache or None)
    letters = find_letter_tokens(checkpoint.processor, max(len(q.options) for q in questions))
    logger.info("letter tokens: %s", letters)
    budget = TokenBudget(resources.batch_tokens)
    feed = Feed(questions, pictures, budget, resources.workers)
    (columns,) = tabulate_answers(checkpoint, feed, letters).tabulate()
    other_feed = Feed(swapped, pictures, budget, resources.workers)
    (others,) = tabulate_answers(checkpoint, other_feed, letters).tabulate()
    predicted = dict(zip(columns["question_id"], columns["predicted"], strict=True))
    greedy = check_greedy(checkpoint, feed, letters, predicted)
logger.info(
    "%d of %d answers are correct; %d over pictures of other cultures",
    *(columns["correct"].sum(), len(questions), others["correct"].sum()),
)

del columns["mask"], others["mask"]
orders = {question.question_id: question.option_order for question in questions}
columns["option_order"] = [orders[question_id] for question_id in columns["question_id"]]
facts = {
    **read_facts(source.questions, "questions"),
    **model_facts,
    "option_seed": params.option_seed,
    "letter_tokens": letters,
    "greedy": greedy,
    "software": name_versions("torch", "transformers", "pillow"),
}
write_table(snakemake.output.answers, "answers", columns, facts)
write_table(snakemake.output.swapped, "swapped_answers", others, facts)
