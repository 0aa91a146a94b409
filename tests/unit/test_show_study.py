"""What is printed of a study: headers, values, and which figures."""

import subprocess
import sys
from pathlib import Path

import polars as pl

from culture_neurons.report.headlines import tell_tables, tell_verdicts
from culture_neurons.report.terminal import (
    abridge_ground_truth,
    abridge_logp,
    abridge_sensitivity,
    abridge_verdicts,
    choose_figures,
    form_table,
)

SCRIPT = Path(__file__).resolve().parents[2] / "workflow/scripts/show_study.py"


def make_verdicts(**columns):
    """Make verdicts on two scorers' masks; columns replace or add."""
    usual = {
        "model": ["tiny-llava-v1.6-mistral"] * 2,
        "hookpoint": ["mlp.gate_act"] * 2,
        "split": [0, 0],
        "rate": [0.01, 0.01],
        "intervention": ["ablate"] * 2,
        "scorer": ["cas", "lape_matched"],
        "self": [-74.765852, -0.04],
        "self_low": [-79.84, -1.25],
        "self_high": [-69.74, 0.75],
        "cross": [-0.04, 0.0],
        "cross_low": [None, 0.0],
        "cross_high": [None, 0.0],
        "self_p_random": [0.047619, 1.0],
        "self_p_permuted": [0.009, None],
        "gap_p_random": [0.047619, 0.952381],
        "gap_p_permuted": [0.25, None],
        "self_swapped": [-0.390625, -0.01],
        "cultures": [8, 8],
        "cultures_significant": [7, 0],
        "broken": [0, 0],
        "logp_self": [-3.25, 0.0],
        "logp_self_low": [-3.5, -0.01],
        "logp_self_high": [-3.0, 0.01],
        "logp_self_swapped": [-0.5, None],
        "logp_cross": [0.004, 0.0],
        "logp_cross_low": [-0.01, 0.0],
        "logp_cross_high": [0.02, 0.0],
        "logp_cultures_significant": [8, 0],
        "logp_verdict": ["own culture loses more, beyond random", "not shown: no control"],
        "verdict": [
            "own culture loses more, beyond random",
            "not shown: gap's interval reaches 0, self within random",
        ],
        "precision": [0.9921875, None],
        "recall": [1.0, None],
        "published": [None, None],
    }
    return pl.DataFrame(usual | columns)


def test_what_limits_a_verdict_is_printed():
    limited = "own culture loses more, beyond a, b; not shown to need the culture's pictures"
    shown = abridge_verdicts(make_verdicts(verdict=[limited, "not shown: x, y"]))
    assert shown["verdict"].to_list() == [
        "own culture loses more; not shown to need the culture's pictures",
        "not shown",
    ]


def read_cells(text):
    """Read a printed table: its header, then its rows."""
    header, _, *rows = text.splitlines()
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in (header, *rows)]


def test_verdicts_have_the_names_and_values_of_their_columns():
    text = form_table(abridge_verdicts(make_verdicts()))
    header, first, second = read_cells(text)
    assert header == [
        *("model", "scorer", "self", "cross", "self_p", "gap_p", "significant"),
        *("self_swapped", "precision", "recall", "verdict"),
    ]
    assert dict(zip(header, first, strict=True)) == {
        "model": "tiny-llava-v1.6-mistral",
        "scorer": "cas",
        "self": "-74.8 [-79.8, -69.7]",
        "cross": "0.0",
        "self_p": "0.048",
        "gap_p": "0.250",
        "significant": "7/8",
        "self_swapped": "-0.4",
        "precision": "0.99",
        "recall": "1.00",
        "verdict": "own culture loses more",
    }
    assert second[2:] == [
        *("0.0 [-1.2, 0.8]", "0.0 [0.0, 0.0]", "1.000", "0.952", "0/8", "0.0", "", "", "not shown")
    ]
    assert max(map(len, text.splitlines())) <= 180


def test_what_is_said_of_log_probability_is_a_table_of_its_own():
    rows = make_verdicts(logp_self_p_random=[0.048, 1.0])
    header, first, second = read_cells(form_table(abridge_logp(rows)))
    assert header == [
        *("model", "scorer", "self", "cross", "self_p", "significant", "self_swapped", "verdict")
    ]
    assert first[2:] == [
        *("-3.250 [-3.500, -3.000]", "0.004 [-0.010, 0.020]", "0.048", "8/8", "-0.500"),
        "own culture loses more",
    ]
    assert second[-1] == "not shown"


def test_a_small_p_is_not_printed_as_none():
    small = make_verdicts(gap_p_random=[0.000025, 0.0005], gap_p_permuted=[None, None])
    assert abridge_verdicts(small)["gap_p"].to_list() == ["<0.001", "0.001"]


def test_what_differs_or_is_known_is_shown():
    verdicts = make_verdicts(
        rate=[0.005, 0.01], broken=[1, 0], published=[-8.53, None], precision=[None] * 2
    )
    header, first, second = read_cells(form_table(abridge_verdicts(verdicts)))
    assert header[1] == "rate"
    assert (first[1], second[1]) == ("0.005", "0.01")
    assert header[-4:] == ["recall", "published", "broken", "verdict"]
    assert first[-3:-1] == ["-8.53", "1"]


def test_verdicts_without_demo_models_or_controls_are_shown():
    known = make_verdicts().drop("precision", "recall")
    header, *_ = read_cells(form_table(abridge_verdicts(known)))
    assert header[-2:] == ["self_swapped", "verdict"]
    ranks = [name for name in known.columns if "_p_" in name]
    header, *_ = read_cells(form_table(abridge_verdicts(known.drop(ranks))))
    assert header[2:5] == ["self", "cross", "significant"]


def test_ground_truth_and_sensitivity_keep_the_names_of_their_columns():
    numbers = ["recall", "shared_recall", "precision", "self", "cross"]
    truth = pl.DataFrame(
        {
            **{name: ["planted"] for name in ("variant", "architecture", "hookpoint", "scorer")},
            **{name: [0] for name in ("split", "rate", "intervention")},
            **{f"{name}{end}": [0.5] for name in numbers for end in ("", "_low", "_high")},
            **{name: [3] for name in ("models", "models_shown", "cultures")},
            "cultures_significant": [2],
        }
    )
    header, row = read_cells(form_table(abridge_ground_truth(truth)))
    assert header == ["variant", "architecture", "scorer", *numbers, "shown", "significant"]
    assert row[3:] == [*["0.50 [0.50, 0.50]"] * 3, *["0.5 [0.5, 0.5]"] * 2, "3/3", "2/3"]
    summary = pl.DataFrame(
        {
            **{
                name: ["x"]
                for name in ("model", "compared", "outcome", "analysis", "settings", "weakest")
            },
            **{name: [6] for name in ("signs", "signs_kept", "orders", "orders_kept")},
            "overlap": [0.876],
            "conclusion": ["sign holds"],
        }
    )
    header, row = read_cells(form_table(abridge_sensitivity(summary)))
    assert header[5:] == ["signs", "orders", "overlap", "weakest", "conclusion"]
    assert row[5:] == ["6/6", "6/6", "0.88", "x", "sign holds"]


def test_figures_of_dropped_models_are_not_listed():
    kept = [
        "accuracy.png",
        "layers/act/r0.01/one.v1.png",
        "self_cross/act/split0/r0.01/ablate/logp.png",
    ]
    dropped = [f"{folder}/act/r0.01/two.png" for folder in ("layers", "overlap", "deactivation")]
    paths = [Path(name) for name in dropped + kept]
    assert choose_figures(paths, ["one.v1"]) == [Path(name) for name in kept]


def run_script(folder, *arguments):
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_folder_without_results_is_told_what_to_run(tmp_path):
    for arguments, table in (((), "verdicts"), (("ground_truth",), "ground_truth")):
        process = run_script(tmp_path, *arguments)
        assert process.returncode == 1
        assert f"there is no results/tables/{table}.csv here: run make demo" in process.stderr


def test_the_script_prints_the_table_and_its_figures(tmp_path):
    tables, figures = tmp_path / "results/tables", tmp_path / "results/figures/layers"
    tables.mkdir(parents=True)
    make_verdicts().write_csv(tables / "verdicts.csv")
    for model in ("tiny-llava-v1.6-mistral", "dropped"):
        (figures / "r0.01").mkdir(parents=True, exist_ok=True)
        (figures / "r0.01" / f"{model}.png").touch()
    process = run_script(tmp_path)
    assert process.returncode == 0, process.stderr
    assert "| self_swapped |" in process.stdout
    assert "literal" not in process.stdout
    assert process.stdout.splitlines()[-1] == (
        "results/figures/layers/r0.01/tiny-llava-v1.6-mistral.png"
    )
    assert "dropped" not in process.stdout


def test_a_page_tells_verdicts_whole_and_tables_as_the_terminal_does(tmp_path):
    verdicts = make_verdicts(rate=[0.01, 0.02])
    verdicts.write_csv(tmp_path / "verdicts.csv")
    (tmp_path / "transfer.csv").write_text("model,verdict\n")
    words = tell_verdicts(tmp_path / "verdicts.csv")
    assert words.columns == ["model", "rate", "scorer", "by accuracy", "by log-probability"]
    assert [row[3:] for row in words.rows] == verdicts.select(
        "verdict", "logp_verdict"
    ).to_numpy().tolist()
    (told,) = tell_tables(tmp_path.glob("*.csv"), ["verdicts", "transfer", "sensitivity"])
    assert "verdict" not in told.columns
    shown = abridge_verdicts(verdicts).select(told.columns)
    assert told.rows == [list(row) for row in shown.cast(pl.String).fill_null("").rows()]
    assert "-74.8 [-79.8, -69.7]" in told.rows[0]
