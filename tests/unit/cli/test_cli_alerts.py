"""`assay alerts`: a webhook on this machine."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

Project = Any  # of this folder's conftest


class Hook(ThreadingHTTPServer):
    """A webhook; `status` is what it answers, `got` what came."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}/s3cret"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        hook: Any = self.server
        hook.got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(hook.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    """A webhook that the project tells."""
    with Hook() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        monkeypatch.setenv("ASSAY_TEST_HOOK", made.url)
        with (project.folder / "assay.toml").open("a") as file:
            file.write('\n[alerts]\nurl_env = "ASSAY_TEST_HOOK"\n')
        yield made
        made.shutdown()
        thread.join()


def add_alarm(project: Project) -> None:
    """`assay watch` has found something."""
    project.inside("alerts", "list")  # makes the ledger
    with closing(sqlite3.connect(project.folder / "assay.db")) as connection, connection:
        connection.execute(
            "insert into alarms (id, created_at, target, watch, what, since, body) values ('a1', ?, 'good', 'w', "
            "'canary', null, x'7b7d')",
            (time.time(),),
        )


def test_a_test_arrives(project: Project, hook: Hook) -> None:
    """One alert is sent that says what it is; where it is not taken that is exit code 3, without the address."""
    ended = project.inside("alerts", "test")
    assert (ended.code, ended.out) == (0, "told: the webhook has taken it\n")
    assert hook.got[0]["text"] == "assay: a test; the webhook works"
    hook.status = 500
    ended = project.inside("alerts", "test")
    assert (ended.code, ended.out) == (3, "127.0.0.1 answered 500\n")


def test_the_doctor_knows_the_host(project: Project, hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where alerts go is told by the host alone; an empty variable is a finding."""
    findings = {one["what"]: one for one in project.inside("doctor", "--json").json}
    assert findings["alerts"] == {"what": "alerts", "ok": True, "found": "told to 127.0.0.1"}
    monkeypatch.setenv("ASSAY_TEST_HOOK", "")
    findings = {one["what"]: one for one in project.inside("doctor", "--json").json}
    assert not findings["alerts"]["ok"]


def test_without_a_webhook_there_is_nothing_to_test(project: Project) -> None:
    """It is said how one is named."""
    ended = project.inside("alerts", "test")
    assert ended.code == 2
    assert "alerts.url_env" in ended.err


def test_what_is_new_is_sent_once(project: Project, hook: Hook) -> None:
    """A look without a gateway tells an alarm; the next has nothing to tell, and the list knows."""
    add_alarm(project)
    assert project.inside("alerts", "send").out == "1 new; 1 told, 0 could not be told\n"
    assert project.inside("alerts", "send").out == "0 new; 0 told, 0 could not be told\n"
    assert hook.got[0]["alert"]["what"] == "drift"
    [row] = project.inside("alerts", "list", "--json").json
    assert (row["state"], row["tries"], row["alert"]["target"]) == ("told", 1, "good")
    assert "good answers differently" in project.inside("alerts", "list").out


def test_what_was_not_taken_is_left(project: Project, hook: Hook) -> None:
    """Exit code 3 for cron, and the reason in the list, without the rest of the address."""
    add_alarm(project)
    hook.status = 503
    ended = project.inside("alerts", "send")
    assert (ended.code, ended.out) == (3, "1 new; 0 told, 1 could not be told\n")
    listed = project.inside("alerts", "list").out
    assert "waiting, 1 try: 127.0.0.1 answered 503" in listed
    assert "s3cret" not in listed


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('url = "ftp://x"', "url"),
        ('url = "https://x.example/"\nurl_env = "X"', "keep one"),
        ("budget_shares = [1.5]", "budget_shares"),
        ("budget_share = [0.5]", "budget_shares"),
    ],
)
def test_a_wrong_table_is_told(project: Project, table: str, said: str) -> None:
    """Keys and values that cannot be are errors of the configuration."""
    with (project.folder / "assay.toml").open("a") as file:
        file.write(f"\n[alerts]\n{table}\n")
    ended = project.inside("alerts", "list")
    assert ended.code == 2
    assert said in ended.err
