"""Answer the evaluate questions under every mask of one selector."""

from culture_neurons.dataset.assignment import choose_questions
from culture_neurons.dataset.folds import evaluate_folds
from culture_neurons.dataset.prepared import PictureFile, read_questions
from culture_neurons.engine.answering import BASELINE, tabulate_answers
from culture_neurons.engine.feeding import Feed
from culture_neurons.engine.trial import Way
from culture_neurons.hooks.hookpoints import find_layers
from culture_neurons.hooks.interventions import make_interventions
from culture_neurons.identify.mask_tables import read_masks, read_means
from culture_neurons.logs import logger, start_log
from culture_neurons.model.jobs import lease_model
from culture_neurons.neurons import NeuronAxis, read_sizes
from culture_neurons.storage.facts import join_facts, name_versions, read_joined
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
loaded = f"the loaded checkpoint {snakemake.params.model['checkpoint']}"
source, params, resources = snakemake.input, snakemake.params, snakemake.resources
kinds = {source.questions: "questions", source.masks: "masks"}
kinds |= dict.fromkeys(source.statistics, "statistics")  # for mean_ablate alone
facts = read_joined(kinds, snakemake.wildcards)
sizes, folds = read_sizes(facts), evaluate_folds(facts["folds"], facts["split"])
means = [read_means(path, NeuronAxis.from_facts(facts)) for path in source.statistics]
masks = make_interventions(read_masks(source.masks, sizes), params.intervention, *means)
maps = BASELINE | masks
pictures = PictureFile(source.images)
scope = {"cultures": facts["cultures"], "folds": folds}
prompt = (source.questions, pictures, params.model["prompt"], facts["option_seed"])
questions = read_questions(*prompt, **scope)
cultures = {question.question_id: question.culture for question in questions}
asked = choose_questions({name: name.culture for name in maps}, cultures, params.other_questions)
# A culture's own mask alone is asked its own questions over other cultures' pictures.
own = {name: affine for name, affine in masks.items() if name.draw is None}
swapped = read_questions(*prompt, **scope, swapped=True) if own else []
own = BASELINE | own
asked_swapped = choose_questions({name: name.culture for name in own}, cultures, other_questions=0)
logger.info("%d masks, %d questions of the evaluate folds %s", len(masks), len(questions), folds)
way = Way(**facts["way"])
budget = way.limit(resources.batch_tokens)
feeds = [Feed(shown, pictures, budget, resources.workers) for shown in (questions, swapped)]
with lease_model(params.model, snakemake.threads, resources.device, resources.hub_cache) as (
    checkpoint,
    model_facts,
):
    facts = join_facts({source.masks: facts, loaded: model_facts})
    layers = find_layers(checkpoint.model, facts["hookpoint"])
    asking = (facts["letter_tokens"], way.share, layers)
    outcomes = tabulate_answers(checkpoint, feeds[0], *asking, maps, asked)
    swapped_outcomes = tabulate_answers(checkpoint, feeds[1], *asking, own, asked_swapped)
facts |= {
    "intervention": params.intervention,
    "evaluate_folds": folds,
    "evaluate_questions": len(questions),
    "software": name_versions("torch", "transformers", "pillow"),
}
output = snakemake.output
write_table(output.outcomes, "outcomes", outcomes.tabulate_outcomes(), facts)
write_table(output.swapped, "swapped_outcomes", swapped_outcomes.tabulate_outcomes(), facts)
