"""Does the conclusion hold under other choices? One row per model and kind of choice.

A row judges the conclusion by other effects (conclusions.py), or says how far other masks agree.
The reference is the first rate and the first split of the config.
"""

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from culture_neurons.sensitivity.conclusions import (
    Conclusion,
    Gaps,
    find_conclusion,
    find_pairs,
    judge_settings,
    read_gaps,
)
from culture_neurons.sensitivity.settings import AGREEMENT, MODEL_KEYS, average_models

SUMMARY = {
    "model": pl.String,
    "hookpoint": pl.String,
    "compared": pl.String,  # effects, or neurons: scores and masks
    "intervention": pl.String,  # null for neurons, as the next
    "outcome": pl.String,
    "analysis": pl.String,
    "reference": pl.String,
    "settings": pl.String,
    "signs": pl.Int64,  # scorers shown at the reference x settings
    "signs_kept": pl.Int64,  # gap below 0
    "signs_shown": pl.Int64,  # its interval, too
    "orders": pl.Int64,  # pairs of scorers shown to differ at the reference x settings
    "orders_kept": pl.Int64,
    "orders_new": pl.Int64,  # pairs shown to differ at a setting alone; null: not tested
    "spearman": pl.Float64,  # means over scorers and settings
    "overlap": pl.Float64,
    "chance": pl.Float64,
    "weakest": pl.String,
    "conclusion": pl.String,
}


def summarise_sensitivity(
    summaries: pl.DataFrame,
    comparisons: pl.DataFrame,
    categories: pl.DataFrame,
    model_pairs: pl.DataFrame,
    agreement: Mapping[str, pl.DataFrame],
    *,
    split: int,
    rate: float,
    files: Mapping[str, str],
    alpha: float,
) -> pl.DataFrame:
    """Make the summary: one row per model and analysis.

    See `judge_effects` and `summarise_agreement` for the arguments.
    """
    rows = [
        *judge_effects(
            summaries,
            comparisons,
            categories,
            model_pairs,
            split=split,
            rate=rate,
            files=files,
            alpha=alpha,
        ),
        *summarise_agreement(agreement, average_models(model_pairs), split, rate),
    ]
    return pl.DataFrame(
        [{name: row.get(name) for name in SUMMARY} for row in rows], schema=SUMMARY
    ).sort("model", "hookpoint", maintain_order=True)


def judge_effects(
    summaries: pl.DataFrame,
    comparisons: pl.DataFrame,
    categories: pl.DataFrame,
    model_pairs: pl.DataFrame,
    *,
    split: int,
    rate: float,
    files: Mapping[str, str],
    alpha: float,
) -> Iterator[dict[str, object]]:
    """Judge each model's conclusion under every other rate, split, category, and so on.

    Args:
        summaries: Stacked `summaries` with the study's keys; planted neurons are no scorer.
        comparisons: Stacked `comparisons` with the study's keys.
        categories: Stacked `categories` with the same, of the reference.
        model_pairs: Stacked `model_pairs`.
        split: Split of the reference.
        rate: Rate of the reference.
        files: Scorer -> the file that it is computed by; the first scorer of a file is the usual
            one, the others are its variants.
        alpha: Level of the comparisons.

    Yields:
        One row per model, hookpoint, intervention, and analysis that has settings.
    """
    means = summaries.filter(
        pl.col("culture").is_null(), pl.col("measure") == "gap", pl.col("scorer").is_in(list(files))
    )
    names = (*MODEL_KEYS, "outcome")
    for values, rows in means.group_by(names, maintain_order=True):
        keys = dict(zip(names, values, strict=True))
        at = {"split": split, "rate": rate}
        tests = comparisons.filter(**keys)
        by_category = categories.filter(pl.col("scorer").is_in(list(files)), **keys, measure="gap")
        others = pl.col("model").is_in(find_same_weights(model_pairs, keys["model"]))
        same = at | {name: keys[name] for name in names if name != "model"}
        reference = read_gaps(rows.filter(**at))
        conclusion = find_conclusion(reference, tests.filter(**at), alpha)
        head = {**keys, "compared": "effects", "reference": f"split{split}, r{rate:g}"}
        for analysis, column, form, gaps, tested in (
            ("rates", "rate", "r{:g}", rows.filter(split=split), tests.filter(split=split)),
            ("splits", "split", "split{}", rows.filter(rate=rate), tests.filter(rate=rate)),
            ("categories", "category", "{}", by_category, None),
            ("models", "model", "{}", *(t.filter(others, **same) for t in (means, comparisons))),
        ):
            usual = at.get(column)
            settings = {n: read_gaps(f) for n, f in _spread(gaps, column, usual, form).items()}
            pairs = {
                name: find_pairs(frame, alpha)
                for name, frame in _spread(tested, column, usual, form).items()
            }
            if settings:
                judged = judge_settings(conclusion, settings, pairs)
                yield {**head, **_name(analysis, settings), **judged}
        yield from _judge_variants(head, reference, conclusion, files)


def summarise_agreement(
    agreement: Mapping[str, pl.DataFrame], models: pl.DataFrame, split: int, rate: float
) -> Iterator[dict[str, object]]:
    """Summarise how far masks of the reference agree, and where they do so least.

    Args:
        agreement: See `break_down_agreement`.
        models: See `average_models`.
        split: Split of the reference.
        rate: Rate of the reference.
    """
    parts = pl.format("{} questions", "questions")
    nested = agreement["samples"].filter(analysis="nested")
    pairs = models.filter(pl.col("weights") == "same", split=split)
    for analysis, table in {
        "halves": agreement["halves"].with_columns(setting=parts),
        "samples": nested.with_columns(setting=parts),
        "scopes": agreement["scopes"],
        "variants": agreement["variants"],
        "models": pairs.rename({"first_model": "model", "second_model": "setting"}),
    }.items():
        at_rate = table.filter(rate=rate)
        for (model, hookpoint), rows in at_rate.group_by("model", "hookpoint", maintain_order=True):
            least = rows.drop_nulls("overlap").sort("overlap", maintain_order=True).head(1)
            worst = pl.format(
                "overlap {}: {} at {}", pl.col("overlap").round(2), "scorer", "setting"
            )
            yield {
                "model": model,
                "hookpoint": hookpoint,
                "compared": "neurons",
                "reference": f"r{rate:g}" + (f", split{split}" if analysis == "models" else ""),
                **_name(analysis, rows["setting"].unique(maintain_order=True).to_list()),
                **dict(zip(AGREEMENT, rows.select(pl.col(AGREEMENT).mean()).row(0), strict=True)),
                "weakest": least.select(worst).item() if least.height else "",
                "conclusion": "effects not tested",
            }


def find_same_weights(model_pairs: pl.DataFrame, model: str) -> list[str]:
    """Find the later models that have the weights of a model."""
    same = model_pairs.filter(first_model=model, weights="same")
    return same["second_model"].unique(maintain_order=True).to_list()


def _judge_variants(
    head: Mapping[str, object], reference: Gaps, conclusion: Conclusion, files: Mapping[str, str]
) -> Iterator[dict[str, object]]:
    """Put scorers of one file in the place of its first: do sign and order hold for it?"""
    first = {file: scorer for scorer, file in reversed(files.items())}
    for usual in first.values():
        same = [name for name, file in files.items() if first[file] == usual and name != usual]
        if not same:
            continue
        about = Conclusion(
            [name for name in conclusion.scorers if name == usual],
            [pair for pair in conclusion.pairs if usual in pair and not set(pair) & set(same)],
        )
        settings = {name: {**reference, usual: reference[name]} for name in same}
        yield {
            **head,
            **_name(f"variants of {usual}", settings),
            **judge_settings(about, settings, {}),
        }


def _spread(
    frame: pl.DataFrame | None, column: str, usual: object, form: str
) -> dict[str, pl.DataFrame]:
    """Spread rows to settings by a column's values, but for the reference's; no rows for None."""
    if frame is None:
        return {}
    return {
        form.format(value): group
        for (value,), group in frame.group_by(column, maintain_order=True)
        if value != usual
    }


def _name(analysis: str, settings: Sequence[str] | Mapping[str, object]) -> dict[str, str]:
    return {"analysis": analysis, "settings": "; ".join(settings)}
