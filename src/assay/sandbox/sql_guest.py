"""What runs inside a box: a job of queries comes in, one line goes out for each.

A job is JSON: `engine`, the `options` of its guard, `queries`, and `budget_s`, after which no further query is begun;
the first always is. A line is flushed before the next query begins, so that a query that breaks the engine takes none
of the others with it.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Protocol

from assay.errors import SandboxError
from assay.sandbox.rows import Rows, write_line

__all__ = ["READY", "main"]

READY = b"ready\n"
"""The first line: walls and engine stand, and what ends from here on is a query's doing."""


class _Guard(Protocol):
    def run(self, sql: str) -> Rows: ...


def _guard(engine: str, options: dict[str, Any]) -> _Guard:
    if engine == "duckdb":
        from assay.sandbox.duckdb_guard import DuckdbGuard

        return DuckdbGuard(**options)
    from assay.sandbox.sqlite_guard import SqliteGuard

    return SqliteGuard(**options)


def main() -> None:
    """Read the job, answer it as far as the budget goes."""
    job = json.load(sys.stdin.buffer)
    guard = _guard(job["engine"], job["options"])
    out = sys.stdout.buffer
    out.write(READY)
    out.flush()
    begin = time.monotonic()
    for place, sql in enumerate(job["queries"]):
        if place and time.monotonic() - begin > job["budget_s"]:
            return
        out.write(write_line(_result(guard, sql)))
        out.flush()


def _result(guard: _Guard, sql: str) -> Rows | SandboxError:
    try:
        return guard.run(sql)
    except SandboxError as error:
        return error
