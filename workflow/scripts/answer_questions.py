"""Ask the unmodified model every question, and without seeing its picture; nothing is decoded."""

from dataclasses import replace

from culture_neurons.dataset.prepared import PictureFile, read_questions
from culture_neurons.engine.answering import tabulate_answers
from culture_neurons.engine.batches import TokenBudget
from culture_neurons.engine.feeding import Feed
from culture_neurons.engine.greedy_check import check_greedy
from culture_neurons.engine.trial import find_way
from culture_neurons.logs import logger, start_log
from culture_neurons.model.jobs import lease_model
from culture_neurons.model.prompts import find_letter_tokens
from culture_neurons.storage.facts import name_versions, read_facts
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
source, params, resources = snakemake.input, snakemake.params, snakemake.resources
pictures = PictureFile(source.images)
prompt = (source.questions, pictures, params.model["prompt"], params.option_seed)
questions = read_questions(*prompt)
feed = Feed(questions, pictures, TokenBudget(resources.batch_tokens), resources.workers)
place = (snakemake.threads, resources.device, resources.hub_cache)
with lease_model(params.model, *place) as (checkpoint, model_facts):
    letters = find_letter_tokens(checkpoint.processor, max(len(q.options) for q in questions))
    logger.info("letter tokens: %s", letters)
    way = find_way(checkpoint, feed, resources.hookpoints.split(","))
    feed = replace(feed, budget=way.limit(resources.batch_tokens))
    table = tabulate_answers(checkpoint, feed, letters, way)
    answers = table.tabulate_answers()
    predicted = dict(zip(answers["question_id"], answers["predicted"], strict=True))
    greedy = check_greedy(checkpoint, feed, letters, predicted)
    unseen = []
    for shown in ("swapped", "blind") if way.blind else ("swapped",):
        feed = replace(feed, questions=read_questions(*prompt, shown=shown))
        rows = tabulate_answers(checkpoint, feed, letters, way).tabulate_answers()
        unseen.append({"shown": shown, **rows})
facts = {
    **read_facts(source.questions, "questions"),
    **model_facts,
    "option_seed": params.option_seed,
    "letter_tokens": letters,
    "way": way._asdict(),
    "greedy": greedy,
    "software": name_versions("torch", "transformers", "pillow"),
}
answers["option_order"] = [question.option_order for question in table.questions]
write_table(snakemake.output.answers, "answers", answers, facts)
write_table(snakemake.output.unseen, "unseen", unseen, facts)
right = [f"{rows['correct'].sum()} of {len(rows['correct'])}" for rows in (answers, *unseen)]
logger.info("correct answers, also over a swapped picture and without any: %s", ", ".join(right))
