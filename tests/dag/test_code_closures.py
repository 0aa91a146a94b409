"""Which modules the workflow's own jobs depend on: an edit of any of them repeats the job."""

from pathlib import Path

import pytest

from planning.code_inputs import find_code_inputs

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow/scripts"
MODEL_CODE = {
    "__init__",
    "dataset/__init__",
    "engine/__init__",
    "hooks/__init__",
    "model/__init__",
    "storage/__init__",
    "engine/batches",
    "model/checkpoints",
    "model/cpu_inference",
    "model/devices",
    "dataset/prepared",
    "engine/feeding",
    "engine/whole_prompts",
    "hooks/hookpoints",
    "storage/hub",
    "hooks/interventions",
    "logs",
    "dataset/pictures",
    "model/processors",
    "model/prompts",
    "storage/tables",
    "storage/writing",
}
ANSWER_CODE = MODEL_CODE | {
    "engine/answering",
    "engine/responses",
    "engine/shortcuts",
    "engine/shared_prefix",
}


def closure(script, *modules):
    """Modules of a script's closure on the real tree, without the script."""
    paths = {Path(path).resolve() for path in find_code_inputs(script, *modules)}
    package = SCRIPTS / "culture_neurons"
    inside = {path for path in paths if path.is_relative_to(package)}
    assert paths - inside == {SCRIPTS / f"{script}.py"}
    return {str(path.relative_to(package).with_suffix("")) for path in inside}


@pytest.mark.parametrize(
    ("script", "modules"),
    [
        ("answer_questions", ANSWER_CODE | {"dataset/assignment", "engine/greedy_check"}),
        ("extract_activations", MODEL_CODE | {"engine/recording", "hooks/capture"}),
        ("intervene", ANSWER_CODE | {"dataset/assignment", "dataset/folds"}),
    ],
)
def test_the_model_jobs_depend_on_these_modules_alone(script, modules):
    """Whoever adds a module here makes every edit of it repeat hours of work on a GPU."""
    assert closure(script) == modules


@pytest.mark.parametrize("script", ["answer_questions", "extract_activations", "intervene"])
def test_no_scorer_figure_effect_or_selection_reruns_a_model_job(script):
    light = ("identify", "scorers", "evaluate", "sensitivity", "report", "plots", "validation")
    assert not [name for name in closure(script) if name.startswith(light)]


def test_one_scorer_s_branch_holds_no_other_scorer():
    found = closure("score_neurons", "culture_neurons.scorers.lap")
    assert {name for name in found if name.startswith("scorers/")} == {
        "scorers/__init__",
        "scorers/lap",
    }
