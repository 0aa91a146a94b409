"""A study of several hookpoints: an edit of one reruns its branch alone, and no answer."""

import re
import shutil
from pathlib import Path

import pytest
from dry_runs import edit, plan, rules_of, touch_results

HOOKPOINTS = "hookpoints: [mlp.gate_act, attn.out, vision.mlp]"


@pytest.fixture(scope="module")
def several_once(finished_once, tmp_path_factory):
    """The finished demo with two more hookpoints, by touching made-up outputs."""
    folder = tmp_path_factory.mktemp("several") / "study"
    shutil.copytree(finished_once, folder)
    edit(folder, "hookpoints: [mlp.gate_act]", HOOKPOINTS)
    jobs = plan(folder)
    touch_results(folder)
    return folder, jobs


@pytest.fixture
def several(several_once, tmp_path):
    return Path(shutil.copytree(several_once[0], tmp_path / "my study"))


def test_another_hookpoint_asks_nothing_again_of_the_unmodified_model(several_once):
    _, jobs = several_once
    assert not {"answer_questions", "fill_cells", "train_demo_model"} & rules_of(jobs)
    extracted = [wildcards for rule, wildcards in jobs if rule == "extract_activations"]
    assert len(extracted) == 3 * 2  # models, new hookpoints
    assert {"plot_components", "plot_depth", "write_tables"} <= rules_of(jobs)


@pytest.mark.parametrize("hookpoint", ["attn.out", "vision.mlp"])
def test_editing_a_hookpoint_reruns_its_branch_alone(several, hookpoint):
    name = hookpoint.replace(".", "_")
    path = several / f"workflow/scripts/culture_neurons/hookpoints/{name}.py"
    path.write_text(path.read_text() + "# an edit\n")
    jobs = plan(several)
    assert {"extract_activations", "merge_statistics", "intervene"} <= rules_of(jobs)
    for rule, wildcards in jobs:
        if found := re.search(r"hookpoint=([\w.]+)", wildcards):
            assert found.group(1) == hookpoint, (rule, wildcards)
    whole = {rule for rule, wildcards in jobs if "hookpoint=" not in wildcards}
    assert whole == {"plot_components", "plot_depth", "write_tables", "build_report"}
