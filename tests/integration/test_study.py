"""The whole study of one demo model through Snakemake: the planted neurons are found.

Law 8, and law 9's "killing any job and running again gives the same bytes".
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import polars as pl
import pyarrow.parquet as pq
import pytest
import torch
from dry_runs import copy_project, run_snakemake
from small_study import CONFIG, RUN, STUDY, hash_tables

from culture_neurons.storage.facts import read_facts


def test_an_environment_in_a_path_with_a_space_works(tmp_path):
    folder = copy_project(tmp_path / "a study")
    interpreter = folder / "python"
    interpreter.symlink_to(sys.executable)
    libraries = os.pathsep.join(path for path in sys.path if path.endswith("site-packages"))
    process = subprocess.run(
        [interpreter, "-m", "snakemake", "results/demo/dataset.parquet", "--cores", "1"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": libraries},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    assert (folder / "results/demo/dataset.parquet").exists()


def read_overall(study, scorer, outcome="accuracy"):
    path = study / f"results/summaries/{STUDY}/r0.01/ablate/{scorer}.parquet"
    rows = pl.read_parquet(path).filter(pl.col("culture").is_null(), outcome=outcome)
    return {row["measure"]: row for row in rows.to_dicts()}


def test_the_model_answers(study):
    answers = pl.read_parquet(study / "results/answers/tiny-llava.parquet")
    assert len(answers) == 8 * 64
    assert answers["correct"].mean() >= 0.95


def test_planted_neurons_matter_for_their_culture_alone(study):
    planted = read_overall(study, "planted")
    assert planted["self"]["value"] <= -0.40
    assert abs(planted["cross_by_mask"]["value"]) <= 0.01
    logp = read_overall(study, "planted", "logp")
    assert logp["self"]["value"] <= -1.1  # nats; letters become uniform: ln 4
    assert abs(logp["cross_by_mask"]["value"]) <= 0.05


def test_planted_neurons_matter_on_new_pictures_too(study):
    transfer = pl.read_csv(study / "results/tables/transfer.csv").filter(scorer="planted")
    (row,) = transfer.filter(outcome="accuracy").to_dicts()
    assert row["self"] <= -40  # points
    assert abs(row["cross"]) <= 3
    assert row["verdict"] == "own culture loses more there, beyond exchanged"
    effects = pl.read_csv(study / "results/tables/other_effects.csv").filter(scorer="planted")
    asked = (
        effects.filter(outcome="accuracy")
        .group_by("other_dataset")
        .agg(pl.col("questions").unique(), pl.len())
    )
    assert sorted(asked.rows()) == [("general", [20], 8), ("new_pictures", [20], 64)]


def test_no_picture_of_another_dataset_is_the_study_s(study):
    folders = ("dataset", "other_datasets/general", "other_datasets/new_pictures")
    tables = [study / f"results/{folder}/images.parquet" for folder in folders]
    pictures = [set(pl.read_parquet(table, columns=["sha256"])["sha256"]) for table in tables]
    assert all(pictures)
    assert len(set.union(*pictures)) == sum(map(len, pictures))


def test_the_contrastive_scorer_finds_the_planted_neurons(study):
    recovery = pl.read_parquet(study / f"results/recovery/{STUDY}/r0.01.parquet")
    found = recovery.filter(scorer="conact")
    assert found["planted"].sum() == 8 * 16
    assert found["hits"].sum() / found["selected"].sum() >= 0.85
    assert found["hits"].sum() / found["planted"].sum() >= 0.85


def test_its_masks_hurt_more_than_random_ones(study):
    gap = read_overall(study, "conact")["gap"]
    assert gap["ci_high"] < 0
    ranks = pl.read_parquet(study / f"results/ranks/{STUDY}/r0.01/ablate/conact.parquet")
    rows = ranks.filter(pl.col("culture").is_null(), outcome="accuracy")
    found = {(row["control"], row["measure"]): row for row in rows.iter_rows(named=True)}
    own = found["random", "self"]
    assert (own["draws"], own["rank_p"]) == (20, pytest.approx(1 / 21))
    assert abs(own["control_mean"]) < 0.1 * abs(own["value"])
    assert found["random", "gap"]["rank_p"] is None  # random masks say nothing of culture
    exchanged = found["exchanged", "gap"]  # all other assignments of eight masks
    assert (exchanged["draws"], exchanged["rank_p"]) == (40_319, pytest.approx(1 / 40_320))


def test_the_verdict_says_what_the_tests_say(study):
    verdicts = pl.read_csv(study / "results/tables/verdicts.csv")
    assert set(verdicts["scorer"]) == {"lap", "lape", "conact", "planted", "published"}
    found = {row["scorer"]: row for row in verdicts.iter_rows(named=True)}
    words = "own culture loses more, beyond exchanged, random"
    assert found["conact"]["verdict"].startswith(words)
    said = found["conact"]["logp_verdict"]
    assert said.startswith(f"{words}; general change by ")  # of which the model knows no answer
    assert said.endswith("; others unchanged (within 0.05 nats)")
    assert (found["conact"]["unrepeated"], found["conact"]["ties"]) == (0, 0)
    assert found["conact"]["broken"] == 0
    assert found["conact"]["cultures_significant"] == found["conact"]["cultures"] == 8
    # The imported masks are random neurons, so that importing them must show nothing.
    assert found["published"]["verdict"].startswith("not shown")
    assert found["published"]["cultures_significant"] == 0


def test_the_conclusion_holds_by_category_and_masks_of_two_halves_agree(study):
    summary = pl.read_csv(study / "results/tables/sensitivity.csv")
    rows = {(row["compared"], row["analysis"], row["outcome"]): row for row in summary.to_dicts()}
    assert set(rows) == {("effects", "categories", name) for name in ("accuracy", "logp")} | {
        ("neurons", analysis, None) for analysis in ("halves", "samples", "scopes")
    }
    for outcome in ("accuracy", "logp"):
        categories = rows["effects", "categories", outcome]
        assert categories["signs"] >= 4  # the demo's categories, and at least conact
        assert categories["conclusion"].startswith("sign holds")
    assert rows["neurons", "scopes", None]["conclusion"] == "effects not tested"
    halves = pl.read_csv(study / "results/tables/sensitivity/halves.csv").filter(scorer="conact")
    assert halves["overlap"].item() >= 0.85
    assert halves["chance"].item() <= 0.02
    assert (study / "results/figures/sensitivity/mlp.gate_act/halves.png").exists()


def test_the_matrix_is_complete(study):
    effects = pl.read_parquet(study / f"results/effects/{STUDY}/r0.01/ablate/lape.parquet")
    assert len(effects) == 2 * 8 * 8  # outcomes
    pairs = effects.select("mask_culture", "culture").unique()
    assert len(pairs) == 64
    sizes = json.loads(
        pq.read_schema(study / f"results/masks/{STUDY}/r0.01/lape.parquet").metadata[
            b"culture_neurons"
        ]
    )["masks"]
    assert len(sizes) == 8  # cultures with an empty mask are named, too
    random = pl.read_parquet(study / f"results/masks/{STUDY}/r0.01/random_of_lape.parquet")
    drawn = {(c, d): size for c, d, size in random.group_by("culture", "draw").len().iter_rows()}
    assert drawn == {(c, d): size for c, _, size in sizes if size for d in range(20)}


def test_every_kept_cell_holds_the_same_number_of_questions(study):
    cells = pl.read_parquet(study / "results/cells/tiny-llava.parquet").filter("used")
    assert cells.group_by("culture", "fold").len()["len"].n_unique() == 1


def test_every_table_carries_its_facts(study):
    for path in study.glob("results/**/*.parquet"):
        facts = json.loads(pq.read_schema(path).metadata[b"culture_neurons"])
        assert {"kind", "software"} <= facts.keys(), path
        text = json.dumps(facts)
        assert str(study) not in text
        if "tiny-llava" in str(path.relative_to(study)) and "demo" not in path.parts:
            assert facts["model"] == "tiny-llava", path
            assert len(facts["commit"]) == 40
    for name in (f"masks/{STUDY}/r0.01/conact", f"recovery/{STUDY}/r0.01"):
        path = study / f"results/{name}.parquet"
        facts = json.loads(pq.read_schema(path).metadata[b"culture_neurons"])
        assert {"dataset", "dtype", "prompt", "option_seed", "hookpoint"} <= facts.keys(), path


def test_running_again_does_nothing(study):
    process = run_snakemake(study, "--dry-run", *CONFIG)
    assert "Nothing to be done" in process.stdout + process.stderr


def test_the_report_builds(study):
    process = run_snakemake(study, "--report", "report.html", *CONFIG)
    assert process.returncode == 0, process.stderr[-2000:]
    assert "accuracy" in (study / "report.html").read_text(encoding="utf-8")


def test_another_number_of_shards_gives_the_same_statistics(study):
    before = (study / f"results/statistics/{STUDY}.parquet").read_bytes()
    shutil.copytree(study, study.parent / "shards")
    other = study.parent / "shards"
    config = other / "tests/configs/one_model.yaml"
    config.write_text(config.read_text().replace("shards: 2", "shards: 3"))
    finished = run_snakemake(other, f"results/statistics/{STUDY}.parquet", *RUN)
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert (other / f"results/activations/{STUDY.split('/split')[0]}/3-of-3.parquet").exists()
    assert (other / f"results/statistics/{STUDY}.parquet").read_bytes() == before


INTERVENTIONS = """
intervene:
  - {name: ablate, kind: ablate}
  - {name: minus, kind: scale, strength: -1}
  - {name: mean, kind: mean_ablate}
"""


def test_steering_by_minus_one_ablates_and_mean_ablation_does_something_else(study):
    other = study.parent / "interventions"
    shutil.copytree(study, other)
    config = other / "tests/configs/one_model.yaml"
    config.write_text(config.read_text() + INTERVENTIONS)
    folder = other / f"results/outcomes/{STUDY}/r0.01"
    paths = {name: folder / name / "conact.parquet" for name in ("ablate", "minus", "mean")}
    finished = run_snakemake(other, *(str(p.relative_to(other)) for p in paths.values()), *RUN)
    assert finished.returncode == 0, finished.stderr[-2000:]
    found = {name: pl.read_parquet(path) for name, path in paths.items()}
    assert found["minus"].equals(found["ablate"])
    assert not found["mean"].equals(found["ablate"])
    identity = ["mask_culture", "draw", "question_id"]
    assert found["mean"].select(identity).equals(found["ablate"].select(identity))


STEERED = """
select:
  controls:
    - {name: random, kind: random, draws: 3, other_questions: 2}
intervene:
  - {name: ablate, kind: ablate}
  - {name: double, kind: scale, strength: 1}
steer:
  - {name: dose, kind: scale, strengths: [-1, 1], max_loss: 1000}
"""


def test_steering_asks_every_strength_and_tells_the_effect_of_the_chosen_one(study):
    other = study.parent / "steered"
    shutil.copytree(study, other)
    config = other / "tests/configs/one_model.yaml"
    first, _, rest = config.read_text().partition("select:")
    config.write_text(first + rest[rest.index("evaluate:") :] + STEERED)
    at = f"{STUDY}/r0.01"
    targets = [f"results/outcomes/{at}/{name}/conact.parquet" for name in ("ablate", "double")]
    targets += [f"results/doses/{at}/dose/conact.parquet"]
    targets += [f"results/effects/{at}/dose/conact.parquet"]
    model, _, at_model = at.partition("/")
    targets += [f"results/figures/doses/{at_model}/dose/accuracy/conact/{model}.png"]
    finished = run_snakemake(other, *targets, *RUN)
    assert finished.returncode == 0, finished.stderr[-2000:]
    ablated, doubled = (pl.read_parquet(other / target) for target in targets[:2])
    steered = pl.read_parquet(other / f"results/steered/{at}/dose/conact.parquet")
    for strength, alone in ((-1.0, ablated), (1.0, doubled)):
        here = (pl.col("strength") == strength) | pl.col("mask_culture").is_null()
        asked = steered.filter(here)
        keys = ["mask_culture", "draw", "question_id", "predicted"]
        assert asked.select(keys).equals(alone.select(keys))
        # More masks in a pass: other shapes, which round otherwise.
        found, expected = (frame["option_logprobs"].explode() for frame in (asked, alone))
        assert (found - expected).abs().max() < 1e-4
    questions = pl.read_parquet(other / "results/dataset/questions.parquet")
    facts = read_facts(other / f"results/steered/{at}/dose/conact.parquet", "outcomes")
    folds = facts["tune_folds"], facts["evaluate_folds"]
    assert sorted(sum(folds, [])) == read_facts(other / targets[0], "outcomes")["evaluate_folds"]
    tune, evaluate = (
        set(questions.filter(pl.col("fold").is_in(part))["question_id"]) for part in folds
    )
    chosen = pl.read_parquet(other / f"results/outcomes/{at}/dose/conact.parquet")
    assert set(chosen["question_id"]) == evaluate & set(ablated["question_id"])
    assert not set(chosen["question_id"]) & tune
    table = pl.read_parquet(other / f"results/strengths/{at}/dose/conact.parquet")
    taken = dict(table.filter("chosen").select("mask_culture", "strength").rows())
    assert len(taken) == 8
    # Silenced planted neurons cost their culture: no mask is best silenced.
    assert -1.0 not in taken.values()
    doses = pl.read_parquet(other / targets[2])
    one = doses.filter(masks="own", measure="self", outcome="accuracy", group="AVL")
    one = dict(one.select("strength", "value").rows())
    assert one[None] == (one[taken["AVL"]] if taken["AVL"] else 0)
    assert one[-1.0] < -0.3
    effects = pl.read_parquet(other / targets[3])
    own = effects.filter(mask_culture="AVL", culture="AVL", outcome="accuracy")
    assert own["delta"].item() == one[None]
    drawn = pl.read_parquet(other / f"results/steered/{at}/dose/random.parquet")
    asked = drawn.filter(pl.col("mask_culture") == "AVL", draw=0, strength=1.0)
    asked = asked.join(questions.select("question_id", "culture", "fold"), on="question_id")
    counts = dict(asked.filter(pl.col("culture") != "AVL").group_by("fold").len().rows())
    assert counts == dict.fromkeys(sum(folds, []), 7 * 2)  # two of each other culture in each part


IMPORTED = """
select:
  imported:
    - {name: again, files: {tiny-llava: theirs/conact.parquet}}
    - {name: listed, files: {tiny-llava: theirs/lap.safetensors}, evaluate: false}
  combined:
    - {name: rest, of: again, without: [listed]}
  controls:
    - {name: random, kind: random, draws: 20, seed: 0, other_questions: 5}
"""


def test_masks_travel_between_studies_and_are_made_of_each_other(study):
    other = study.parent / "travel"
    shutil.copytree(study, other)
    exported = [f"results/exports/{STUDY}/r0.01/{name}.safetensors" for name in ("conact", "lap")]
    finished = run_snakemake(other, *exported, *RUN)
    assert finished.returncode == 0, finished.stderr[-2000:]
    (other / "theirs").mkdir()
    shutil.copy(other / exported[1], other / "theirs/lap.safetensors")
    folder = other / f"results/masks/{STUDY}/r0.01"
    shutil.copy(folder / "conact.parquet", other / "theirs/conact.parquet")
    config = other / "tests/configs/one_model.yaml"
    before, rest = config.read_text().split("select:\n")
    config.write_text(before + IMPORTED + "evaluate:" + rest.split("\nevaluate:")[1])
    finished = run_snakemake(other, "results/tables/verdicts.csv", *RUN)
    assert finished.returncode == 0, finished.stderr[-2000:]

    verdicts = pl.read_csv(other / "results/tables/verdicts.csv")
    assert set(verdicts["scorer"]) == {"lap", "lape", "conact", "again", "rest", "planted"}
    rows = {row["scorer"]: row for row in verdicts.iter_rows(named=True)}
    for name in ("self", "cross", "gap", "logp_self"):
        assert rows["again"][name] == rows["conact"][name]
    identity = ["culture", "layer", "neuron"]
    found = {name: pl.read_parquet(folder / f"{name}.parquet") for name in ("conact", "lap")}
    expected = found["conact"].join(
        found["lap"].select("layer", "neuron"), on=identity[1:], how="anti"
    )
    made = pl.read_parquet(folder / "rest.parquet")
    assert made.select(identity).sort(identity).equals(expected.select(identity).sort(identity))
    # The same masks, as each format has them.
    lists = json.loads((other / exported[0]).with_suffix(".json").read_text())
    classes = torch.load((other / exported[0]).with_suffix(".pth"))
    for (culture, listed), by_layer in zip(lists.items(), classes, strict=True):
        own = {(n["layer_idx"], n["neuron_idx"]) for n in listed["top_neurons"]}
        assert own == {(layer, int(n)) for layer, tensor in enumerate(by_layer) for n in tensor}
        mask = found["conact"].filter(culture=culture)
        assert own == set(mask.select("layer", "neuron").iter_rows())


AFTER_MASKS = ("outcomes", "effects", "summaries", "tables")
AFTER_CELLS = ("activations", "statistics", "scores", "masks", "recovery", *AFTER_MASKS)


@pytest.mark.parametrize(
    ("rule", "lost"), [("extract_activations", AFTER_CELLS), ("intervene", AFTER_MASKS)]
)
def test_a_killed_run_can_be_run_again_to_the_same_bytes(study, rule, lost):
    expected = hash_tables(study)
    for name in lost:
        shutil.rmtree(study / "results" / name)
    logs = study / "results/logs" / rule
    shutil.rmtree(logs)
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", *RUN],
        cwd=study,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if any(logs.rglob("*.log")):
            break
        time.sleep(0.05)
    time.sleep(0.5)  # the log begins when the imports are done: now the model is at work
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert any(logs.rglob("*.log"))
    assert hash_tables(study).items() < expected.items()  # what is there is whole, not all is
    assert run_snakemake(study, "--unlock", *CONFIG).returncode == 0
    again = run_snakemake(study, *RUN)
    assert again.returncode == 0, again.stderr[-2000:]
    assert hash_tables(study) == expected
