"""Tables of a study as text for a terminal: columns abridged, numbers rounded; not for files."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from culture_neurons.outcomes import ACCURACY, LOGP
from culture_neurons.storage.facts import STUDY

# Families of figures with one per model, whose file has its name.
OF_ONE_MODEL = ("deactivation", "doses", "layers", "overlap", "prompts", "relations")


def form_table(table: pl.DataFrame) -> str:
    """Write a table as text, without columns of which nothing is known."""
    columns = [column.name for column in table if column.null_count() < max(1, table.height)]
    with pl.Config(
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=1000,
        fmt_str_lengths=200,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_formatting="ASCII_MARKDOWN",
    ):
        return str(table.select(pl.col(columns).cast(pl.String).fill_null("")))


def choose_figures(paths: Collection[Path], models: Collection[str]) -> list[Path]:
    """Leave out figures of models that an earlier study had.

    Args:
        paths: Relative to the folder of figures.
        models: Of the study.
    """
    return [
        path for path in sorted(paths) if path.parts[0] not in OF_ONE_MODEL or path.stem in models
    ]


def abridge_verdicts(verdicts: pl.DataFrame) -> pl.DataFrame:
    """Put intervals beside values, sum up controls, and leave out what stands in the file alone."""
    last = ("precision", "recall", "shared_recall", "published")
    last = [name for name in last if name in verdicts.columns]
    return verdicts.select(
        *name_masks(verdicts),
        *_abridge_tests(verdicts, 1),
        _round("self_swapped", 1),
        *(_round(name, 2) for name in last),
        *(["broken"] if verdicts["broken"].sum() else []),
        _abridge_words("verdict"),
    )


def abridge_logp(verdicts: pl.DataFrame) -> pl.DataFrame:
    """Abridge what verdicts say of log-probability."""
    prefix = f"{LOGP}_"
    part = verdicts.select(*STUDY, "intervention", "scorer", "cultures", f"^{prefix}.*$")
    part = part.rename(lambda name: name.removeprefix(prefix))
    return part.select(
        *name_masks(part),
        *_abridge_tests(part, 3),
        _round("self_swapped", 3),
        _abridge_words("verdict"),
    )


def name_masks(verdicts: pl.DataFrame) -> list[str | pl.Expr]:
    """Choose the columns that tell a table's masks apart: those of one value do not."""
    return ["model", *_varied(verdicts, ("hookpoint", "split", "rate", "intervention")), "scorer"]


def _abridge_tests(verdicts: pl.DataFrame, digits: int) -> list[pl.Expr]:
    return [
        *_intervals(("self", "cross", *_name_general(verdicts)), digits),
        *(_largest_p(verdicts, measure) for measure in ("self", "gap")),
        _share("cultures_significant", "cultures", "significant"),
    ]


def _abridge_words(verdict: str) -> pl.Expr:
    """Leave out what failed, and beyond which controls something is shown: it is in the file."""
    return pl.col(verdict).str.replace(r":.*", "").str.replace(r", beyond [^;]*", "")


def abridge_ground_truth(table: pl.DataFrame) -> pl.DataFrame:
    """Put each interval beside its value, and counts beside their totals."""
    return table.select(
        "variant",
        "architecture",
        *_varied(table, ("hookpoint", "split", "rate", "intervention")),
        "scorer",
        *_intervals(("recall", "shared_recall", "precision"), 2),
        *_intervals(("self", "cross"), 1),
        _share("models_shown", "models", "shown"),
        _share("cultures_significant", "cultures", "significant"),
    )


def abridge_steering(table: pl.DataFrame) -> pl.DataFrame:
    """Put intervals beside values, of accuracy alone."""
    controls = [name[7:] for name in table.columns if name.startswith("self_p_")]
    accuracy = table.filter(outcome=ACCURACY)
    return accuracy.select(
        *name_masks(accuracy),
        "group",
        "cultures",
        _round("before", 1),
        *_intervals(("self", "cross", "other_masks", *controls), 1),
        _abridge_words("verdict"),
    )


def abridge_transfer(table: pl.DataFrame) -> pl.DataFrame:
    """Put intervals beside values, of accuracy alone."""
    accuracy = table.filter(outcome=ACCURACY)
    return accuracy.select(
        *name_masks(accuracy),
        "other_dataset",
        *_intervals(("study_self", "self", "cross", "gap"), 1),
        _largest_p(accuracy, "gap"),
        _abridge_words("verdict"),
    )


def abridge_prompts(table: pl.DataFrame) -> pl.DataFrame:
    """Put measures beside each other, of all cultures, languages, and countries."""
    rows = _choose_accuracy(table.filter(pl.col("by") != "culture"))
    keys = ["model", "lender", *_vary(table, ("hookpoint", "split", "rate", "intervention", "of"))]
    return _spread_measures(rows, [*keys, "name", "cultures"])


def abridge_relations(table: pl.DataFrame) -> pl.DataFrame:
    """Put measures beside each other."""
    keys = ["model", *_vary(table, ("hookpoint", "split", "rate", "intervention")), "scorer"]
    return _spread_measures(_choose_accuracy(table), [*keys, "relation", "pairs"])


def _choose_accuracy(table: pl.DataFrame) -> pl.DataFrame:
    """Choose what is of masks, and of effects those in accuracy, in points."""
    chosen = table.filter(pl.col("outcome").is_null() | (pl.col("outcome") == ACCURACY))
    of_masks = pl.col("outcome").is_null()
    points = [
        pl.when(of_masks).then(pl.col(name)).otherwise(100 * pl.col(name)).alias(name)
        for name in ("value", "ci_low", "ci_high")
    ]
    return chosen.with_columns(points)


def _spread_measures(table: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Make a column of each measure: "value [low, high]", of masks with two digits."""
    said = [
        (f"{row['value']:z.2f}" if row["outcome"] is None else f"{row['value']:z.1f}")
        + ("" if row["ci_low"] is None else f" [{row['ci_low']:z.1f}, {row['ci_high']:z.1f}]")
        if row["value"] is not None
        else None
        for row in table.iter_rows(named=True)
    ]
    formed = table.select(*keys, "measure", said=pl.Series(said, dtype=pl.String))
    return formed.pivot("measure", index=keys, values="said")


def abridge_sensitivity(summary: pl.DataFrame) -> pl.DataFrame:
    """Put what is kept beside what was asked: "5/6" signs of 6 are kept."""
    return summary.select(
        "model",
        "compared",
        "outcome",
        "analysis",
        "settings",
        _share("signs_kept", "signs", "signs"),
        _share("orders_kept", "orders", "orders"),
        _round("overlap", 2),
        "weakest",
        "conclusion",
    )


def _varied(table: pl.DataFrame, axes: Sequence[str]) -> list[pl.Expr]:
    return [pl.col(name) for name in _vary(table, axes)]


def _vary(table: pl.DataFrame, axes: Sequence[str]) -> list[str]:
    return [name for name in axes if table[name].n_unique() > 1]


def _name_general(verdicts: pl.DataFrame) -> list[str]:
    """Name the columns of changes in datasets without cultures."""
    ends = ("_low", "_high")
    return [c for c in verdicts.columns if c.startswith("on_") and not c.endswith(ends)]


def _share(count: str, total: str, name: str) -> pl.Expr:
    return pl.format("{}/{}", count, total).alias(name)


def _largest_p(verdicts: pl.DataFrame, measure: str) -> pl.Expr:
    """Find a measure's p among the control that it stands out from least."""
    ranks = [name for name in verdicts.columns if name.startswith(f"{measure}_p_")]
    largest = pl.max_horizontal(ranks) if ranks else pl.lit(None)
    said = pl.when(largest < 0.0005).then(pl.lit("<0.001")).otherwise(_form(largest, 3))
    return said.alias(f"{measure}_p")


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


class Printed(NamedTuple):
    """A table as it is printed."""

    file: str  # without .csv
    caption: str
    abridge: Callable[[pl.DataFrame], pl.DataFrame]


TABLES = {
    "verdicts": Printed(
        "verdicts",
        "Accuracy changes in percentage points with intervals; the largest p among controls;\n"
        "cultures that lose on their own mask, or gain where steered; the change over other "
        "cultures' pictures;\n"
        "precision and recall of planted neurons. All of it: results/tables/verdicts.csv",
        abridge_verdicts,
    ),
    LOGP: Printed(
        "verdicts",
        "The same of the right option's log-probability among its options, in nats",
        abridge_logp,
    ),
    "steering": Printed(
        "steering",
        "Steering at strengths that other questions chose: accuracy before, and changes in\n"
        "percentage points: of own cultures, of the others, by the others' masks, by random masks\n"
        "(from draw to draw). In nats: results/tables/steering.csv",
        abridge_steering,
    ),
    "transfer": Printed(
        "transfer",
        "Other datasets under the same masks: accuracy changes in percentage points of own\n"
        "cultures in the study (study_self) and there, and of others. In nats: "
        "results/tables/transfer.csv",
        abridge_transfer,
    ),
    "prompts": Printed(
        "prompts",
        "Models under two prompts: accuracy of each; masks in common, and by chance; mean depth\n"
        "of masks; changes of accuracy under own masks and those of the other prompt (lent), in\n"
        "percentage points. By culture, and in nats: results/tables/prompts.csv",
        abridge_prompts,
    ),
    "relations": Printed(
        "relations",
        "Pairs of cultures by what they share: masks in common, and by chance; change of accuracy\n"
        "under the other culture's mask, also beyond what masks do to unrelated ones, in points.\n"
        "In nats: results/tables/relations.csv",
        abridge_relations,
    ),
    "ground_truth": Printed(
        "ground_truth",
        "Means over trained models with intervals; models whose verdict is that the effect is "
        "shown;\ncultures that lose on their own mask. Changes in percentage points.",
        abridge_ground_truth,
    ),
    "sensitivity": Printed(
        "sensitivity",
        "Does the conclusion hold under other choices? (docs/method.md, Sensitivity)",
        abridge_sensitivity,
    ),
}
