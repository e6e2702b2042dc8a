"""`assay rollout`, `assay ab` and `assay pairs`, beside a gateway that runs as a process of its own."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

Project = Any  # of this folder's conftest

ROUTE = """
[routes.desk]
candidates = ["good", "bad"]
policy = { kind = "split", weights = { good = 1, bad = 0 }, on_failure = "next" }
"""
QUICK = ("--stages", "50,100", "--min-requests", "10", "--max-error-rise", "0.4")


@pytest.fixture
def desk(project: Project) -> Project:
    """A project with a route that a rollout can be of, and bodies that are kept."""
    config = project.folder / "assay.toml"
    config.write_text(
        config.read_text().replace("\n[serve]\nport = 0\n", '\n[serve]\nport = 0\nbodies = "full"\n') + ROUTE
    )
    return project


@contextmanager
def served(project: Project) -> Iterator[str]:
    """The URL of the gateway."""
    process = project.begin("serve", "--json")
    lines: list[str] = []
    while not lines or lines[-1].rstrip() != "}":
        lines.append(process.stdout.readline())
    yield json.loads("".join(lines))["url"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0, process.stderr.read()


def post(url: str, path: str, body: dict[str, Any], **headers: str) -> tuple[int, str]:
    """Status and request id."""
    sent = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"{url}{path}", json.dumps(body).encode(), sent)  # noqa: S310 - on this machine
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - likewise
        return answer.status, answer.headers.get("x-assay-request-id", "")


def ask(url: str, number: int) -> str:
    """A chat of a session of its own; its id."""
    body = {"model": "desk", "messages": [{"role": "user", "content": f"word {number}"}]}
    return post(url, "/chat/completions", body, x_assay_session=f"s{number}")[1]


def test_a_bad_arm_is_taken_back_while_nobody_looks(desk: Project) -> None:
    """A rollout that begins beside the gateway is taken up, and sent back by it; status and exit codes tell."""
    desk.script("bad", {"match": ".", "error": "Overloaded"})
    with served(desk) as url:
        ask(url, 0)
        begun = desk.inside("rollout", "start", "desk", "--from", "good", "--to", "bad", *QUICK)
        assert begun.code == 0, begun.err
        assert begun.out.startswith("desk: running; bad gets 50 % of the sessions, good the rest")
        again = desk.inside("rollout", "start", "desk", "--from", "good", "--to", "bad", *QUICK)
        assert (again.code, "assay rollout abort desk" in again.err) == (4, True)
        for number in range(1, 3000):
            ask(url, number)
            if number % 100 == 0 and desk.inside("rollout", "status", "desk").code == 1:
                break
    status = desk.inside("rollout", "status", "desk", "--json")
    (told,) = status.json
    assert (status.code, told["state"], told["share"]) == (1, "rolled-back", 0.0)
    assert [move["move"] for move in told["moves"]] == ["start", "roll-back"]
    assert told["moves"][1]["who"].startswith("gateway ")
    assert told["moves"][1]["evidence"]["findings"][0]["verdict"] == "harm"
    report = desk.inside("ab", "report", "desk", "--metric", "failed")
    assert report.code == 1, report.out
    assert report.out.startswith("desk: LOSER. Worse than the baseline in failed: bad.")
    assert "answered by another arm" in report.out


def test_what_people_say_is_read_out_and_exported(desk: Project) -> None:
    """Feedback decides an A/B; corrections become pairs, split by their prompts, and are not written over."""
    config = desk.folder / "assay.toml"
    config.write_text(config.read_text().replace("bad = 0", "bad = 1"))
    with served(desk) as url:
        for number in range(60):
            request_id = ask(url, number)
            row = {"request_id": request_id, "verdict": "edited", "correction": f"Better {number}."}
            post(url, "/feedback", row)
    report = desk.inside("ab", "report", "desk")
    assert (report.code, report.out[:18]) == (4, "desk: CANNOT TELL.")
    assert desk.inside("ab", "report", "desk", "--json").json["measure"] == "accepted"
    page = desk.inside("ab", "report", "desk", "--html", "desk.html")
    assert (page.code, page.err) == (4, "  written: desk.html\n")
    assert "CANNOT TELL" in (desk.folder / "desk.html").read_text("utf-8")
    measured = desk.inside("ab", "report", "desk", "--metric", "-minutes")
    assert "nothing is known of minutes" in measured.out.lower()
    found = desk.inside("pairs", "export", "desk", "-o", "pairs.jsonl", "--json")
    assert found.code == 0, found.err
    assert found.json["sources"] == {"edited": 60}
    assert "warning: answers of good: " in found.err
    train, heldout = ((desk.folder / name).read_text().splitlines() for name in ("pairs.jsonl", "pairs.heldout.jsonl"))
    assert len(train) + len(heldout) == 60
    assert len(heldout) > 2
    assert json.loads(train[0])["chosen"][0]["content"].startswith("Better ")
    again = desk.inside("pairs", "export", "desk", "-o", "pairs.jsonl")
    assert (again.code, "--force writes over it" in again.err) == (2, True)
    none = desk.inside("pairs", "export", "desk", "-o", "none.jsonl", "--kind", "other")
    assert (none.code, none.out[:9]) == (4, "no pairs:")
    forced = desk.inside("pairs", "export", "desk", "-o", "pairs.jsonl", "--kind", "other", "--force", "--json")
    assert (forced.code, forced.json["files"]) == (4, {})
    assert not list(desk.folder.glob("none*"))
    assert (desk.folder / "pairs.jsonl").read_text().splitlines() == train  # none is no reason to lose those


def test_what_a_person_does(desk: Project) -> None:
    """Pause, resume, abort, end: each says what counts now; what is not possible is said, too."""
    assert desk.inside("rollout", "status").out == "no rollout was begun\n"
    started = desk.inside("rollout", "start", "desk", "--from", "good", "--to", "bad", "--hold", "1h", "--json")
    assert started.json["plan"]["stages"] == [0.01, 0.05, 0.25, 0.5, 1.0]
    assert started.json["plan"]["hold_s"] == 3600.0
    assert "state" in started.json
    status = desk.inside("rollout", "status", "desk")
    assert status.code == 4
    assert "waiting for: 100 more requests of the new arm; 3600 s" in status.out
    assert "failed: 5 points higher" in status.out
    config = desk.folder / "assay.toml"
    text = config.read_text()
    assert "counts for nothing" not in status.out
    split = 'kind = "split", weights = { good = 1, bad = 0 }, on_failure = "next"'
    config.write_text(text.replace(split, 'kind = "fallback"'))
    assert "It counts for nothing: assay.toml has no split 'desk'" in desk.inside("rollout", "status", "desk").out
    config.write_text(text)
    assert desk.inside("rollout", "pause", "desk").out.startswith("desk: paused")
    assert desk.inside("rollout", "resume", "desk").out.startswith("desk: running")
    assert desk.inside("rollout", "abort", "desk").out.startswith("desk: aborted; bad gets 0 % of the sessions")
    assert desk.inside("rollout", "status", "desk").code == 1
    assert desk.inside("rollout", "end", "desk").out.startswith("desk: ended")
    refused = desk.inside("rollout", "pause", "desk")
    assert (refused.code, "is ended" in refused.err) == (4, True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("rollout", "start", "desk", "--from", "good", "--to", "bad", "--stages", "5,1,100"), 2, "stages rise"),
        (("rollout", "start", "desk", "--from", "good", "--to", "bad", "--stages", "5,50"), 2, "(100), not 5,50"),
        (("rollout", "start", "desk", "--from", "good", "--to", "bad", "--stages", "0,200"), 2, "above 0, up to 100"),
        (("rollout", "start", "desk", "--from", "good", "--to", "bad", "--stages", "many"), 2, "list of percentages"),
        (("rollout", "start", "desk", "--from", "good", "--to", "bad", "--hold", "soon"), 2, "no span of time"),
        (("rollout", "start", "words", "--from", "good", "--to", "bad"), 2, "there is no route"),
        (("rollout", "start", "desk", "--from", "good", "--to", "better"), 2, "no split between good and better"),
        (("rollout", "start", "desk", "--from", "good", "--to", "good"), 2, "and both are good"),
        (("rollout", "abort", "desk"), 4, "no rollout of 'desk' was begun, nor of any other route"),
        (("rollout", "status", "desc"), 2, "nothing is called 'desc'; did you mean 'desk'?"),
        (("rollout", "pause", "desc"), 2, "nothing is called 'desc'; did you mean 'desk'?"),
        (("rollot", "status"), 2, "No such command 'rollot'. Did you mean 'rollout'?"),
        (("rollout", "stat"), 2, "No such command 'stat'."),
        (("ab", "report", "desk"), 4, "no request to 'desk' was dealt"),
        (("ab", "report", "desc"), 2, "nothing is called 'desc'; did you mean 'desk'?"),
        (("pairs", "export", "-o", "nowhere/pairs.jsonl"), 2, "folder is not there"),
        (("pairs", "export", "desc", "-o", "pairs.jsonl"), 2, "did you mean 'desk'?"),
    ],
)
def test_what_cannot_be_done_is_told(desk: Project, arguments: tuple[str, ...], code: int, said: str) -> None:
    """Bad values, unknown names and missing evidence, each with its exit code; no file is written."""
    ended = desk.inside(*arguments)
    assert (ended.code, said in ended.err) == (code, True), ended.err
    assert not list(desk.folder.glob("*.jsonl"))
