"""What an edit reruns: exactly what depends on it (planning alone, nothing is run)."""

import os
import re

import pytest
from dry_runs import copy_project, plan, rules_of, run_snakemake

FIGURES_AND_TABLES = {
    "plot_layers",
    "plot_overlap",
    "plot_deactivation",
    "plot_self_cross",
    "plot_recovery",
    "measure_recovery",
    "compare_scorers",
    "write_tables",
    "build_report",
}


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def append(path, line="# an edit\n"):
    path.write_text(path.read_text() + line)


def test_editing_lape_reruns_lape_and_what_shows_it(finished):
    append(finished / "workflow/scripts/culture_neurons/scorers/lape.py")
    jobs = plan(finished)
    branch = {
        "score_neurons": r"scorer=lape$",
        "select_neurons": r"scorer=lape$",
        "draw_random": r"control=random_of_lape$",
        "intervene": r"selector=(random_of_)?lape$",
        "measure_effects": r"scorer=lape$",
    }
    assert rules_of(jobs) == set(branch) | FIGURES_AND_TABLES
    for rule, wildcards in jobs:
        if rule in branch:
            assert re.search(branch[rule], wildcards), (rule, wildcards)
    scored = [wildcards for rule, wildcards in jobs if rule == "score_neurons"]
    assert len(scored) == 3  # models


def test_editing_cas_reruns_cas_alone(finished):
    append(finished / "workflow/scripts/culture_neurons/scorers/cas.py")
    jobs = plan(finished)
    for rule, wildcards in jobs:
        if rule in ("score_neurons", "select_neurons", "intervene", "measure_effects"):
            assert re.search(r"(scorer|selector)=cas$", wildcards), (rule, wildcards)
    assert "draw_random" not in rules_of(jobs)
    assert "extract_activations" not in rules_of(jobs)
    assert {"intervene", "write_tables"} <= rules_of(jobs)


def test_editing_a_hookpoint_reruns_what_is_read_or_planted_there(finished):
    append(finished / "workflow/scripts/culture_neurons/hookpoints/attn_head.py")
    assert plan(finished) == set()  # no model of the demo has planted heads
    append(finished / "workflow/scripts/culture_neurons/hookpoints/mlp_gate_act.py")
    assert {"train_demo_model", "extract_activations", "intervene"} <= rules_of(plan(finished))


def test_touching_every_file_reruns_nothing(finished):
    for path in finished.rglob("*"):
        if path.is_file() and ".snakemake" not in path.parts and "results" not in path.parts:
            os.utime(path)
    assert plan(finished) == set()


def test_a_comment_in_a_plotting_module_reruns_its_figures_only(finished):
    append(finished / "workflow/scripts/culture_neurons/plots/overlap.py")
    assert rules_of(plan(finished)) == {"plot_overlap", "build_report"}
    append(finished / "workflow/scripts/culture_neurons/plots/parts/style.py")
    rules = rules_of(plan(finished)) - {"build_report"}
    assert {"plot_accuracy", "plot_overlap", "plot_layers"} <= rules
    assert all(rule.startswith("plot_") for rule in rules)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("workflow/report/self_cross.rst", "More words.\n"),
        ("workflow/scripts/culture_neurons/report/templates/page.css", "/* an edit */\n"),
        ("workflow/scripts/culture_neurons/report/page.py", "# an edit\n"),
        ("CITATION.cff", "# an edit\n"),
    ],
)
def test_what_only_the_page_shows_reruns_the_page_alone(finished, path, line):
    append(finished / path, line)
    assert plan(finished) == {("build_report", "")}


def test_changing_r_plans_from_selection_on(finished):
    edit(finished / "config/config.yaml", "rates: [0.01]", "rates: [0.02]")
    rules = rules_of(plan(finished))
    assert {"select_neurons", "intervene", "measure_effects", "write_tables"} <= rules
    before = {"make_demo_dataset", "train_demo_model", "prepare_dataset", "answer_questions"}
    before |= {"fill_cells", "extract_activations", "merge_statistics", "score_neurons"}
    assert not rules & before


def test_adding_a_rate_keeps_the_first_one(finished):
    edit(finished / "config/config.yaml", "rates: [0.01]", "rates: [0.01, 0.02]")
    jobs = plan(finished)
    for rule, wildcards in jobs:
        if rule in ("select_neurons", "intervene", "measure_effects"):
            assert "rate=r0.02" in wildcards
    assert "intervene" in rules_of(jobs)


def test_settings_of_speed_rerun_nothing(finished):
    config = finished / "config/config.yaml"
    edit(config, "batch_tokens: 4096", "batch_tokens: 8192")
    edit(config, "threads: 1", "threads: 2")
    edit(config, "workers: 0", "workers: 2")
    edit(config, "device: cpu", "device: cuda")
    edit(config, "memory_mb: 3000", "memory_mb: 9000")
    edit(config, "runtime_minutes: 60", "runtime_minutes: 90")
    edit(config, "hub_cache: null", "hub_cache: a shared folder/hub")
    assert plan(finished) == set()


def test_settings_of_statistics_rerun_no_model(finished):
    config = finished / "config/config.yaml"
    edit(config, "power: 0.8", "power: 0.9")
    measured = {"measure_effects", "plot_deactivation", "plot_self_cross", "write_tables"}
    measured |= {"build_report"}
    assert rules_of(plan(finished)) == measured
    edit(config, "collapse: 0.1", "collapse: 0.2")  # comparisons leave out broken masks as well
    assert rules_of(plan(finished)) == measured | {"compare_scorers"}
    edit(config, "resamples: 2000", "resamples: 3000")
    edit(config, "cross: by_mask", "cross: by_target")
    edit(config, "confidence: 0.95", "confidence: 0.9")
    edit(config, "alpha: 0.05", "alpha: 0.01")
    edit(config, "  seed: 0\n  # Level", "  seed: 1\n  # Level")
    intervals = {"compare_scorers", "plot_accuracy", "plot_recovery"}
    assert rules_of(plan(finished)) == measured | intervals


def test_leaving_questions_out_keeps_the_answers(finished):
    edit(finished / "config/config.yaml", "leave_out: []", "leave_out: [blind]")
    rules = rules_of(plan(finished))
    assert {"fill_cells", "extract_activations", "intervene", "measure_effects"} <= rules
    assert not rules & {"answer_questions", "prepare_dataset", "plot_accuracy"}


def test_more_draws_of_a_control_rerun_that_control(finished):
    edit(finished / "config/config.yaml", "draws: 20", "draws: 40")
    jobs = plan(finished)
    for rule, wildcards in jobs:
        if rule in ("draw_random", "intervene"):
            assert re.search(r"=random(_of_(lape|planted))?$", wildcards), wildcards
    shown = {"measure_effects", "plot_deactivation", "plot_self_cross", "write_tables"}
    shown |= {"build_report"}
    assert rules_of(jobs) == {"draw_random", "intervene"} | shown


def test_all_four_controls_reuse_the_demo_and_run_no_other_pass_of_the_model(finished):
    jobs = plan(finished, "--configfile", "config/validate.yaml")
    added = r"(random_layer|random_activity|permuted)_of_\w+$"
    for rule, wildcards in jobs:
        if rule in ("draw_random", "select_permuted", "intervene"):
            assert re.search(r"(control|selector)=" + added, wildcards), wildcards
    counts = {rule: sum(r == rule for r, _ in jobs) for rule in rules_of(jobs)}
    models, scorers = 3, 5
    assert counts["draw_random"] == models * (scorers + 1) * 2  # + planted
    assert counts["select_permuted"] == models * scorers
    assert counts["intervene"] == counts["draw_random"] + counts["select_permuted"]
    shown = {"measure_effects", "plot_deactivation", "plot_self_cross", "write_tables"}
    shown |= {"build_report"}
    assert rules_of(jobs) == {"draw_random", "select_permuted", "intervene"} | shown


def test_adding_a_scorer_plans_its_branch_only(finished):
    scorers = finished / "workflow/scripts/culture_neurons/scorers"
    (scorers / "spread.py").write_text(
        '"""A user\'s scorer."""\n\n'
        "from culture_neurons.identify.statistics import Statistics\n\n\n"
        "def spread(statistics: Statistics, *, power: float):\n"
        "    return statistics.mean**power\n"
    )
    edit(
        finished / "config/config.yaml",
        "    - name: cas #",
        "    - {name: spread, options: {power: 2}, pool: per_culture, min_score: null}\n"
        "    - name: cas #",
    )
    jobs = plan(finished)
    for rule, wildcards in jobs:
        if rule in ("score_neurons", "select_neurons", "intervene", "measure_effects"):
            assert re.search(r"(scorer|selector)=spread$", wildcards), (rule, wildcards)
    assert sum(rule == "intervene" for rule, _ in jobs) == 3
    assert rules_of(jobs) <= FIGURES_AND_TABLES | {
        "score_neurons",
        "select_neurons",
        "intervene",
        "measure_effects",
    }


def test_editing_the_engine_reruns_the_model_jobs_but_not_the_training(finished):
    append(finished / "workflow/scripts/culture_neurons/engine/answering.py")
    rules = rules_of(plan(finished))
    assert {"answer_questions", "extract_activations", "intervene"} <= rules
    assert not rules & {"make_demo_dataset", "prepare_dataset"}


def test_the_default_plan_has_every_stage_for_every_model(finished):
    jobs = plan(finished, "--forceall")
    counts = {rule: sum(r == rule for r, _ in jobs) for rule in rules_of(jobs)}
    models, scorers, selectors = 3, 5, 9  # + planted, random, and random of lape and of planted
    assert counts["answer_questions"] == counts["extract_activations"] == models
    assert counts["score_neurons"] == counts["select_neurons"] == models * scorers
    assert counts["intervene"] == models * selectors
    assert counts["measure_effects"] == models * (scorers + 1)
    assert counts["compare_scorers"] == models


def test_the_paper_config_plans_without_torch_or_polars(tmp_path):
    folder = copy_project(tmp_path / "paper")
    jobs = plan(folder, "--configfile", "config/paper.yaml")
    models = {w.split("model=")[1].split(",")[0] for _, w in jobs if "model=" in w}
    assert models == {"qwen2.5-vl-7b", "pangea-7b", "llava-v1.6-mistral-7b"}
    assert not rules_of(jobs) & {"make_demo_dataset", "train_demo_model", "measure_recovery"}
    # An import hook that forbids the numerical libraries while planning.
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "FORBIDDEN = {'torch', 'transformers', 'polars', 'pyarrow', 'scipy'}\n"
        "class Forbid:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in FORBIDDEN:\n"
        "            raise ImportError(f'{name} must not be imported at planning')\n"
        "sys.meta_path.insert(0, Forbid())\n"
    )
    os.environ["PYTHONPATH"] = str(folder)
    try:
        process = run_snakemake(folder, "-n", "--configfile", "config/paper.yaml")
    finally:
        del os.environ["PYTHONPATH"]
    assert process.returncode == 0, process.stderr[-2000:]


def test_a_bad_config_is_one_clear_line_before_any_job(tmp_path):
    folder = copy_project(tmp_path / "bad")
    edit(folder / "config/config.yaml", "  rates: [0.01]", "  rats: [0.01]")
    process = run_snakemake(folder, "--cores", "1")
    assert process.returncode == 1
    assert "config key 'select.rats' is unknown; did you mean 'rates'?" in process.stderr
    assert "Traceback" not in process.stderr
    assert not (folder / "results").exists()


def test_the_first_page_for_users_names_the_first_path_that_is_not_filled_in(tmp_path):
    process = run_snakemake(
        copy_project(tmp_path / "mine"), "--dry-run", "--configfile", "config/my_study.yaml"
    )
    assert process.returncode == 1
    said = process.stdout + process.stderr  # a dry run says it on the first
    lines = [line for line in said.splitlines() if "config key" in line]
    assert len(lines) == 1
    assert lines[0].startswith("config key 'dataset.source' is 'my_data/questions.parquet'; ")
    assert "Traceback" not in said


def test_paths_at_which_there_is_nothing_are_refused_although_all_results_are_there(finished):
    config = finished / "config/config.yaml"
    for key, path in (
        ("dataset.source", "my_data/nothing.parquet"),
        ("models[0].checkpoint", "results/demo/checkpoints/tiny-qwen"),
    ):
        text = config.read_text()
        name = key.rpartition(".")[2]
        config.write_text(re.sub(rf"^( *{name}): \S+", rf"\1: {path}", text, count=1, flags=re.M))
        process = run_snakemake(finished, "--cores", "1")
        assert process.returncode == 1
        assert f"config key '{key}' is '{path}'; expected " in process.stderr
        assert "Traceback" not in process.stderr
        config.write_text(text)
    assert plan(finished) == set()


IMPORTED = """
select:
  imported:
    - {name: published, files: {tiny-pangea: masks.pth}, cultures: [AVL, BOK]}
"""


def test_imported_masks_are_one_more_scorer_of_their_model_alone(finished):
    config = (finished / "config/config.yaml").read_text()
    (finished / "masks.pth").touch()
    (finished / "imported.yaml").write_text(
        config.replace("\nselect:\n", IMPORTED, 1).replace("  imported: []\n", "", 1)
    )
    jobs = plan(finished, "--configfile", "imported.yaml")
    of_masks = {
        "import_masks": ["imported=published"],
        "draw_random": ["control=random_of_published"],
        "intervene": ["selector=published", "selector=random_of_published"],
        "measure_effects": ["scorer=published"],
    }
    for rule, endings in of_masks.items():
        found = sorted(wildcards for name, wildcards in jobs if name == rule)
        assert [wildcards.split(", ")[-1] for wildcards in found] == endings
        assert all(wildcards.startswith("model=tiny-pangea, ") for wildcards in found)
    assert rules_of(jobs) == set(of_masks) | FIGURES_AND_TABLES
