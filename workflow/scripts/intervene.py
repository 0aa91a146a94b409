"""Answer the evaluate questions under every mask of one selector."""

import torch

from culture_neurons.batches import TokenBudget
from culture_neurons.checkpoints import load_subject
from culture_neurons.devices import lease_device
from culture_neurons.engine import tabulate_answers
from culture_neurons.engine_inputs import PictureFile, make_interventions, read_questions
from culture_neurons.feeding import Feed
from culture_neurons.folds import evaluate_folds
from culture_neurons.hookpoints import find_layers
from culture_neurons.logs import logger, start_log
from culture_neurons.questioning import choose_questions
from culture_neurons.tables import join_facts, name_versions, read_facts, write_table

start_log(snakemake.log[0])
torch.set_num_threads(snakemake.threads)
source, params, resources = snakemake.input, snakemake.params, snakemake.resources
with lease_device(resources.device) as device:
    checkpoint, model_facts = load_subject(params.model, device)
    facts = join_facts(
        {
            source.questions: read_facts(source.questions, "questions"),
            source.masks: read_facts(source.masks, "masks"),
            f"the loaded checkpoint {params.model['checkpoint']}": model_facts,
        }
    )
    folds = evaluate_folds(facts["folds"], facts["split"])
    pictures = PictureFile(source.images)
    questions = read_questions(
        source.questions,
        pictures,
        facts["prompt"],
        facts["option_seed"],
        cultures=facts["cultures"],
        folds=folds,
    )
    cultures = {question.question_id: question.culture for question in questions}
    asked = choose_questions(facts["masks"], cultures, params.others)
    logger.info("%d questions of the evaluate folds %s", len(questions), folds)
    table = tabulate_answers(
        checkpoint,
        Feed(questions, pictures, TokenBudget(resources.batch_tokens), resources.workers),
        facts["letter_tokens"],
        find_layers(checkpoint.model, facts["hookpoint"]),
        make_interventions(
            source.masks, facts["masks"], params.intervention, source.get("statistics")
        ),
        asked,
    )
write_table(
    snakemake.output.outcomes,
    "outcomes",
    table.tabulate(),
    facts
    | {
        "intervention": params.intervention,
        "evaluate_folds": folds,
        "evaluate_questions": len(questions),
        "software": name_versions("torch", "transformers", "pillow"),
    },
)
