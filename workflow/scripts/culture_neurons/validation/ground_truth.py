"""What the study says of demo models, whose truth is known: means over training seeds."""

import polars as pl
from scipy import stats

from culture_neurons.demo.names import parse_demo_name
from culture_neurons.outcomes import LOGP
from culture_neurons.report.verdicts import NOT_SHOWN

KEYS = ("variant", "architecture", "hookpoint", "split", "rate", "intervention", "scorer")
MEASURES = ("recall", "shared_recall", "precision", "self", "cross", "logp_self", "logp_cross")
_LOGP = f"{LOGP}_"
EVERY = "all"  # in place of an architecture: the models of all of them


def tabulate_ground_truth(verdicts: pl.DataFrame, confidence: float) -> pl.DataFrame:
    """Average a study's verdicts over the seeds of demo models.

    Args:
        verdicts: From `tabulate_verdicts`; models that are no demo's are left out.
        confidence: Of Student's t intervals of the means, over models.

    Returns:
        One row per variant, architecture (and `EVERY`), study, and scorer: models; mean, low, and
        high of each of MEASURES (null where unknown, no interval of one model); models_shown:
        how many verdicts say that the effect is shown; cultures and cultures_significant over
        all models; the last two also by LOGP.
    """
    named = {
        path: name
        for path in verdicts["checkpoint"].unique()
        if (name := parse_demo_name(path.rpartition("/")[2]))
    }
    # Without demo models the table has its columns and no rows.
    frames = [verdicts.clear().with_columns(variant=pl.lit(""), architecture=pl.lit(""))]
    for path, name in named.items():
        rows = verdicts.filter(checkpoint=path).with_columns(variant=pl.lit(name.variant))
        keys = (name.architecture, EVERY)
        frames += [rows.with_columns(architecture=pl.lit(key)) for key in keys]
    rows = pl.concat(frames).with_columns(
        pl.lit(None, pl.Float64).alias(name) for name in MEASURES if name not in verdicts.columns
    )
    summed = rows.group_by(KEYS).agg(
        pl.len().alias("models"),
        *(part for name in MEASURES for part in _average(name)),
        *(
            (~pl.col(f"{of}verdict").str.starts_with(NOT_SHOWN)).sum().alias(f"{of}models_shown")
            for of in ("", _LOGP)
        ),
        pl.col("cultures", "cultures_significant", f"{_LOGP}cultures_significant").sum(),
    )
    return _add_intervals(summed, confidence).sort(KEYS)


def _average(name: str) -> list[pl.Expr]:
    value = pl.col(name)
    error = value.std() / value.count().sqrt()  # of the mean
    return [value.mean(), error.alias(f"{name}_error"), value.count().alias(f"{name}_count")]


def _add_intervals(rows: pl.DataFrame, confidence: float) -> pl.DataFrame:
    for name in MEASURES:
        quantiles = stats.t.ppf((1 + confidence) / 2, rows[f"{name}_count"].to_numpy() - 1)
        half = pl.Series(quantiles, nan_to_null=True) * rows[f"{name}_error"]
        rows = rows.with_columns(
            (pl.col(name) - half).alias(f"{name}_low"), (pl.col(name) + half).alias(f"{name}_high")
        )
    order = [part for name in MEASURES for part in (name, f"{name}_low", f"{name}_high")]
    counts = ("models_shown", "cultures_significant")
    last = ("cultures", *counts, *(_LOGP + name for name in counts))
    return rows.select(*KEYS, "models", *order, *last)
