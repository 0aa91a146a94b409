"""Print a study's verdicts and its figures' paths, or what demo models of known truth show."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import polars as pl

CAPTIONS = {
    "verdicts": "Accuracy and its changes in per cent points with intervals; p among each "
    "control's draws;\ncultures that lose on their own mask; precision and recall of planted "
    "neurons.",
    "ground_truth": "Means over trained models with intervals; models whose verdict is that the "
    "effect is shown;\ncultures that lose on their own mask. Changes in per cent points.",
}


def main() -> None:
    """Read a table of results/tables and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", nargs="?", choices=CAPTIONS, default="verdicts")
    name = parser.parse_args().table
    table = pl.read_csv(f"results/tables/{name}.csv")
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
        print(CAPTIONS[name])
        print(abridge_verdicts(table) if name == "verdicts" else abridge_ground_truth(table))
    if name == "verdicts":
        for path in sorted(Path("results/figures").glob("**/*.png")):
            print(path)


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


def _varied(table: pl.DataFrame, axes: Sequence[str]) -> list[str]:
    return [name for name in axes if table[name].n_unique() > 1]


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
    # adding 0.0 makes -0.0 a plain 0
    return (pl.col(column).cast(pl.Float64).round(digits) + 0.0).cast(pl.String)


if __name__ == "__main__":
    main()
