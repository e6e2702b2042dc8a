"""`assay call`: every form of one request, sent or only shown, and never a key."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

Project = Any  # of this folder's conftest
KEY = "sk-not-to-be-seen-9f2"
REQUEST = '{"model": "hosted",  "messages": [{"role": "user", "content": "hi"}]}'
KEYS = ["dialect", "target", "request", "previews", "attempts", "answer", "client_answer", "call", "error"]


class Echo(BaseHTTPRequestHandler):
    """A host that answers a chat, or refuses the key and repeats it."""

    refuse: ClassVar[bool] = False

    def do_POST(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers["content-length"]))
        message = {"role": "assistant", "content": f"you sent {self.headers['authorization']}"}
        body: dict[str, Any] = {
            "id": "up-1", "object": "chat.completion", "created": 1, "model": "up", "own": "field",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        }  # fmt: skip
        if self.refuse:
            body = {"error": {"message": f"wrong key {self.headers['authorization']}", "type": "auth", "code": "bad"}}
        data = json.dumps(body).encode()
        self.send_response(401 if self.refuse else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *words: object) -> None:
        """Nothing."""


@pytest.fixture
def hosted(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Echo]]:
    """The project with a deployment `hosted`, whose host repeats the key; and its handler."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with (project.folder / "assay.toml").open("a") as file:
        file.write(
            f'[deployments.hosted]\nmodel = "x/hosted"\ndialect = "openai"\nretries = 0\n'
            f'base_url = "http://127.0.0.1:{server.server_port}/v1"\napi_key_env = "ASSAY_TEST_KEY"\n'
        )
    monkeypatch.setenv("ASSAY_TEST_KEY", KEY)
    (project.folder / "request.json").write_text(REQUEST)
    yield Echo
    Echo.refuse = False
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_form_is_shown(project: Project, hosted: type[Echo]) -> None:
    """Normalised, as sent, as received, and as a client gets it; the client's own bytes pass; the key is masked."""
    ended = project.inside("call", "request.json", "--json")
    assert ended.code == 0, ended.err
    found = ended.json
    assert list(found) == KEYS
    assert found["request"]["messages"][0]["parts"] == [{"type": "text", "text": "hi"}]
    (attempt,) = found["attempts"]
    assert attempt["passed_through"]
    assert attempt["url"].endswith("/v1/chat/completions")
    assert attempt["sent"]["model"] == "hosted"
    assert attempt["received"]["own"] == "field"
    assert found["client_answer"] == attempt["received"]
    assert found["answer"]["parts"][0]["text"] == "you sent Bearer [secret]"
    assert found["call"]["usd"] is None
    text = project.inside("call", "request.json")
    assert text.code == 0
    for title in (
        "== request for hosted, read as openai", "== attempt 0: sent to hosted at http", "the client's own bytes",
        "== attempt 0: received from hosted", "== answer", "== answer as a client of openai gets it",
    ):  # fmt: skip
        assert title in text.out
    assert KEY not in ended.out + ended.err + text.out + text.err


def test_an_error_is_shown_with_what_was_received(project: Project, hosted: type[Echo]) -> None:
    """Exit code 3; the host's own words are there, without the key that they repeat."""
    hosted.refuse = True
    ended = project.inside("call", "request.json", "--json")
    assert ended.code == 3
    assert ended.json["answer"] is None
    assert ended.json["error"].startswith("AuthFailed")
    assert ended.json["attempts"][0]["received"]["error"]["message"] == "wrong key Bearer [secret]"
    text = project.inside("call", "request.json")
    assert (text.code, "== attempt 0 failed: AuthFailed" in text.out) == (3, True)
    assert KEY not in ended.out + ended.err + text.out + text.err


def test_a_dry_run_sends_nothing(project: Project, hosted: type[Echo]) -> None:
    """Each candidate's form is shown, no attempt is on record; what may go nowhere is exit code 1."""
    ended = project.inside("call", "request.json", "-m", "both", "-k", "words", "--dry-run", "--json")
    assert ended.code == 0, ended.err
    assert [one["deployment"] for one in ended.json["previews"]] == ["bad", "good"]
    assert ended.json["previews"][1]["body"]["messages"][0]["role"] == "system"
    assert (ended.json["attempts"], ended.json["call"]) == ([], None)
    text = project.inside("call", "request.json", "--dry-run")
    assert "== would be sent to hosted at http" in text.out
    private = project.inside("call", "request.json", "--dry-run", "--label", "private-only")
    assert private.code == 1
    assert "== nothing would be sent to hosted: " in private.out
    assert project.inside("logs", "--json").json["attempts"] == []


def test_a_completion_from_standard_input_streamed(project: Project) -> None:
    """The format is found; a stream is answered as events, as a client would get them."""
    process = project.begin("call", "-", "--json", stdin=subprocess.PIPE)
    out, err = process.communicate('{"model": "bad", "prompt": "Once", "stream": true}', timeout=30)
    assert process.returncode == 0, err
    found = json.loads(out)
    assert (found["dialect"], found["answer"]["parts"][0]["text"]) == ("completions", "no")
    assert found["client_answer"].startswith("data: {")
    assert found["client_answer"].endswith("data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("body", "words", "said"),
    [
        ("no json", (), "the body is not JSON"),
        (
            '{"model": "good"}',
            (),
            "completions: prompt is missing; embeddings: input is missing; openai: messages is missing",
        ),
        ('{"model": "god", "prompt": "x"}', (), "--model names another"),
        ('{"prompt": "x"}', (), "give --model, one of bad, both, good"),
        ('{"prompt": "x"}', ("-m", "good", "--dialect", "openia"), "did you mean 'openai'?"),
        ('{"prompt": "x", "max_tokens": "9"}', ("-m", "good", "--dialect", "completions"), "max_tokens must be"),
        (None, (), "cannot read request.json"),
    ],
)
def test_what_is_wrong_is_said(project: Project, body: str | None, words: tuple[str, ...], said: str) -> None:
    """Exit code 2, a message that names the field or the value, nothing on standard output."""
    if body is not None:
        (project.folder / "request.json").write_text(body)
    ended = project.inside("call", "request.json", *words)
    assert (ended.code, ended.out) == (2, ""), ended.err
    assert said in ended.err
    assert "Traceback" not in ended.err
