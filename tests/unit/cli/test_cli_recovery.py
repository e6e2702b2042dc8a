"""What a killed process had left open is told by whichever command opens the ledger next."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import Any

import pytest

Project = Any  # of this folder's conftest


def killed(project: Project) -> None:
    """A process is killed that has a call in flight."""
    project.script("good", {"match": ".", "answer": "yes", "delay_s": 60})
    process = project.begin("bench", "-m", "good", "-p", "hello")
    until = time.monotonic() + 20
    while "running" not in project.inside("logs", "--json").out and time.monotonic() < until:
        time.sleep(0.1)
    process.kill()
    process.wait()


@pytest.mark.parametrize("arguments", [("spend",), ("logs",), ("keys", "list"), ("cache", "show"), ("explain",)])
def test_the_next_command_tells(project: Project, arguments: tuple[str, ...]) -> None:
    """Also one that asks nobody: it is the one that charges those calls, and no later one would know of them."""
    killed(project)
    assert "an earlier process died with 1 call in flight" in project.inside(*arguments).err
    assert "an earlier process" not in project.inside(*arguments).err


def test_what_another_host_left_is_told_and_freed(project: Project) -> None:
    """The doctor names the session and the command; that says what it charges, asks, and does it once."""
    killed(project)
    with closing(sqlite3.connect(next(project.folder.rglob("*.db")))) as books, books:
        books.execute("update sessions set host = 'elsewhere' where closed_at is null")
    (told,) = [one["found"] for one in project.inside("doctor", "--json").json if "elsewhere" in one["found"]]
    assert "1 call in flight, and nobody here writes its journal" in told
    (session,) = project.inside("ledger", "sessions", "--json").json
    assert f"assay ledger free {session['id'][:16]}" in told
    assert "Whoever is gone: assay ledger free SESSION" in project.inside("ledger", "sessions").out
    dry = project.inside("ledger", "free", session["id"][:14], "--dry-run")
    assert (dry.code, dry.out[:47]) == (0, "would be charged at the bound: 1 call in flight")
    unasked = project.inside("ledger", "free", session["id"])
    assert (unasked.code, "Confirm with --yes" in unasked.err) == (2, True)
    assert project.inside("ledger", "sessions", "--json").json == [session]
    freed = project.inside("ledger", "free", session["id"], "--yes", "--json")
    assert (freed.code, freed.json["lost"]) == (0, session["lost"])
    assert project.inside("logs", "--json", "--outcome", "lost").json["attempts"]
    again = project.inside("ledger", "free", session["id"], "--yes")
    assert (again.code, "no open session of other hosts" in again.err) == (3, True)
    assert project.inside("ledger", "sessions").out == "no other host has an open session here\n"
    assert not [one for one in project.inside("doctor", "--json").json if "elsewhere" in one["found"]]
