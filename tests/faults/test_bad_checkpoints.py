"""Checkpoints that cannot be used: refused in the job's log and on the terminal, nothing run."""

import json
import pickle
import shutil
from collections import Counter

import pytest
import yaml
from dry_runs import run_snakemake
from safetensors.torch import load_file, save_file
from tiny_models import PICTURES, make_checkpoint, make_questions

from culture_neurons.engine.batches import TokenBudget
from culture_neurons.engine.feeding import Feed
from culture_neurons.engine.recording import ActivationError, capture_cells
from culture_neurons.hooks.hookpoints import find_layers
from culture_neurons.model.prompts import SCOPES

GOOD = "results/demo/checkpoints/tiny-llava-v1.6-mistral"
RAN = "print(open('foreign-code-ran', 'w'))"  # what the bad checkpoints would do if they could


class Malicious:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return exec, (RAN,)


def pickle_weights(folder):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Malicious()))


def change_json(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def bring_model_code(folder):
    (folder / "own.py").write_text(f"{RAN}\nclass OwnConfig: pass\nclass OwnModel: pass\n")
    code = {"AutoConfig": "own.OwnConfig", "AutoModelForImageTextToText": "own.OwnModel"}
    change_json(folder / "config.json", model_type="own", auto_map=code)


def bring_processor_code(folder):
    (folder / "own.py").write_text(f"{RAN}\nclass OwnProcessor: pass\n")
    change_json(
        folder / "processor_config.json",
        processor_class="OwnProcessor",
        auto_map={"AutoProcessor": "own.OwnProcessor"},
    )


def split_letters(folder):
    """Take the letter B from the vocabulary, as where letters are made of several tokens."""
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["no letter"] = vocabulary.pop("B")
    path.write_text(json.dumps(tokenizer))


def spoil_weights(folder):
    weights = load_file(folder / "model.safetensors")
    name = next(n for n in weights if n.endswith("layers.1.mlp.gate_proj.weight"))
    weights[name][3] = float("nan")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


# Name -> what is done to a good checkpoint, and what the user then reads.
BAD = {
    "pickled-weights": (
        pickle_weights,
        ["bad/pickled-weights: no *.safetensors", "expected a transformers checkpoint in safete"],
    ),
    "model-code": (
        bring_model_code,
        ["bad/model-code: its model or processor is Python code", "never run", "choose a check"],
    ),
    "processor-code": (
        bring_processor_code,
        ["bad/processor-code: its model or processor is Python code", "never run", "choose a ch"],
    ),
    "split-letters": (
        split_letters,
        ["tokenizer bad/split-letters: letter 'B' is not a single token", "choose a checkpoint"],
    ),
    "nan-weights": (
        spoil_weights,
        ["checkpoint bad/nan-weights: question ", "logits are NaN or infinite", "try bfloat16"],
    ),
}


@pytest.fixture(scope="module")
def refused(finished_study, tmp_path_factory):
    """Ask every bad checkpoint the study's questions; the folder and what the terminal showed."""
    folder = tmp_path_factory.mktemp("bad") / "a study"
    shutil.copytree(finished_study, folder)
    config = yaml.safe_load((folder / "tests/configs/one_model.yaml").read_text())
    config["models"], config["select"]["imported"] = [], []
    for name, (spoil, _) in BAD.items():
        shutil.copytree(folder / GOOD, folder / "bad" / name)
        spoil(folder / "bad" / name)
        config["models"].append({"name": name, "checkpoint": f"bad/{name}", "dtype": "float32"})
    (folder / "bad.yaml").write_text(yaml.safe_dump(config))
    targets = [f"results/answers/{name}.parquet" for name in BAD]
    done = run_snakemake(
        folder, *targets, "--keep-going", "--cores", "all", "--configfile", "bad.yaml"
    )
    assert done.returncode == 1
    return folder, done.stdout + done.stderr


@pytest.mark.parametrize("name", BAD)
def test_a_bad_checkpoint_is_refused_with_what_to_do(refused, name):
    folder, said = refused
    log = (folder / f"results/logs/answer_questions/{name}.log").read_text()
    for part in BAD[name][1]:
        assert part in log
        assert part in said
    assert not (folder / f"results/answers/{name}.parquet").exists()


def test_no_code_of_a_checkpoint_is_run_and_no_pickle_is_opened(refused, monkeypatch):
    folder, _ = refused
    assert not list(folder.rglob("foreign-code-ran"))
    monkeypatch.chdir(folder)
    pickle.loads((folder / "bad/pickled-weights/pytorch_model.bin").read_bytes())
    assert list(folder.rglob("foreign-code-ran"))  # so it would have shown


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_bad_activations_are_named_by_model_layer_and_question(value):
    checkpoint = make_checkpoint("tiny-pangea")
    checkpoint.model.name_or_path = "some/checkpoint"
    layers = find_layers(checkpoint.model, "mlp.gate_act")
    questions = make_questions(8)
    asked = Counter(word for question in questions for word in question.options)
    odd = next(q for q in questions[::-1] if any(asked[word] == 1 for word in q.options))
    word = next(word for word in odd.options if asked[word] == 1)
    token = checkpoint.processor.tokenizer.convert_tokens_to_ids(word)
    running = {}

    def notice(_module, _arguments, named):
        running["rows"] = (named["input_ids"] == token).any(1)

    def spoil(_module, _inputs, output):
        output[running["rows"], 0, 0] = value

    checkpoint.model.register_forward_pre_hook(notice, with_kwargs=True)
    layers.modules[2].register_forward_hook(spoil)
    feed = Feed(questions, PICTURES, TokenBudget(10_000))
    with pytest.raises(ActivationError) as caught:
        list(capture_cells(checkpoint, feed, layers, {"all": SCOPES}))
    message = str(caught.value)
    assert "checkpoint some/checkpoint: " in message
    assert f"question {odd.question_id} " in message
    assert "layers [2" in message
    assert "set the model's `dtype`" in message
