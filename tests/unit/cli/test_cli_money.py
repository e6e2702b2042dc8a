"""What ends an evaluation, and what has to be paid for: told before anything is asked, and never in silence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assay.errors import LedgerError
from assay.ledger.rows import ResultRow
from assay.ledger.store import SqliteLedger

Project = Any  # of this folder's conftest


def test_a_ledger_that_takes_no_more_ends_it_in_order(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk: exit code 3, JSON of what was done on stdout, the reason on stderr, and no stack of calls."""
    add, kept = SqliteLedger.add_result, []

    async def full(self: SqliteLedger, row: ResultRow) -> None:
        if len(kept) == 5:
            raise LedgerError("cannot write the ledger: database or disk is full")
        kept.append(row)
        await add(self, row)

    monkeypatch.setattr(SqliteLedger, "add_result", full)
    ended = project.inside("eval", "-m", "good", "--json")
    assert ended.code == 3
    assert ended.json["scorecards"][0]["overall"]["passed"] == 5
    assert (ended.json["ending"]["left"], "disk is full" in ended.json["ending"]["stopped"]) == (15, True)
    assert ended.err.endswith("assay: cannot write the ledger: database or disk is full\n")
    assert "Traceback" not in ended.err
