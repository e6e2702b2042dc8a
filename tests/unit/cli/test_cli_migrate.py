"""`assay migrate` on the command line: a verdict, a canary served by the gateway, how it goes, and back."""

from __future__ import annotations

import json
import signal
import sqlite3
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

Project = Any  # of this folder's conftest

BOTH = '[routes.both]\ncandidates = ["bad", "good"]\n'
MORE = """
[routes.desk]
candidates = ["good"]
policy = { kind = "fallback" }

[serve]
port = 0
bodies = "full"
"""


@pytest.fixture
def desk(project: Project) -> Project:
    """A project with a route that clients call, and a suite that can tell."""
    config = project.folder / "assay.toml"
    config.write_text(config.read_text().replace(BOTH, "").replace("\n[serve]\nport = 0\n", MORE))
    for kind in ("words", "names"):
        lines = [{"id": f"{kind}{n}", "input": f"{kind} {n}.", "target": "yes"} for n in range(60)]
        (project.folder / "suite" / f"{kind}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
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


def ask(url: str, text: str, **headers: str) -> dict[str, Any]:
    """An answered chat of the route."""
    sent = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"model": "desk", "messages": [{"role": "user", "content": text}]}
    request = urllib.request.Request(f"{url}/chat/completions", json.dumps(body).encode(), sent)  # noqa: S310 - on this machine
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - likewise
        return dict(json.load(answer), id=answer.headers["x-assay-request-id"])


def test_from_verdict_to_canary_and_back(desk: Project) -> None:
    """Go, written, served to the sessions of both arms, looked at, and back to the very bytes."""
    before = (desk.folder / "assay.toml").read_bytes()
    (desk.folder / "bad.json").write_text(json.dumps({"default": "yes"}))
    found = desk.inside("migrate", "good", "bad", "--margin", "0.1", "--write", "assay.toml", "--canary", "0.5")
    assert found.code == 0, found.err
    assert found.out.startswith("good -> bad: GO: 2 of 2 kinds may move.")
    assert "next: assay serve -c assay.toml; assay migrate --status desk" in found.err
    assert "assay migrate good bad --margin 0.1 --write assay.toml --canary 1, once that says proceed" in found.err
    assert "were compared" not in found.err

    with served(desk) as url:
        for number in range(40):
            assert ask(url, f"word {number}", x_assay_session=f"s{number}")["choices"]
    status = desk.inside("migrate", "--status", "desk", "--json")
    old, new = status.json["old"], status.json["new"]
    assert (old["name"], new["name"], old["requests"] + new["requests"]) == ("good", "bad", 40)
    assert min(old["requests"], new["requests"]) > 8
    assert (status.json["advice"], status.code) == ("hold", 4)
    assert new["p95_s"] > 0
    wide = desk.inside("migrate", "--status", "desk", "--margin", "0.45")
    assert (wide.code, wide.out.partition(".")[0]) == (0, "desk: PROCEED")

    back = desk.inside("migrate", "--back", "assay.toml")
    assert back.code == 0
    assert (desk.folder / "assay.toml").read_bytes() == before


def test_a_page_of_the_verdict(desk: Project) -> None:
    """--html writes a page with the evidence of each kind, the next stages as they must be said, and the way back."""
    found = desk.inside("migrate", "good", "bad", "-k", "words", "--margin", "0.2", "--html", "move.html")
    assert found.code == 1, found.err
    assert "written: move.html" in found.err
    page = (desk.folder / "move.html").read_text()
    assert "<h1>good to bad: NO-GO: words may not move</h1>" in page
    assert "assay migrate good bad -k words --margin 0.2 --write assay.toml --canary 0.05" in page
    assert "assay migrate --back assay.toml" in page
    assert page.count("<svg") == 4


def test_an_arm_that_fails_is_rescued_and_told(desk: Project) -> None:
    """Clients of the failing arm are answered by the other; the status counts it as failed and says to go back."""
    rules = [{"match": "^word ", "error": "Overloaded"}]
    (desk.folder / "bad.json").write_text(json.dumps({"rules": rules, "default": "yes"}))
    config = desk.folder / "assay.toml"
    config.write_text(config.read_text().replace('script = "bad.json"', 'script = "bad.json"\nretries = 0'))
    wrote = desk.inside("migrate", "good", "bad", "--margin", "0.1", "-k", "names", "--write", "assay.toml",
                        "--canary", "0.5", "--force")  # fmt: skip
    assert wrote.code == 0, wrote.err
    assert "assay migrate good bad -k names --margin 0.1 --write assay.toml --canary 1" in wrote.err
    assert "were compared; the canary moves whatever the clients of 'desk' ask" in wrote.err
    with served(desk) as url:
        for number in range(30):
            assert ask(url, f"word {number}", x_assay_session=f"s{number}")["choices"][0]["message"]["content"] == "yes"
    status = desk.inside("migrate", "--status", "desk", "--json")
    new = status.json["new"]
    assert (status.code, status.json["advice"]) == (1, "go-back")
    assert new["failures"] == new["requests"] > 5
    assert status.json["old"]["failures"] == 0
    assert "assay migrate --back FILE" in desk.inside("migrate", "--status", "desk").out


def test_without_a_go_nothing_is_written(desk: Project) -> None:
    """No-go: exit 1, the file as it was; --force writes all the same and the exit code stays."""
    before = (desk.folder / "assay.toml").read_bytes()
    found = desk.inside("migrate", "good", "bad", "--write", "assay.toml")
    assert found.code == 1
    assert "NO-GO" in found.out
    assert "nothing was written" in found.err
    assert (desk.folder / "assay.toml").read_bytes() == before
    forced = desk.inside("migrate", "good", "bad", "--write", "assay.toml", "--force")
    assert forced.code == 1
    assert (desk.folder / "assay.toml").read_bytes() != before


def test_real_requests_are_asked_again(desk: Project) -> None:
    """Drawn from what the old one answered: a judge grades, agreement is told and decides nothing."""
    (desk.folder / "bad.json").write_text(json.dumps({"rules": [{"match": "7", "answer": "no"}], "default": "yes"}))
    (desk.folder / "judge.json").write_text(json.dumps({"default": '{"reasons": "fine", "verdict": "pass"}'}))
    config = desk.folder / "assay.toml"
    config.write_text(config.read_text().replace("[routes.desk]", JUDGE + "[routes.desk]"))
    with served(desk) as url:
        for number in range(12):
            ask(url, f"Is the shop at number {number} {'open ' * number}on {number}{number} May?", x_assay_kind="talk")
        ask(url, "What is my balance?", x_assay_kind="secret", x_assay_label="private-only")
    alone = desk.inside("migrate", "good", "bad", "--traffic", "50", "--json", "--margin", "0.1")
    talk = next(one for one in alone.json["findings"] if one["kind"] == "talk")
    assert (talk["source"], talk["basis"], talk["verdict"]) == ("traffic", "none", "cannot-tell")
    assert "agreement decides nothing" in talk["reason"]
    (agreed, *_) = [one for one in alone.json["agreements"] if one["kind"] == "talk"]
    assert (agreed["again"]["passed"], agreed["new"]["passed"]) == (agreed["requests"], agreed["requests"] - 1)

    judged = desk.inside("migrate", "good", "bad", "--traffic", "50", "--judge", "judge", "--json", "--margin", "0.45")
    talk = next(one for one in judged.json["findings"] if one["kind"] == "talk")
    assert (talk["basis"], talk["verdict"], talk["lost"]) == ("paired", "go", 0)
    again = desk.inside("migrate", "good", "bad", "--traffic", "50", "--judge", "judge", "--json", "--margin", "0.45")
    assert again.json["asked_now"] == 0


JUDGE = """
[deployments.judge]
model = "x/judge"
dialect = "scripted"
script = "judge.json"

"""


def test_private_requests_are_never_asked_of_one_that_is_not_private(desk: Project) -> None:
    """What is labelled private-only is not sent to the new one: it is counted, and the kind may not move."""
    with served(desk) as url:
        ask(url, "What is my balance?", x_assay_kind="secret", x_assay_label="private-only")
        ask(url, "When do you open on Monday?", x_assay_kind="secret")
    config = desk.folder / "assay.toml"
    config.write_text(config.read_text().replace('script = "bad.json"', 'script = "bad.json"\nprivate = false'))
    found = desk.inside("migrate", "good", "bad", "--traffic", "50", "--json")
    (secret,) = [one for one in found.json["findings"] if one["kind"] == "secret"]
    assert (secret["verdict"], found.code) == ("no-go", 1)
    assert sum(secret["withheld"].values()) == 1
    with closing(sqlite3.connect(desk.folder / "assay.db")) as ledger:
        labels = ledger.execute("select distinct label from attempts where deployment = 'bad'").fetchall()
    assert labels == [("unlabelled",)]


def test_without_kept_requests_traffic_says_what_to_do(desk: Project) -> None:
    """Nothing is kept yet: exit 4, with the key to set."""
    found = desk.inside("migrate", "good", "bad", "--traffic", "5")
    assert found.code == 4
    assert 'bodies = "full"' in found.err


def test_pins_move_and_can_be_rolled_back(desk: Project) -> None:
    """The new one is pinned with its evidence where the old one was; `assay rollback` undoes it."""
    (desk.folder / "bad.json").write_text(json.dumps({"rules": [{"match": "names", "answer": "no"}], "default": "yes"}))
    assert desk.inside("choose", "-m", "good").code == 0
    assert desk.inside("pin").code == 0
    lock = desk.folder / "assay.lock"
    before = lock.read_text()
    found = desk.inside("migrate", "good", "bad", "--margin", "0.1", "-k", "words", "--pin")
    assert found.code == 0, found.err
    assert "bad is pinned for words" in found.err
    after = lock.read_text()
    assert after.count('target = "bad"') == 1
    assert desk.inside("check", "--digests-only").code == 0
    assert desk.inside("rollback").code == 0
    assert lock.read_text().count('target = "good"') == before.count('target = "good"') == 2


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "name the deployment or route to move away from"),
        (("good", "good"), 2, "is both"),
        (("good", "gone"), 2, "unknown model 'gone'"),
        (("good",), 2, "name what to move to"),
        (("good", "bad", "--margin", "0"), 2, "--margin"),
        (("good", "bad", "--status", "desk"), 2, "stand alone"),
        (("--status", "desk", "--html", "page.html"), 2, "stand alone"),
        (("good", "bad", "--html", "nowhere/page.html"), 2, "--html nowhere/page.html: its folder is not there"),
        (("--status", "desk"), 2, "is no canary"),
        (("--status", "nowhere"), 2, "no route 'nowhere'"),
        (("--back", "nothing.toml"), 2, "cannot read"),
        (("good", "bad", "--pin", "--force"), 4, "assay pin"),
    ],
)
def test_what_cannot_be_done_is_said(desk: Project, arguments: tuple[str, ...], code: int, says: str) -> None:
    """Each mistake has its exit code and names what to do."""
    found = desk.inside("migrate", *arguments)
    assert found.code == code, found.out + found.err
    assert says in found.err


def test_a_prompt_of_its_own_makes_the_move_possible(desk: Project) -> None:
    """Plain, the new one fails; with examples from dev it may move, and the adapted deployment is written with it."""
    rules = [{"match": "(?s)=> yes\n\n.* =>$", "answer": "yes"}, {"match": "=>$", "answer": "Pardon?"}]
    (desk.folder / "bad.json").write_text(json.dumps({"rules": rules, "default": "Pardon?"}))
    config = desk.folder / "assay.toml"
    text, plain = config.read_text(), 'script = "bad.json"\nprice_usd_per_mtok = { input = 1.0, output = 1.0 }\n'
    settings = 'settings = { max_tokens = 8, style = "text", template = "{input} =>" }'
    config.write_text(text.replace(f"{plain}settings = {{ max_tokens = 8 }}", plain + settings))
    assert settings in config.read_text()
    said = [f"Does shop {n} {'abcdefghijklmnop'[n] * 5} open?" for n in range(16)]
    lines = [{"id": f"d{n}", "input": one, "target": "yes", "split": "dev"} for n, one in enumerate(said)]
    with (desk.folder / "suite" / "words.jsonl").open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    plainly = desk.inside("migrate", "good", "bad", "-k", "words", "--split", "heldout")
    assert plainly.code == 1
    found = desk.inside("migrate", "good", "bad", "-k", "words", "--adapt", "--margin", "0.1", "--write", "assay.toml")
    assert found.code == 0, found.out + found.err
    assert found.out.startswith("good -> bad+adapted: GO")
    assert "0 of 60" in found.out
    assert "60 of 60" in found.out
    again = "assay migrate good bad+adapted -k words --margin 0.1 --split heldout --write assay.toml --canary 0.25"
    assert again in found.err
    written = tomllib.loads(config.read_text())
    assert written["routes"]["desk"]["candidates"] == ["good", "bad+adapted"]
    assert written["deployments"]["bad+adapted"]["like"] == "bad"
    assert (
        desk.inside("migrate", "good", "bad+adapted", "-k", "words", "--split", "heldout", "--margin", "0.1").code == 0
    )
    refused = desk.inside("migrate", "good", "bad", "--adapt", "--split", "dev")
    assert (refused.code, "leave --split dev out" in refused.err) == (2, True)
