"""Ask the unmodified model every question: option-letter logits, no decoding."""

import torch

from culture_neurons.checkpoints import load_subject
from culture_neurons.engine import answer_questions, tabulate_responses
from culture_neurons.engine_inputs import read_questions
from culture_neurons.logs import logger, progress, start_log
from culture_neurons.prompts import find_letter_tokens
from culture_neurons.tables import name_versions, read_facts, write_table

start_log(snakemake.log[0])
torch.set_num_threads(snakemake.threads)
params = snakemake.params
questions = read_questions(
    snakemake.input.questions, snakemake.input.images, params.model["prompt"], params.option_seed
)
checkpoint, model_facts = load_subject(params.model, snakemake.resources.device)
letters = find_letter_tokens(checkpoint.processor, max(len(q.options) for q in questions))
logger.info("letter tokens: %s", letters)

responses = []
with progress(len(questions), "questions", "answers") as bar:
    batch_tokens = snakemake.resources.batch_tokens
    for batch in answer_questions(checkpoint, questions, letters, batch_tokens):
        responses += batch
        bar.update(len(batch))
columns = tabulate_responses(responses)
logger.info("%d of %d answers are correct", sum(columns["correct"]), len(responses))

del columns["mask"]
orders = {question.question_id: question.option_order for question in questions}
columns["option_order"] = [orders[question_id] for question_id in columns["question_id"]]
facts = {
    **read_facts(snakemake.input.questions, "questions"),
    **model_facts,
    "option_seed": params.option_seed,
    "letter_tokens": letters,
    "software": name_versions("torch", "transformers", "pillow"),
}
write_table(snakemake.output.answers, "answers", columns, facts)
