"""Print the study's verdicts and the paths of its figures: the last thing `make demo` does."""

from pathlib import Path

import polars as pl

SENSITIVITY = Path("results/tables/sensitivity.csv")
EFFECTS = ("self", "cross", "gap")


def main() -> None:
    """Read results/tables/verdicts.csv and, if it is there, sensitivity.csv; print them."""
    verdicts = pl.read_csv("results/tables/verdicts.csv")
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
        print(
            "Accuracy and its changes in per cent points with intervals; p among each control's "
            "draws;\ncultures that lose on their own mask; precision and recall of planted neurons."
        )
        print(abridge(verdicts))
        if SENSITIVITY.exists():
            print("Does the conclusion hold under other choices? (docs/method.md, Sensitivity)")
            print(abridge_sensitivity(pl.read_csv(SENSITIVITY)))
    for path in sorted(Path("results/figures").glob("**/*.png")):
        print(path)


def abridge(verdicts: pl.DataFrame) -> pl.DataFrame:
    """Put each interval beside its value, and leave out what stands in the file alone."""
    intervals = [
        pl.format(
            "{} [{}, {}]", *(_round(column) for column in (name, f"{name}_low", f"{name}_high"))
        ).alias(name)
        for name in EFFECTS
    ]
    ranks = [name for name in verdicts.columns if "_p_" in name]
    significant = pl.format("{}/{}", "cultures_significant", "cultures").alias("significant")
    last = [name for name in ("precision", "recall", "published") if name in verdicts.columns]
    axes = ("split", "rate", "intervention")
    varied = [pl.col(name).cast(pl.String) for name in axes if verdicts[name].n_unique() > 1]
    return verdicts.select(
        "model", *varied, "scorer", *intervals, *ranks, significant, "collapse", *last, "verdict"
    )


def abridge_sensitivity(summary: pl.DataFrame) -> pl.DataFrame:
    """Put what is kept beside what was asked: "5/6" signs of 6 are kept."""
    return summary.select(
        "model",
        "compared",
        "analysis",
        "settings",
        pl.format("{}/{}", "signs_kept", "signs").alias("signs"),
        pl.format("{}/{}", "orders_kept", "orders").alias("orders"),
        "overlap",
        "weakest",
        "conclusion",
    )


def _round(column: str) -> pl.Expr:
    # adding 0.0 makes -0.0 a plain 0
    return (pl.col(column).round(1) + 0.0).cast(pl.String)


if __name__ == "__main__":
    main()
