"""Measure what steering does at each strength, and at the strengths that were chosen."""

import polars as pl

from culture_neurons.evaluate.doses import SteeredControl, measure_doses
from culture_neurons.evaluate.pairing import read_evaluate_questions, read_outcomes, read_study
from culture_neurons.evaluate.steering import find_lower_half, read_steered, split_strengths
from culture_neurons.logs import logger, start_log
from culture_neurons.neurons import read_sizes
from culture_neurons.storage.facts import name_versions
from culture_neurons.storage.tables import write_table

start_log(snakemake.log[0])
source, params = snakemake.input, snakemake.params
place = dict(snakemake.wildcards, selector=snakemake.wildcards.scorer)
selectors, facts = read_study(
    {source.questions: "questions"}, [source.steered, *source.controls], place
)
read_study({}, [source.chosen, *source.chosen_controls], place)  # refuses what is of another path
facts |= selectors[source.steered]
strengths, steered = facts["intervention"]["strengths"], read_steered(source.steered)
questions = read_evaluate_questions(source.questions, steered, facts)
tune, evaluate = (
    questions.filter(pl.col("fold").is_in(facts[key])) for key in ("tune_folds", "evaluate_folds")
)
asked = zip(source.controls, source.chosen_controls, params.controls.items(), strict=True)
controls = {
    name: SteeredControl(
        split_strengths(read_steered(path), strengths, read_outcomes(chosen)),
        list(read_sizes(selectors[path])),
        selectors[path]["control"]["draws"],
        limits,
    )
    for path, chosen, (name, limits) in asked
}
lower = find_lower_half(tune, steered)
doses = measure_doses(
    questions=evaluate,
    answers=split_strengths(steered, strengths, read_outcomes(source.chosen)),
    controls=controls,
    cultures=[mask.culture for mask in read_sizes(facts)],
    lower=lower,
    other_questions=params.other_questions,
    **params.intervals,
)
facts |= {"statistics": params.intervals, "other_questions": params.other_questions}
facts |= {"lower_half": lower, "software": name_versions("numpy", "polars", "scipy")}
write_table(snakemake.output.doses, "doses", doses, facts)
logger.info("%d strengths, %d questions; lower half: %s", len(strengths), len(evaluate), lower)
