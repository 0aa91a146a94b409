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
CATEGORIES = [  # CVQA's
    "Brands / Products / Companies",
    "Cooking and Food",
    "Geography / Buildings / Landmarks",
    "Objects / Materials / Clothing",
    "People / Everyday Life",
    "Plants and Animal",
    "Public Figure and Pop-Culture",
    "Sports and Recreation",
    "Traditions / Art / History",
    "Vehicles and Transportation",
]


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


def make_effects(cultures=CULTURES, seed=0, change=0.0):
    """Make effects; `change` is that of own cultures."""
    pairs = list(itertools.product(cultures, cultures))
    generator = np.random.default_rng(seed)
    own = np.array([change if masked == evaluated else 0.0 for masked, evaluated in pairs])
    return make_frame(
        "effects",
        mask_culture=[masked for masked, _ in pairs],
        culture=[evaluated for _, evaluated in pairs],
        delta=(own + generator.normal(0, 0.03, len(pairs))).tolist(),
        q=generator.random(len(pairs)).tolist(),
        questions=[40] * len(pairs),
    )


def make_summaries(cultures=CULTURES, seed=0, change=-0.05):
    """Make summaries; `change` is that of own cultures, and of the gap."""
    rows = [(c, m) for c in [*cultures, None] for m in ("self", "cross_by_mask", "gap")]
    centre = np.array([0.0 if measure == "cross_by_mask" else change for _, measure in rows])
    values = centre + np.random.default_rng(seed).normal(0, 0.03, len(rows))
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


def make_ranks(control="random", cultures=(), seed=0, change=-0.05):
    """Make ranks among a control's draws; the values are those of summaries of these arguments."""
    rows = make_summaries(cultures, seed, change)
    own = ("culture", "measure", "value", "ci_low", "ci_high")
    return make_frame(
        "ranks",
        **rows.select(own).to_dict(as_series=False),
        control=[control] * rows.height,
        control_low=[-0.004] * rows.height,
        control_high=[0.003] * rows.height,
    )


def make_recovery(cultures=CULTURES, scorers=SCORERS):
    rows = list(itertools.product(scorers, cultures))
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


def make_reliability(
    analysis,
    cultures=CULTURES,
    layers=(None,),
    sizes=(25,),
    settings=("",),
    scorers=SCORERS,
):
    generator = np.random.default_rng(0)
    rows = [
        (analysis, scorer, setting, size, draw, 0.01, culture, layer, *generator.random(2), 9, 8, 3)
        for scorer in scorers
        for setting in settings
        for size in sizes
        for draw in range(2)
        for culture in cultures
        for layer in layers
    ]
    names = ["analysis", "scorer", "setting", "questions", "draw", "rate", "culture", "layer"]
    names += ["spearman", "overlap", "first", "second", "shared"]
    frame = pl.DataFrame(rows, names, orient="row", infer_schema_length=None)
    return frame.with_columns(chance=0.005)


def make_samples(cultures=CULTURES, scorers=SCORERS):
    sizes = (25, 50, 100, 175)
    kinds = ("disjoint", "nested")
    return pl.concat(make_reliability(k, cultures, sizes=sizes, scorers=scorers) for k in kinds)


def make_rates(
    rates=(0.001, 0.005, 0.01, 0.05),
    splits=(0, 1, 2),
    models=MODELS,
    scorers=SCORERS,
    change=-0.05,
):
    """Make rows as `tabulate_rates` does; `change` is that of own cultures, and of the gap."""
    generator = np.random.default_rng(1)
    control = ("random", -0.02, 0.01)
    rows = [
        (model, split, rate, scorer, measure, value, value - 0.02, value + 0.02, *control)
        for model in models
        for split in splits
        for rate in rates
        for scorer in scorers
        for measure in ("self", "cross_by_mask", "gap")
        for value in [generator.normal(0 if measure == "cross_by_mask" else change, 0.03)]
    ]
    names = ["model", "split", "rate", "scorer", "measure", "value", "ci_low", "ci_high"]
    names += ["control", "control_low", "control_high"]
    return pl.DataFrame(rows, names, orient="row").with_columns(outcome=pl.lit("accuracy"))


def make_categories(names=CATEGORIES, models=MODELS, scorers=SCORERS, change=-0.05):
    """Make rows of all models; `change` is that of own cultures."""
    generator = np.random.default_rng(2)
    rows = [
        (model, scorer, category, measure, 90, 25, generator.normal(centre, 0.1))
        for model in models
        for scorer in scorers
        for category in names
        for measure, centre in (("self", change), ("cross_by_mask", 0), ("gap", change))
    ]
    columns = ["model", "scorer", "category", "measure", "questions", "cultures", "value"]
    return pl.DataFrame(rows, columns, orient="row").with_columns(outcome=pl.lit("accuracy"))


def make_prompts(groups, change=-0.05):
    """Make a table `prompts`.

    Args:
        groups: (by, name, cultures) of each.
        change: Of own masks; lent ones do half of it.
    """
    values = {  # measure -> its value, whether an outcome has it, and how its interval is wide
        "answers": (0.7, True, 0.04),
        "answers_other": (0.6, True, 0.04),
        "answers_less_other": (0.1, True, 0.04),
        "overlap": (0.4, False, None),
        "overlap_chance": (0.005, False, None),
        "depth": (0.6, False, None),
        "depth_other": (0.55, False, None),
        "self": (change, True, 0.03),
        "self_lent": (change / 2, True, 0.03),
        "lent_less_self": (-change / 2, True, 0.03),
    }
    rows = [
        (
            by,
            name,
            cultures,
            outcome,
            measure,
            value,
            width and value - width,
            width and value + width,
        )
        for by, name, cultures in groups
        for measure, (value, answered, width) in values.items()
        for outcome in (OUTCOMES if answered else [None])
    ]
    names = ["by", "name", "cultures", "outcome", "measure", "value", "ci_low", "ci_high"]
    return make_frame(
        "prompts", **dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    )


def make_relations(change=-0.05):
    """Make a table `relations`: masks of one language share neurons, and hurt each other."""
    pairs = {"same language": 48, "same country": 20, "both": 8, "neither": 794}
    rows = [
        (relation, count, outcome, measure, value, width and value - width, width and value + width)
        for relation, count in pairs.items()
        for near in [1 / 2 if relation == "same language" else 1 / 20]
        for measure, value, width, outcomes in (
            ("overlap", near / 2, None, [None]),
            ("overlap_chance", 0.005, None, [None]),
            ("cross", near * change, 0.01, OUTCOMES),
            ("cross_beyond", near * change, 0.01, OUTCOMES if relation != "neither" else ()),
        )
        for outcome in outcomes
    ]
    names = ["relation", "pairs", "outcome", "measure", "value", "ci_low", "ci_high"]
    columns = zip(*rows, strict=True)
    return make_frame("relations", **dict(zip(names, map(list, columns), strict=True)))
