"""A second look at a finished study: the same model at other hookpoints, through Snakemake."""

import shutil

import polars as pl
import pytest
import yaml
from small_study import make

HOOKPOINTS = ["mlp.neuron", "attn.head", "vision.mlp"]
FIGURES = ["components/split0/mean_ablate/logp/cas", "depth/split0/cas"]
TARGETS = ["results/tables/components.csv", *(f"results/figures/{stem}.png" for stem in FIGURES)]
RUN = ("--cores", "all", "--resources", "gpu=1", "--configfile", "components.yaml")


@pytest.fixture(scope="module")
def components(study, tmp_path_factory):
    """A copy of the small study with its model's other components, silenced and set to means."""
    folder = tmp_path_factory.mktemp("components") / "a study"
    shutil.copytree(study, folder)
    config = yaml.safe_load((folder / "tests/configs/one_model.yaml").read_text())
    del config["other_datasets"], config["sensitivity"]
    config["extract"]["hookpoints"] = HOOKPOINTS
    cas = {"name": "cas", "options": {"statistic": "rms"}, "min_score": 0}
    config["score"] = {"scorers": [cas]}
    config["select"] = {"rates": [0.01], "rates_at": {"attn.head": [0.1], "vision.mlp": [0.02]}}
    config["intervene"] = [{"name": kind, "kind": kind} for kind in ("ablate", "mean_ablate")]
    (folder / "components.yaml").write_text(yaml.safe_dump(config))
    make(folder, *TARGETS, *RUN)
    return folder


def read_answers(folder, hookpoint, selector="planted"):
    path = (
        folder / f"results/outcomes/tiny-llava/{hookpoint}/split0/r0.01/ablate/{selector}.parquet"
    )
    keys = ["mask_culture", "question_id", "predicted", "option_logprobs"]
    return pl.read_parquet(path, columns=keys).sort(keys[:2])


def test_answers_are_not_asked_again(components):
    log = components / "results/logs/answer_questions/tiny-llava.log"
    assert log.stat().st_mtime < (components / "components.yaml").stat().st_mtime


def test_to_silence_g_is_to_silence_what_g_is_multiplied_with(components):
    """z = g * up is 0 where g is: the planted neurons' masks are the same at both hookpoints."""
    assert read_answers(components, "mlp.neuron").equals(read_answers(components, "mlp.gate_act"))


def test_planted_neurons_are_found_where_they_are_and_nothing_is_shown_elsewhere(components):
    verdicts = pl.read_csv(components / "results/tables/verdicts.csv")
    found = {
        (row["hookpoint"], row["intervention"]): row
        for row in verdicts.filter(scorer="cas").iter_rows(named=True)
    }
    assert len(found) == len(HOOKPOINTS) * 2
    for (hookpoint, _), row in found.items():
        shown = row["verdict"].startswith("own culture loses more")
        assert shown == (hookpoint == "mlp.neuron"), row["verdict"]
        if shown:
            assert row["precision"] >= 0.8
            assert row["recall"] >= 0.8


def test_components_have_a_table_and_figures(components):
    table = pl.read_csv(components / "results/tables/components.csv")
    assert sorted(table["hookpoint"].unique()) == sorted(HOOKPOINTS)
    sizes = dict(table.select("hookpoint", "units").unique().iter_rows())
    assert sizes == {"mlp.neuron": 1600, "attn.head": 16, "vision.mlp": 96}
    for target in TARGETS[1:]:
        assert (components / target).stat().st_size > 1000
