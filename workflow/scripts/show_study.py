"""Print a study's verdicts and its figures' paths, or what demo models of known truth show."""

import argparse
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

import polars as pl

TABLES = Path("results/tables")
FIGURES = Path("results/figures")
OF_ONE_MODEL = ("deactivation", "layers", "overlap")  # folders of FIGURES with one per model


def main() -> None:
    """Print the named table, or verdicts, sensitivity if it was measured, and figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", nargs="?", choices=SHOWN)
    name = parser.parse_args().table
    if not _find(name or "verdicts").exists():
        sys.exit(
            f"there is no {_find(name or 'verdicts')} here: run make demo, or snakemake with the "
            "study's config, and start this in the same folder"
        )
    measured = [other for other in ("verdicts", "sensitivity") if _find(other).exists()]
    for shown in [name] if name else measured:
        caption, abridge = SHOWN[shown]
        print(caption)
        print(form_table(abridge(_read(shown))))
    if not name:
        paths = [path.relative_to(FIGURES) for path in FIGURES.glob("**/*.png")]
        for path in choose_figures(paths, _read("verdicts")["model"].unique()):
            print(FIGURES / path)


def _find(name: str) -> Path:
    return TABLES / f"{name}.csv"


def _read(name: str) -> pl.DataFrame:
    return pl.read_csv(_find(name), infer_schema_length=None)


def form_table(table: pl.DataFrame) -> str:
    """Write a table as text, without columns of which nothing is known."""
    known = [column.name for column in table if column.null_count() < max(1, table.height)]
    with pl.Config(
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=1000,
        fmt_str_lengths=200,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_formatting="ASCII_MARKDOWN",
    ):
        return str(table.select(pl.col(known).cast(pl.String).fill_null("")))


def choose_figures(paths: Collection[Path], models: Collection[str]) -> list[Path]:
    """Leave out figures of models that an earlier study had; paths are relative to FIGURES."""
    return [
        path
        for path in sorted(paths)
        if path.parts[0] not in OF_ONE_MODEL or path.parts[1] in models
    ]


def abridge_verdicts(verdicts: pl.DataFrame) -> pl.DataFrame:
    """Put intervals beside values, sum up controls, and leave out what stands in the file alone."""
    last = [name for name in ("precision", "recall", "published") if name in verdicts.columns]
    return verdicts.select(
        "model",
        *_varied(verdicts, ("hookpoint", "split", "rate", "intervention")),
        "scorer",
        *_intervals(("self", "cross"), 1),
        *(_largest_p(verdicts, measure) for measure in ("self", "gap")),
        _share("cultures_significant", "cultures", "significant"),
        _round("self_swapped", 1),
        *(_round(name, 2) for name in last),
        *(["collapse"] if verdicts["collapse"].any() else []),
        # What failed, and beyond which controls, is in the file.
        pl.col("verdict").str.replace(r":.*", "").str.replace(r", beyond [^;]*", ""),
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
        _round("overlap", 2),
        "weakest",
        "conclusion",
    )


def _varied(table: pl.DataFrame, axes: Sequence[str]) -> list[pl.Expr]:
    return [pl.col(name) for name in axes if table[name].n_unique() > 1]


def _share(count: str, total: str, name: str) -> pl.Expr:
    return pl.format("{}/{}", count, total).alias(name)


def _largest_p(verdicts: pl.DataFrame, measure: str) -> pl.Expr:
    """Find a measure's p among the control that it stands out from least."""
    ranks = [name for name in verdicts.columns if name.startswith(f"{measure}_p_")]
    largest = pl.max_horizontal(ranks) if ranks else pl.lit(None)
    return _form(largest, 3).alias(f"{measure}_p")


def _intervals(names: Sequence[str], digits: int) -> list[pl.Expr]:
    """Form "value [low, high]", or what is known of it."""
    return [
        pl.coalesce(
            pl.format(
                "{} [{}, {}]",
                *(_round(column, digits) for column in (name, f"{name}_low", f"{name}_high")),
            ),
            _round(name, digits),
        ).alias(name)
        for name in names
    ]


def _round(column: str, digits: int) -> pl.Expr:
    return _form(pl.col(column), digits)


def _form(values: pl.Expr, digits: int) -> pl.Expr:
    # "z": no -0.0
    return values.cast(pl.Float64).map_elements(lambda x: f"{x:z.{digits}f}", pl.String)


SHOWN = {  # table -> its caption, and what of it is shown
    "verdicts": (
        "Accuracy changes in per cent points with intervals; the largest p among controls;\n"
        "cultures that lose on their own mask; the change over other cultures' pictures;\n"
        "precision and recall of planted neurons. All of it: results/tables/verdicts.csv",
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
