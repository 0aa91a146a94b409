"""Print a study's verdicts and its figures' paths, or what demo models of known truth show."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import polars as pl

FOLDER = Path("results/tables")


def main() -> None:
    """Print the named table, or verdicts, sensitivity if it was measured, and figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", nargs="?", choices=SHOWN)
    name = parser.parse_args().table
    measured = [other for other in ("verdicts", "sensitivity") if _find(other).exists()]
    with pl.Config(
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=1000,
        fmt_str_lengths=200,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_formatting="ASCII_MARKDOWN",
        float_precision=2,
    ):
        for shown in [name] if name else measured:
            caption, abridge = SHOWN[shown]
            print(caption)
            print(abridge(pl.read_csv(_find(shown))))
    if not name:
        for path in sorted(Path("results/figures").glob("**/*.png")):
            print(path)


def _find(name: str) -> Path:
    return FOLDER / f"{name}.csv"


def abridge_verdicts(verdicts: pl.DataFrame) -> pl.DataFrame:
    """Put each interval beside its value, and leave out what stands in the file alone."""
    ranks = [name for name in verdicts.columns if "_p_" in name]
    last = [name for name in ("precision", "recall", "published") if name in verdicts.columns]
    return verdicts.select(
        "model",
        *_varied(verdicts, ("split", "rate", "intervention")),
        "scorer",
        *_intervals(("self", "cross", "gap"), 1),
        *ranks,
        _share("cultures_significant", "cultures", "significant"),
        _round("self_swapped", 1),
        "collapse",
        *last,
        "verdict",
    )


def abridge_ground_truth(table: pl.DataFrame) -> pl.DataFrame:
    """Put each interval beside its value, and counts beside their totals."""
    return table.select(
        "variant",
        "architecture",
        *_varied(table, ("hookpoint", "split", "rate", "intervention")),
        "scorer",
        *_intervals(("recall", "precision"), 2),
        *_intervals(("self", "cross"), 1),
        _share("models_shown", "models", "shown"),
        _share("cultures_significant", "cultures", "significant"),
    )


def abridge_sensitivity(summary: pl.DataFrame) -> pl.DataFrame:
    """Put what is kept beside what was asked: "5/6" signs of 6 are kept."""
    return summary.select(
        "model",
        "compared",
        "analysis",
        "settings",
        _share("signs_kept", "signs", "signs"),
        _share("orders_kept", "orders", "orders"),
        "overlap",
        "weakest",
        "conclusion",
    )


def _varied(table: pl.DataFrame, axes: Sequence[str]) -> list[pl.Expr]:
    # As text: a rate of 0.005 is no 0.01.
    return [pl.col(name).cast(pl.String) for name in axes if table[name].n_unique() > 1]


def _share(count: str, total: str, name: str) -> pl.Expr:
    return pl.format("{}/{}", count, total).alias(name)


def _intervals(names: Sequence[str], digits: int) -> list[pl.Expr]:
    """Form "value [low, high]", or what is known of it."""
    return [
        pl.coalesce(
            pl.format(
                "{} [{}, {}]",
                *(_round(column, digits) for column in (name, f"{name}_low", f"{name}_high")),
            ),
            _round(name, digits),
            pl.lit(""),
        ).alias(name)
        for name in names
    ]


def _round(column: str, digits: int) -> pl.Expr:
    value = pl.col(column).cast(pl.Float64).round(digits)
    return pl.when(value == 0).then(0.0).otherwise(value).cast(pl.String)  # no -0.0


SHOWN = {  # table -> its caption, and what of it is shown
    "verdicts": (
        "Accuracy and its changes in per cent points with intervals; p among each control's "
        "draws;\ncultures that lose on their own mask; precision and recall of planted neurons.",
        abridge_verdicts,
    ),
    "ground_truth": (
        "Means over trained models with intervals; models whose verdict is that the effect is "
        "shown;\ncultures that lose on their own mask. Changes in per cent points.",
        abridge_ground_truth,
    ),
    "sensitivity": (
        "Does the conclusion hold under other choices? (docs/method.md, Sensitivity)",
        abridge_sensitivity,
    ),
}

if __name__ == "__main__":
    main()
