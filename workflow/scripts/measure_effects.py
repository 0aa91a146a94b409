"""Compare the answers under one scorer's masks with the unmodified model's, and with controls."""

from pathlib import Path

from culture_neurons.evaluate.effects import measure_effects
from culture_neurons.evaluate.exchange import rank_exchanged
from culture_neurons.evaluate.pairing import MASK, RESPONSE, pair_outcomes, read_evaluate_questions
from culture_neurons.evaluate.ranks import rank_effects
from culture_neurons.logs import logger, start_log
from culture_neurons.neurons import read_sizes
from culture_neurons.storage.facts import join_facts, name_versions, read_facts
from culture_neurons.storage.frames import read_frame
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
source, params, wildcards = snakemake.input, snakemake.params, snakemake.wildcards
path_facts = dict(wildcards, selector=wildcards.scorer)
controls = {
    path: read_facts(path, "outcomes", dict(wildcards, selector=Path(path).stem))
    for path in source.controls
}
differing = ("masks", "control", "selector")  # between a scorer's outcomes and its controls'
facts = join_facts(
    {
        source.questions: read_facts(source.questions, "questions"),
        source.answers: read_facts(source.answers, "answers", path_facts),
        source.outcomes: read_facts(source.outcomes, "outcomes", path_facts),
        source.swapped_answers: read_facts(source.swapped_answers, "swapped_answers", path_facts),
        source.swapped_outcomes: read_facts(
            source.swapped_outcomes, "swapped_outcomes", path_facts
        ),
        **{
            path: {key: value for key, value in control_facts.items() if key not in differing}
            for path, control_facts in controls.items()
        },
    }
)
questions = read_evaluate_questions(source.questions, facts["evaluate_folds"], facts["cultures"])
answers = read_frame(source.answers, "answers", RESPONSE)
paired, kept, effects, summaries = measure_effects(
    questions=questions,
    answers=answers,
    outcomes=read_frame(source.outcomes, "outcomes", [*MASK, *RESPONSE]),
    swapped_answers=read_frame(source.swapped_answers, "swapped_answers", RESPONSE),
    swapped_outcomes=read_frame(source.swapped_outcomes, "swapped_outcomes", [*MASK, *RESPONSE]),
    cultures=[mask.culture for mask in read_sizes(facts)],
    other_questions=params.other_questions,
    **params.statistics,
)


def rank_controls():
    """Yield the ranks among masks of the other cultures, and each control's, one at a time."""
    yield rank_exchanged(paired, kept, params.statistics["seed"])
    for name, path in zip(params.controls, source.controls, strict=True):
        masks, drawn = list(read_sizes(controls[path])), controls[path]["control"]
        outcomes = read_frame(path, "outcomes", [*MASK, *RESPONSE])
        control = pair_outcomes(questions, answers, outcomes, masks, params.controls[name])
        ranks = rank_effects(
            paired,
            control,
            masks,
            drawn["draws"],
            cross=params.statistics["cross"],
            kept=kept,
            specific=drawn["kind"] == "permuted",
        )
        logger.info("%s: %d draws, %d masks", name, drawn["draws"], len(masks))
        yield {**ranks, "control": [name] * len(ranks["value"])}


facts |= {
    "statistics": params.statistics,
    "other_questions": params.other_questions,
    "software": name_versions("numpy", "polars", "scipy"),
}
write_table(snakemake.output.effects, "effects", effects, facts)
write_table(snakemake.output.summaries, "summaries", summaries, facts)
write_table(snakemake.output.ranks, "ranks", rank_controls(), facts | {"controls": params.controls})
logger.info("%d cultures, %d questions", len(facts["masks"]), len(questions))
