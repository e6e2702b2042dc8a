"""The history of locks: what is put in place is kept, whenever a process ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from assay.decision.history import FOUND, adopt, keep, kept, lock_of, note
from assay.decision.lock import Lock, Pin, read_lock, write_lock
from assay.errors import ConfigError, DecisionError
from assay.ledger import locks as table
from assay.ledger.locks import locks

LOCK = Lock(
    version=2, route="desk", suite="desk", suite_digest="s", config_digest="c", decision="d",
    pinned_at="2026-11-27T03:00:00+00:00", seed=0,
    kinds={"sql": Pin(target="m", bar=0.8, passed=2, tolerated_regression=0.05, run="r", samples=("a", "b", "c"),
                      failed=("c",), facts={"model": "x"})},
    unproven={"mail": "none passes"},
)  # fmt: skip
OTHER = msgspec.structs.replace(LOCK, decision="e", kinds={})


async def test_what_is_put_in_place_is_kept(ledger: Any, tmp_path: Path) -> None:
    """The file and a row with why, and with when the decision proved it."""
    path = tmp_path / "assay.lock"
    row = await keep(ledger, path, LOCK, "pin")
    assert read_lock(path) == LOCK
    assert await locks(ledger, "desk") == [row]
    assert (lock_of(row), row.why, row.verdict) == (LOCK, "pin", None)
    assert row.proven_at == 1795748400.0
    assert await adopt(ledger, read_lock(path)) == row


def test_a_lock_that_an_editor_saved_is_read(tmp_path: Path) -> None:
    """With a byte order mark and other ends of lines, as an assay.toml may have them."""
    path = tmp_path / "assay.lock"
    write_lock(path, LOCK)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_lock(path) == LOCK


async def test_proofs_are_noted(ledger: Any, tmp_path: Path) -> None:
    """The last verdict stands; only one that holds proves."""
    path = tmp_path / "assay.lock"
    first = await keep(ledger, path, LOCK, "pin")
    await note(ledger, LOCK, "holds")
    (held,) = await locks(ledger)
    assert (held.verdict, held.proven_at) == ("holds", held.checked_at)
    await note(ledger, LOCK, "regressed")
    (fallen,) = await locks(ledger)
    assert (fallen.id, fallen.verdict, fallen.proven_at) == (first.id, "regressed", held.proven_at)
    back = await keep(ledger, path, LOCK, "rollback from x", was=held)
    assert (back.verdict, back.proven_at, back.checked_at) == ("holds", held.proven_at, held.checked_at)


async def test_a_process_that_dies_between_file_and_row_loses_nothing(
    ledger: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is in place and not kept: whoever comes next finds it, also when it only overwrites it."""
    path = tmp_path / "assay.lock"

    async def dying(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("assay.decision.history.add_lock", dying)
        with pytest.raises(KeyboardInterrupt):
            await keep(ledger, path, LOCK, "pin")
    assert read_lock(path) == LOCK
    assert await locks(ledger) == []
    await keep(ledger, path, OTHER, "pin")
    rows = await locks(ledger)
    assert [(lock_of(row), row.why) for row in rows] == [(OTHER, "pin"), (LOCK, FOUND)]


async def test_a_file_that_cannot_be_written_leaves_all_as_it_was(ledger: Any, tmp_path: Path) -> None:
    """No row of a lock that is not in place; the error says so."""
    with pytest.raises(DecisionError, match="cannot write"):
        await keep(ledger, tmp_path / "nowhere" / "assay.lock", LOCK, "pin")
    assert await locks(ledger) == []


async def test_an_id_must_name_one(ledger: Any, tmp_path: Path) -> None:
    """The beginning of an id is enough; of several, or of none, the list is pointed at."""
    path = tmp_path / "assay.lock"
    rows = [await keep(ledger, path, lock, "pin") for lock in (LOCK, OTHER)]
    assert await kept(ledger, rows[0].id[:20]) == rows[0]
    for begins, words in (("", "2 kept locks"), ("x", "no kept lock")):
        with pytest.raises(ConfigError, match=words):
            await kept(ledger, begins)


async def test_routes_are_apart(ledger: Any, tmp_path: Path) -> None:
    """The history of a route holds no other's; all together are newest first."""
    path = tmp_path / "assay.lock"
    await keep(ledger, path, LOCK, "pin")
    await keep(ledger, path, msgspec.structs.replace(OTHER, route="other"), "pin")
    assert [row.route for row in await locks(ledger)] == ["other", "desk"]
    assert [row.route for row in await table.locks(ledger, "desk")] == ["desk"]
