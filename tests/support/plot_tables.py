"""Made-up tables of a study, as figures read them."""

import itertools

import numpy as np
import polars as pl

from culture_neurons.outcomes import OUTCOMES
from culture_neurons.plots.parts.inputs import ModelMasks
from culture_neurons.storage.schemas import SCHEMAS

SCORERS = ["lap", "lape", "lape_matched", "mad", "cas"]
MODELS = ["first", "second", "third"]
CULTURES = [f"C{index:02}" for index in range(25)]
LAYERS = 28


def make_frame(kind, **columns):
    """Make a table of a kind; the columns that are not given are null, and outcomes accuracy."""
    schema = SCHEMAS[kind]
    rows = max((len(values) for values in columns.values()), default=0)
    blank = dict.fromkeys(schema.names, [None] * rows)
    blank |= {"outcome": ["accuracy"] * rows} if "outcome" in blank else {}
    types = pl.from_arrow(schema.empty_table()).schema
    return pl.DataFrame(blank | columns, schema=types)


def make_masks(cultures=CULTURES, layers=LAYERS, neurons=40, seed=0):
    generator = np.random.default_rng(seed)
    size = len(cultures) * neurons
    names = np.repeat(cultures, neurons).tolist()
    return make_frame(
        "masks",
        culture=names,
        layer=generator.integers(0, layers, size).tolist(),
        neuron=np.tile(np.arange(neurons), len(cultures)).tolist(),
        rank=np.tile(np.arange(neurons), len(cultures)).tolist(),
    )


def make_models(cultures=CULTURES, layers=LAYERS):
    """Make masks of all models and scorers, as `plot_layers` takes them."""
    masks = {scorer: make_masks(cultures, layers, seed=i) for i, scorer in enumerate(SCORERS)}
    return {model: ModelMasks(masks, cultures, layers) for model in MODELS}


def make_effects(cultures=CULTURES, seed=0):
    pairs = list(itertools.product(cultures, cultures))
    generator = np.random.default_rng(seed)
    return make_frame(
        "effects",
        mask_culture=[masked for masked, _ in pairs],
        culture=[evaluated for _, evaluated in pairs],
        delta=generator.normal(0, 0.03, len(pairs)).tolist(),
        q=generator.random(len(pairs)).tolist(),
        questions=[40] * len(pairs),
    )


def make_summaries(cultures=CULTURES, seed=0):
    rows = [(c, m) for c in [*cultures, None] for m in ("self", "cross_by_mask", "gap")]
    values = np.random.default_rng(seed).normal(-0.05, 0.03, len(rows))
    return make_frame(
        "summaries",
        culture=[culture for culture, _ in rows],
        measure=[measure for _, measure in rows],
        value=values.tolist(),
        ci_low=(values - 0.01).tolist(),
        ci_high=(values + 0.01).tolist(),
        broken=[0] * len(rows),
        left_out=[0] * len(rows),
    )


def make_doses(
    cultures=CULTURES,
    strengths=(-1.0, 1.0, 4.0),
    low=0.3,
    rank_p=0.04,
    controls=("random",),
    broken=0,
    left_out=0,
):
    """Make a table `doses`: own masks gain .4, from `low` on; others change by -.01."""
    values = {"self": (0.4, low, 0.5), "gap": (0.41, 0.3, 0.5)}
    values |= {"cross_by_mask": (-0.01, -0.02, 0.01), "cross_by_target": (-0.02, -0.03, 0.02)}
    drawn = dict.fromkeys(values, (0.03, -0.05, 0.08))
    groups = [*cultures, "all cultures", "lower half"]
    rows = [
        {
            "strength": strength,
            "masks": masks,
            "group": group,
            "cultures": {"all cultures": len(cultures), "lower half": 2}.get(group, 1),
            "outcome": outcome,
            "measure": measure,
            "before": 0.5,
            "broken": broken if masks == "own" else None,
            "left_out": left_out if masks == "own" else None,
            **dict(zip(("value", "ci_low", "ci_high"), bounds, strict=True)),
            "rank_p": rank_p if (masks, measure) == (masks, "self") and masks != "own" else None,
        }
        for strength in (*strengths, None)
        for masks in ("own", *controls)
        for group in groups
        for outcome in OUTCOMES
        for measure, bounds in (values if masks == "own" else drawn).items()
    ]
    return make_frame("doses", **{name: [row[name] for row in rows] for name in rows[0]})


def make_ranks(control="random"):
    measures = ["self", "cross_by_mask", "gap"]
    return make_frame(
        "ranks",
        culture=[None] * 3,
        measure=measures,
        control=[control] * 3,
        control_low=[-0.004] * 3,
        control_high=[0.003] * 3,
    )


def make_recovery(cultures=CULTURES):
    rows = list(itertools.product(SCORERS, cultures))
    return make_frame(
        "recovery",
        scorer=[scorer for scorer, _ in rows],
        culture=[culture for _, culture in rows],
        planted=[16] * len(rows),
        selected=[16] * len(rows),
        hits=[index % 17 for index in range(len(rows))],
    )


def make_questions(cultures=CULTURES, questions=6):
    """Make questions with two per image and four options each."""
    rows = list(itertools.product(cultures, range(questions)))
    text = [{"prompt": "english", "question": "?", "options": ["a", "b", "c", "d"]}]
    return make_frame(
        "questions",
        question_id=[f"{culture}_{number}" for culture, number in rows],
        image_id=[f"{culture}_{number // 2}" for culture, number in rows],
        culture=[culture for culture, _ in rows],
        texts=[text] * len(rows),
    )


def make_answers(questions, seed=0):
    correct = np.random.default_rng(seed).random(questions.height) < 0.6
    return make_frame(
        "answers", question_id=questions["question_id"].to_list(), correct=correct.tolist()
    )


def make_unseen(questions, seed=0):
    ids = questions["question_id"].to_list()
    correct = np.random.default_rng(seed).random((2, len(ids))) < [[0.2], [0.3]]
    return make_frame(
        "unseen",
        shown=["swapped"] * len(ids) + ["blind"] * len(ids),
        question_id=2 * ids,
        correct=correct.ravel().tolist(),
    )


def make_rejected(rows=6):
    aside = ["subset not asked for", "repeated row"]
    reasons = ["missing image", "label out of range", "unreadable image", *aside]
    return make_frame(
        "rejected",
        question_id=[f"q{index}" for index in range(rows)],
        reason=[reasons[index % 5] for index in range(rows)],
        detail=["('a', 'b')"] * rows,
        counted=[index % 5 < 3 for index in range(rows)],
    )
