"""`assay pin --history`, `assay rollback`, and a gateway that takes up what they put in place."""

from __future__ import annotations

import json
import sqlite3
import time
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from assay.decision.lock import read_lock

Project = Any  # of this folder's conftest


def pinned(project: Project, *words: str) -> str:
    """Choose and pin; returns the id of the row that the history has of it."""
    assert project.inside("choose", *words).code in (0, 1)
    ended = project.inside("pin")
    assert ended.code == 0, ended.err
    rows: list[dict[str, Any]] = project.inside("pin", "--history", "--json").json
    return str(rows[0]["id"])


def targets(project: Project) -> dict[str, str]:
    """What the lock serves."""
    return {kind: pin.target for kind, pin in read_lock(project.folder / "assay.lock").kinds.items()}


@pytest.fixture
def two(project: Project) -> tuple[str, str]:
    """`good` was pinned; then `bad`, which had a good day, and fails since."""
    first = pinned(project)
    project.script("bad", default="yes")
    second = pinned(project, "-m", "bad")
    return first, second


def regress(project: Project) -> None:
    """`bad` says another thing, and nothing that a digest sees has changed."""
    with closing(sqlite3.connect(project.folder / "assay.db")) as connection, connection:
        connection.execute("update locks set verdict = 'regressed', checked_at = 1e9 where route = 'desk' and id = "
                           "(select id from locks order by created_at desc limit 1)")  # fmt: skip


def test_the_history_says_what_was_put_in_place(project: Project, two: tuple[str, str]) -> None:
    """Newest first: when, why, of which decision, who serves each kind, and the last proof."""
    assert project.inside("check").code == 0
    rows = project.inside("pin", "--history", "--json").json
    assert [row["id"] for row in rows] == [two[1], two[0]]
    assert [row["kinds"]["words"] for row in rows] == ["bad", "good"]
    assert [row["verdict"] for row in rows] == ["holds", None]
    assert all(row["why"] == "pin" and row["decision"] and row["proven_at"] for row in rows)
    text = project.inside("pin", "--history").out
    assert "holds, 20" in text
    assert "decided, 20" in text
    assert "words: bad" in text


def test_two_locks_are_told_apart(project: Project, two: tuple[str, str]) -> None:
    """`--diff` names what serves each kind before and after; the file stands under `present`."""
    changes = project.inside("pin", "--diff", two[0], "present", "--json").json
    assert [(one["kind"], one["before"], one["after"]) for one in changes] == [
        ("words", "good", "bad"),
        ("names", "good", "bad"),
    ]
    assert "same" in project.inside("pin", "--diff", two[1], "present").out
    ended = project.inside("pin", "--diff", "nonsense", "present")
    assert ended.code == 2
    assert "assay pin --history" in ended.err
    assert project.inside("rollback", "--to", "nonsense").code == 2


def test_rollback_puts_the_last_proven_pin_back(project: Project, two: tuple[str, str]) -> None:
    """A lock that regressed is left for the one before it, byte for byte what it said; the history has it all."""
    regress(project)
    dry = project.inside("rollback", "--dry-run")
    assert dry.code == 0
    assert "nothing was written" in dry.out
    assert targets(project) == {"words": "bad", "names": "bad"}
    ended = project.inside("rollback", "--json")
    assert ended.code == 0, ended.err
    assert ended.json["to"] == two[0]
    assert targets(project) == {"words": "good", "names": "good"}
    rows = project.inside("pin", "--history", "--json").json
    assert [row["why"] for row in rows] == [f"rollback from {two[1][:16]}", "pin", "pin"]
    assert rows[0]["proven_at"] == rows[2]["proven_at"]
    assert project.inside("check").code == 0


def test_nothing_to_go_back_to(project: Project) -> None:
    """The first pin has none before it: exit 1, and the file is as it was."""
    pinned(project)
    before = (project.folder / "assay.lock").read_bytes()
    ended = project.inside("rollback")
    assert ended.code == 1
    assert "no kept lock to go back to" in ended.out
    assert (project.folder / "assay.lock").read_bytes() == before


def test_a_lock_that_no_longer_describes_what_is_here_is_passed_over(project: Project, two: tuple[str, str]) -> None:
    """Its prompt has changed since: the reason names it, exit 1."""
    (project.folder / "system.txt").write_text("Something else.")
    ended = project.inside("rollback")
    assert ended.code == 1
    assert f"passed over {two[0][:16]}" in ended.out
    assert "prompt_sha256 was" in ended.out
    assert targets(project)["words"] == "bad"


def test_a_lock_that_failed_its_check_is_passed_over(project: Project, two: tuple[str, str]) -> None:
    """Also by name: what regressed is not gone back to."""
    regress(project)
    assert project.inside("rollback").code == 0
    ended = project.inside("rollback", "--to", two[1])
    assert ended.code == 1
    assert "it regressed when it was last proved again, 2001-09-09" in ended.out
    assert targets(project)["words"] == "good"


def test_going_back_again_does_not_return_to_what_was_left(project: Project, two: tuple[str, str]) -> None:
    """A second rollback goes further back, or nowhere; `--to` returns to what was left."""
    assert project.inside("rollback").code == 0
    assert project.inside("rollback").code == 1
    assert targets(project)["words"] == "good"
    assert project.inside("rollback", "--to", two[1][:16]).code == 0
    assert targets(project)["words"] == "bad"


@pytest.mark.parametrize("damage", [b"{", b'{"version": 99}', None])
def test_a_broken_older_lock_is_passed_over(project: Project, two: tuple[str, str], damage: bytes | None) -> None:
    """A row that cannot be read, or is of a later version, is told and left; an older good one is found."""
    with closing(sqlite3.connect(project.folder / "assay.db")) as connection, connection:
        if damage is None:
            (body,) = connection.execute("select body from locks where id = ?", (two[0],)).fetchone()
            damage = json.dumps({**json.loads(body), "version": 99}).encode()
        connection.execute(
            "insert into locks (id, created_at, route, body, why, proven_at) "
            "select 'ffff', (select avg(created_at) from locks), route, ?, 'pin', 1 from locks limit 1", (damage,)
        )  # fmt: skip
    ended = project.inside("rollback", "--json")
    assert ended.code == 0, ended.err
    assert ended.json["to"] == two[0]
    assert [(one["id"], one["reason"]) for one in ended.json["passed_over"]] == [("ffff", "it cannot be read any more")]


@pytest.mark.parametrize("damage", [b"half of", None])
def test_a_present_lock_that_cannot_be_read_is_replaced(
    project: Project, two: tuple[str, str], damage: bytes | None
) -> None:
    """Half a file, or none: the newest proven lock is put in place."""
    path: Path = project.folder / "assay.lock"
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)
    assert project.inside("rollback", "--json").json["to"] == two[1]
    assert targets(project)["words"] == "bad"


def test_a_lock_from_elsewhere_is_kept_before_it_is_overwritten(project: Project, two: tuple[str, str]) -> None:
    """A lock that came with the checkout, or whose command died before it was kept, is not lost by the next pin."""
    with closing(sqlite3.connect(project.folder / "assay.db")) as connection, connection:
        connection.execute("delete from locks where id = ?", (two[1],))  # as if killed between file and row
    assert project.inside("pin", "--tolerance", "0.2").code == 0
    rows = project.inside("pin", "--history", "--json").json
    assert [row["why"] for row in rows] == ["pin", "found in place", "pin"]
    assert rows[1]["kinds"]["words"] == "bad"


def test_a_route_of_another_name_is_refused(project: Project, two: tuple[str, str]) -> None:
    """The lock pins one route: another name is told with it, exit 2."""
    ended = project.inside("rollback", "other")
    assert ended.code == 2
    assert "'desk', not 'other'" in ended.err


def test_a_route_that_was_never_pinned_is_refused(project: Project, two: tuple[str, str]) -> None:
    """Also where the lock is gone: that there is nothing to go back to would be an answer to another question."""
    (project.folder / "assay.lock").unlink()
    ended = project.inside("rollback", "dask")
    assert (ended.code, "route 'dask' was ever put in place here; did you mean 'desk'?" in ended.err) == (2, True)
    assert project.inside("rollback", "desk").code == 0


def test_without_any_history_the_remedy_is_told(project: Project) -> None:
    """Nothing was ever pinned: exit 4, and what makes a lock."""
    ended = project.inside("rollback")
    assert ended.code == 4
    assert "assay pin" in ended.err
    assert project.inside("rollback", "desk").code == 4


# ------------------------------------------------------------------------------------ a gateway that runs


class Served:
    """`assay serve` as a child process."""

    def __init__(self, project: Project) -> None:
        self.process = project.begin("serve", "--json")
        text = line = ""
        while line != "}\n":
            line = self.process.stdout.readline()
            assert line, self.process.communicate()[1]
            text += line
        self.url = json.loads(text)["url"]

    def open(self, kind: str, text: str = "x", *, stream: bool = False) -> Any:
        """A chat completion, begun."""
        body = {"model": "desk", "stream": stream, "messages": [{"role": "user", "content": text}]}
        headers = {"content-type": "application/json", "x-assay-kind": kind}
        request = urllib.request.Request(f"{self.url}/chat/completions", json.dumps(body).encode(), headers)  # noqa: S310 - loopback
        return urllib.request.urlopen(request, timeout=20)  # noqa: S310 - loopback

    def who(self, kind: str) -> str:
        """The deployment that answers."""
        with self.open(kind) as answer:
            answer.read()
            return str(answer.headers["x-assay-deployment"])

    def hears(self, words: str) -> None:
        """Wait until it says something on stderr."""
        while words not in (line := self.process.stderr.readline()):
            assert line, words

    def end(self) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.communicate(timeout=10)


def test_a_running_gateway_takes_a_rollback_up(project: Project) -> None:
    """The old pin serves as soon as it is back; a stream that had begun is ended by the model that began it."""
    first = pinned(project)
    slow = {"match": "slowly", "answer": "one two three four five six", "chunk_delay_s": 0.5}
    project.script("bad", slow, default="yes")
    pinned(project, "-m", "bad")
    served = Served(project)
    assert served.who("words") == "bad"
    with served.open("words", "slowly", stream=True) as stream:
        assert stream.headers["x-assay-deployment"] == "bad"
        stream.readline()
        started = time.monotonic()
        assert project.inside("rollback").code == 0
        served.hears("has changed; what it pins is served from now on")
        assert time.monotonic() - started < 2.5  # while it still streams; a second is promised, a busy machine is slow
        assert served.who("words") == "good"
        rest = stream.read().decode()
    assert "six" in rest
    assert rest.rstrip().endswith("data: [DONE]")
    assert project.inside("pin", "--history", "--json").json[0]["kinds"]["words"] == "good"
    assert project.inside("rollback", "--to", first, "--json").json["passed_over"][0]["reason"].startswith("it serves")
    served.end()


def test_a_lock_that_cannot_be_read_changes_nothing(project: Project, two: tuple[str, str]) -> None:
    """Half a file put in its place is told, and what was pinned goes on; the next good one is taken up."""
    served, path = Served(project), project.folder / "assay.lock"
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2])
    served.hears("cannot be served; what was pinned before goes on")
    assert served.who("words") == "bad"
    path.unlink()
    assert served.who("words") == "bad"
    assert project.inside("rollback", "--to", two[0]).code == 0
    served.hears("is served from now on")
    assert served.who("words") == "good"
    served.end()


def test_the_history_is_shown_beside_a_lock_that_cannot_be_read(project: Project, two: tuple[str, str]) -> None:
    """It is what one goes back by; a decision that is made again is printed as well, and both tell of the lock."""
    (project.folder / "assay.lock").write_text("garbage")
    shown = project.inside("pin", "--history", "--json")
    assert shown.code == 0
    assert len(shown.json) >= 2
    again = project.inside("choose", "--again")
    assert "stands" in again.out or "made again" in again.out
    assert all("assay.lock cannot be read" in one.err and "assay rollback" in one.err for one in (shown, again))


def test_what_was_served_before_is_not_guessed(project: Project, two: tuple[str, str]) -> None:
    """A lock that cannot be read refused nothing, and one that is not there cannot be unreadable."""
    lock = project.folder / "assay.lock"
    lock.write_text("garbage")
    back = ("rollback", "--to", two[0], "--dry-run")
    told = project.inside(*back).out
    assert told.count("(unreadable)") == 2
    assert "(refused)" not in told
    lock.unlink()
    assert project.inside(*back).out.count("(no lock)") == 2
