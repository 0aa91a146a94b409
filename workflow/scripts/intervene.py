"""Answer the evaluate questions under every mask of one selector."""

import torch

from culture_neurons.checkpoints import load_subject
from culture_neurons.engine import answer_questions, tabulate_responses
from culture_neurons.engine_inputs import make_interventions, read_questions
from culture_neurons.folds import evaluate_folds
from culture_neurons.hookpoints import find_layers
from culture_neurons.logs import logger, progress, start_log
from culture_neurons.tables import join_facts, name_versions, read_facts, write_table

start_log(snakemake.log[0])
torch.set_num_threads(snakemake.threads)
source, params = snakemake.input, snakemake.params
checkpoint, model_facts = load_subject(params.model, snakemake.resources.device)
facts = join_facts(
    {
        source.questions: read_facts(source.questions, "questions"),
        source.masks: read_facts(source.masks, "masks"),
        f"the loaded checkpoint {params.model['checkpoint']}": model_facts,
    }
)
folds = evaluate_folds(facts["folds"], facts["split"])
questions = read_questions(
    source.questions,
    source.images,
    facts["prompt"],
    facts["option_seed"],
    cultures=facts["cultures"],
    folds=folds,
)
masks = make_interventions(
    source.masks, facts["masks"], params.intervention, source.get("statistics")
)
layers = find_layers(checkpoint.model, facts["hookpoint"])
responses = []
with progress(len(questions) * len(masks), "answers", f"{len(masks)} masks") as bar:
    for batch in answer_questions(
        checkpoint,
        questions,
        facts["letter_tokens"],
        snakemake.resources.batch_tokens,
        layers,
        masks,
    ):
        responses += batch
        bar.update(len(batch))
logger.info("%d masks x %d questions of folds %s", len(masks), len(questions), folds)
write_table(
    snakemake.output.outcomes,
    "outcomes",
    tabulate_responses(responses),
    facts
    | {
        "intervention": params.intervention,
        "evaluate_folds": folds,
        "software": name_versions("torch", "transformers", "pillow"),
    },
)
