"""Answer the evaluate questions under every mask of one selector."""

import torch

from culture_neurons.dataset.assignment import choose_own, choose_questions, swap_pictures
from culture_neurons.dataset.folds import evaluate_folds
from culture_neurons.dataset.prepared import PictureFile, read_picture_cultures, read_questions
from culture_neurons.engine.answering import tabulate_answers
from culture_neurons.engine.batches import TokenBudget
from culture_neurons.engine.feeding import Feed
from culture_neurons.hooks.hookpoints import find_layers
from culture_neurons.hooks.interventions import make_interventions
from culture_neurons.identify.mask_tables import read_masks, read_means
from culture_neurons.logs import logger, start_log
from culture_neurons.model.checkpoints import load_model
from culture_neurons.model.devices import lease_device
from culture_neurons.storage.facts import join_facts, name_versions, read_facts
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
torch.set_num_threads(snakemake.threads)
source, params, resources = snakemake.input, snakemake.params, snakemake.resources
statistics = source.get("statistics")  # for mean_ablate alone
made = {
    source.questions: read_facts(source.questions, "questions"),
    source.masks: read_facts(source.masks, "masks", snakemake.wildcards),
}
if statistics:
    made[statistics] = read_facts(statistics, "statistics", snakemake.wildcards)
with lease_device(resources.device) as device:
    checkpoint, model_facts = load_model(params.model, device, resources.hub_cache or None)
    facts = join_facts(made | {f"the loaded checkpoint {params.model['checkpoint']}": model_facts})
    folds = evaluate_folds(facts["folds"], facts["split"])
    pictures = PictureFile(source.images)
    chosen = (source.questions, pictures, facts["prompt"], facts["option_seed"])
    evaluated = {"cultures": facts["cultures"], "folds": folds}
    questions = read_questions(*chosen, **evaluated)
    cultures = {question.question_id: question.culture for question in questions}
    asked = choose_questions(facts["masks"], cultures, params.other_questions)
    logger.info("%d questions of the evaluate folds %s", len(questions), folds)
    budget = TokenBudget(resources.batch_tokens)
    layers = find_layers(checkpoint.model, facts["hookpoint"])
    maps = make_interventions(
        read_masks(source.masks, facts["masks"]),
        params.intervention,
        read_means(statistics) if statistics else None,
    )
    letters = facts["letter_tokens"]
    feed = Feed(questions, pictures, budget, resources.workers)
    table = tabulate_answers(checkpoint, feed, letters, layers, maps, asked)
    # A culture's own mask alone is asked its own questions over other cultures' pictures.
    own = {name: affine for name, affine in maps.items() if name in facts["cultures"]}
    shown = swap_pictures(read_picture_cultures(source.questions))
    swapped = read_questions(*chosen, **evaluated, swapped=shown) if own else []
    feed = Feed(swapped, pictures, budget, resources.workers)
    swapped_table = tabulate_answers(checkpoint, feed, letters, layers, own, choose_own(cultures))
facts |= {
    "intervention": params.intervention,
    "evaluate_folds": folds,
    "evaluate_questions": len(questions),
    "software": name_versions("torch", "transformers", "pillow"),
}
write_table(snakemake.output.outcomes, "outcomes", table.tabulate(), facts)
write_table(snakemake.output.swapped, "swapped_outcomes", swapped_table.tabulate(), facts)
