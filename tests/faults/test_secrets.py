"""A Hub token is used and never written down, even where the Hub's own answer quotes it."""

import json

import pytest
import yaml
from small_study import RUN, fail
from stand_in_hub import serve_hub

TOKEN = "hf_" + "OnlyForThisTestAndNothingElse12345"


@pytest.fixture
def hub():
    """A Hub that refuses everything and quotes the request's token in its answer."""
    seen = []

    def refuse(path, authorization):
        seen.append(authorization)
        answer = f"{authorization} may not read {path}"
        return 403, json.dumps({"error": answer}).encode(), {"X-Error-Message": answer}

    with serve_hub(refuse) as address:
        yield address, seen


def test_a_token_stands_in_no_log_and_no_result(study, hub, monkeypatch, tmp_path):
    address, seen = hub
    path = study / "tests/configs/one_model.yaml"
    config = yaml.safe_load(path.read_text())
    config["models"][0]["checkpoint"] = "owner/private"
    path.write_text(yaml.safe_dump(config))
    for name, value in (
        ("HF_TOKEN", TOKEN),
        ("HF_ENDPOINT", address),
        ("HF_HOME", str(tmp_path / "cache")),
        ("HF_HUB_OFFLINE", "0"),
    ):
        monkeypatch.setenv(name, value)
    said = fail(study, "results/answers/tiny-llava.parquet", *RUN)
    assert any(TOKEN in header for header in seen)  # it was used
    log = (study / "results/logs/answer_questions/tiny-llava.log").read_text()
    assert "checkpoint 'owner/private': there is no such file or folder here" in log
    assert "hf_***" in log  # the Hub's answer, which quoted it, is there without it
    assert TOKEN not in said
    for path in study.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path
