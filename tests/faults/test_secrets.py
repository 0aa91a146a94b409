"""A Hub token is used and never written down, even where the Hub's own answer quotes it."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml
from small_study import RUN, fail

TOKEN = "hf_" + "OnlyForThisTestAndNothingElse12345"


@pytest.fixture
def hub():
    """A Hub that refuses everything and quotes the request's token in its answer."""
    seen = []

    class Refuse(BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802 - the base class's name
            seen.append(self.headers.get("Authorization", ""))
            answer = f"{seen[-1]} may not read {self.path}"
            body = json.dumps({"error": answer}).encode()
            self.send_response(403)
            self.send_header("X-Error-Message", answer)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Refuse)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()


def test_a_token_stands_in_no_log_and_no_result(study, hub, monkeypatch, tmp_path):
    address, seen = hub
    config = yaml.safe_load((study / "tests/configs/one_model.yaml").read_text())
    config["models"][0]["checkpoint"] = "owner/private"
    (study / "private.yaml").write_text(yaml.safe_dump(config))
    for name, value in (
        ("HF_TOKEN", TOKEN),
        ("HF_ENDPOINT", address),
        ("HF_HOME", str(tmp_path / "cache")),
        ("HF_HUB_OFFLINE", "0"),
    ):
        monkeypatch.setenv(name, value)
    said = fail(study, "results/answers/tiny-llava.parquet", *RUN[:-1], "private.yaml")
    assert any(TOKEN in header for header in seen)  # it was used
    log = (study / "results/logs/answer_questions/tiny-llava.log").read_text()
    assert "checkpoint 'owner/private': there is no such file or folder here" in log
    assert "hf_***" in log  # the Hub's answer, which quoted it, is there without it
    assert TOKEN not in said
    for path in study.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path
