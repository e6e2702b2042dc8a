"""From traffic to a suite on the command line: serve, feedback, logs --bodies, suite from-ledger, eval."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

Project = Any  # of this folder's conftest

SERVED = """
[serve]
port = 0
bodies = "full"
"""


@contextmanager
def served(project: Project) -> Iterator[str]:
    """The URL of a gateway that keeps bodies."""
    config = project.folder / "assay.toml"
    config.write_text(config.read_text().replace("[serve]\nport = 0\n", SERVED))
    process = project.begin("serve", "--json")
    lines = []
    while not lines or lines[-1].rstrip() != "}":
        lines.append(process.stdout.readline())
    yield json.loads("".join(lines))["url"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0, process.stderr.read()


def post(url: str, body: dict[str, Any], **headers: str) -> tuple[str, Any]:
    """The id of a request, and the answer."""
    sent = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, json.dumps(body).encode(), sent)  # noqa: S310 - on this machine
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - likewise
        return answer.headers["x-assay-request-id"] or "", json.load(answer)


def asks(url: str, text: str, **headers: str) -> str:
    """The id of one answered chat."""
    body = {"model": "good", "messages": [{"role": "user", "content": text}]}
    return post(f"{url}/chat/completions", body, x_assay_kind="words", **headers)[0]


def test_traffic_becomes_a_suite_that_runs(project: Project) -> None:
    """Served, said to be right, found in the log, drawn into a suite, graded: 100 % for who gave the answers."""
    with served(project) as url:
        first = asks(url, "Does it rain? Write to ada@mail.example.org, password: hunter2x")
        second = asks(url, "Is the shop open on Monday?", x_assay_label="private-only")
        third = asks(url, "And what about the holidays in May?")
        post(f"{url}/feedback", {"request_id": first, "verdict": "accepted"})
    said = project.inside("feedback", second[:20], "edited", "--correction", "yes", "--metric", "stars=5", "--json")
    assert (said.code, said.json["correction"], said.json["value"]) == (0, "yes", 5.0)

    shown = project.inside("logs", "--bodies", first)
    assert shown.code == 0
    assert "ada@mail.example.org, password: <secret-1>" in shown.out
    assert "yes" in shown.out
    assert "feedback: accepted" in shown.out
    told = project.inside("logs", "--bodies", second, "--json").json
    assert (told["label"], told["kept"], told["feedback"][0]["verdict"]) == ("private-only", "full", "edited")

    made = project.inside("suite", "from-ledger", "--out", "real", "--since", "1d", "--json")
    assert made.code == 0, made.err
    (kind,) = made.json["kinds"]
    assert (kind["kind"], kind["requests"], kind["samples"], kind["waiting"]) == ("words", 3, 2, 1)
    assert made.json["redacted"] == {"email": 1}
    lines = [json.loads(line) for line in (project.folder / "real" / "words.jsonl").read_text().splitlines()]
    assert {line["id"]: line.get("label") for line in lines} == {first: None, second: "private-only"}
    text = project.inside("suite", "from-ledger", "--out", "again", "--since", "1d")
    assert "assay suite review again" in text.out
    assert "1 email" in text.out

    ran = project.inside("eval", "--suite", "real", "-m", "good", "--json")
    assert ran.code == 0, ran.err
    waiting = project.inside("suite", "review", "real", "--list", "--json").json["drafts"]
    assert [draft["id"] for draft in waiting] == [third]
    listed = project.inside("suite", "review", "real", "--list").out
    assert "stratum none text" in listed
    assert "{" not in listed


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("feedback", "f" * 32, "accepted"), "no request has this id"),
        (("feedback", "f" * 32), "a verdict"),
        (("feedback", "f" * 32, "preferred"), "over"),
        (("feedback", "f" * 32, "--metric", "stars"), "NAME=VALUE"),
        (("feedback", "f" * 32, "--metric", "stars=nan"), "NAME=VALUE"),
        (("feedback", "f" * 32, "edited", "--correction", "@no-such-file"), "no-such-file"),
        (("feedback", "f" * 32, "fine"), "accepted"),
        (("suite", "from-ledger", "--out", "x", "--since", "soon"), "neither a span"),
        (("suite", "from-ledger", "--out", "suite"), "content"),
        (("suite", "from-ledger", "--out", "x"), 'bodies = "full"'),
        (("suite", "from-ledger", "--out", "x", "--by", "mood"), "mood"),
    ],
)
def test_mistakes_are_told(project: Project, arguments: tuple[str, ...], told: str) -> None:
    """Exit code 2 with what is wrong and what to do; nothing is written."""
    ended = project.inside(*arguments)
    assert ended.code == 2, (ended.out, ended.err)
    assert told in ended.err
    assert not (project.folder / "x").exists()


def test_a_body_that_is_not_kept_is_told(project: Project) -> None:
    """`logs --bodies` says what keeps bodies."""
    ended = project.inside("logs", "--bodies", "f" * 32)
    assert ended.code == 3
    assert 'bodies = "full"' in ended.err
