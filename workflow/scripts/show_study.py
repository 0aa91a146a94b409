"""Print the study's table and the paths of its figures: the last thing `make demo` does."""

from pathlib import Path

import polars as pl

COLUMNS = [
    "model",
    "scorer",
    "accuracy",
    "self",
    "cross",
    "gap",
    "gap_rank_p",
    "precision",
    "recall",
]


def main() -> None:
    """Read results/tables/study.csv and print it."""
    study = pl.read_csv("results/tables/study.csv")
    with pl.Config(
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=160,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_formatting="ASCII_MARKDOWN",
        float_precision=2,
    ):
        print(
            "Accuracy and its changes in per cent points; precision and recall of planted neurons."
        )
        print(study.select(COLUMNS))
    for path in sorted(Path("results/figures").glob("**/*.png")):
        print(path)


if __name__ == "__main__":
    main()
