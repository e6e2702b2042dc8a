"""SQL in boxes: queries go into a fresh Python box together with the guard of their engine, lines come back.

What comes back is only text until it has been read with suspicion, and a query that breaks its box (too much memory, a
fault in the engine) ends alone: what was not answered yet is asked again in the next box.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from assay.errors import SandboxError, SandboxUnavailable
from assay.sandbox import probe
from assay.sandbox.cgroup import engine_files
from assay.sandbox.python import Limits, Outcome, PythonRoom
from assay.sandbox.rows import Rows, read_line
from assay.sandbox.sql_guest import READY
from assay.types import Value

__all__ = ["GUEST_FOLDER", "SqlBox", "SqlLimits", "guest_code"]

GUEST_FOLDER = Path(__file__).resolve().parents[1]
"""Our own source, which a box needs to read."""

_START_S = 10.0
_OVERRUN_S = 5.0


class SqlLimits(Value, frozen=True, kw_only=True):
    """What one query may use.

    Attributes:
        row_cap: rows after which a result is cut and marked as truncated.
        time_s: wall seconds of one query.
        max_value_bytes: greatest length of one text or blob, stored or computed (SQLite).
        result_bytes: greatest size of all values of a result.
        memory_bytes: what the engine may use besides what the process needs.
    """

    row_cap: int = 10_000
    time_s: float = 2.0
    max_value_bytes: int = 65_536
    result_bytes: int = 32 << 20
    memory_bytes: int = 512 << 20


class SqlBox:
    """Runs queries of one engine over one set of readable files, each call in a box of its own.

    Args:
        engine: which guard stands in the box.
        options: that guard's options, as JSON can tell them.
        readable: files that the box sees, read-only.
        limits: of one query.
        warm: boxes kept started.
        backend: walls to use; `None` = the best that work here.

    Raises:
        SandboxUnavailable: this machine has no working walls.
    """

    def __init__(
        self,
        engine: Literal["sqlite", "duckdb"],
        options: dict[str, Any],
        *,
        readable: Sequence[Path],
        limits: SqlLimits,
        warm: int = 0,
        backend: str | None = None,
    ) -> None:
        self._engine, self._options, self._time_s = engine, options, limits.time_s
        wall_s = _START_S + 2 * limits.time_s + _OVERRUN_S
        of_a_box = Limits(
            wall_s=wall_s,
            cpu_s=math.ceil(wall_s),
            memory_bytes=limits.memory_bytes + (1 << 30),
            output_bytes=4 * limits.result_bytes,
        )
        probe.choose(backend)
        self._make = partial(
            PythonRoom,
            limits=of_a_box,
            backend=backend,
            readable=[GUEST_FOLDER, *readable, *(engine_files(backend) if engine == "duckdb" else ())],
            packages=engine == "duckdb",
            warm=warm,
        )
        self._lock = threading.Lock()
        self._made: PythonRoom | None = None

    def room(self) -> PythonRoom:
        """The room itself, made at the first use: a suite has many checks, and only those in use keep boxes warm."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made

    def run_each(self, queries: Sequence[str]) -> list[Rows | SandboxError]:
        """The result of each query, or the error that it ended with.

        Raises:
            SandboxUnavailable: the engine does not start in its box.
        """
        results: list[Rows | SandboxError] = []
        while len(results) < len(queries):
            results += self._once(queries[len(results) :])
        return results

    def _once(self, queries: Sequence[str]) -> list[Rows | SandboxError]:
        """What one box answers: at least one query."""
        job = {
            "engine": self._engine,
            "options": self._options,
            "queries": list(queries),
            "budget_s": self._time_s,
        }
        try:
            outcome = self.room().run(guest_code("assay.sandbox.sql_guest"), stdin=json.dumps(job).encode())
        except SandboxError as error:  # of the room: no query was asked
            raise SandboxUnavailable(f"no query could be run: {error}") from None
        first, *lines = outcome.stdout.split(b"\n")
        if first + b"\n" != READY:
            raise SandboxUnavailable(f"the {self._engine} engine does not start in its box: {_last_words(outcome)}")
        results = [_read(line) for line in lines[:-1][: len(queries)]]
        if outcome.exit_code != 0 and len(results) < len(queries):
            results.append(SandboxError(self._death(outcome)))
        if not results:
            raise SandboxUnavailable(f"the {self._engine} engine ended in its box without an answer")
        return results

    def _death(self, outcome: Outcome) -> str:
        if outcome.stopped is None:
            return "the query broke the engine: most likely it needs too much memory"
        if "wrote" in outcome.stopped:
            return "the result is too large"
        return f"the query took longer than {self._time_s:g} s"

    def close(self) -> None:
        """End the boxes that wait."""
        with self._lock:
            if self._made is not None:
                self._made.close()


def guest_code(module: str) -> str:
    """A program that runs `main()` of one of our modules in a box.

    The package is put together by hand: to find it by import, the folder around it would have to be listable.
    """
    return (
        "import sys, types\n"
        "package = types.ModuleType('assay')\n"
        f"package.__path__ = [{str(GUEST_FOLDER)!r}]\n"
        "sys.modules['assay'] = package\n"
        f"from {module} import main\n"
        "main()\n"
    )


def _read(line: bytes) -> Rows | SandboxError:
    try:
        return read_line(line)
    except SandboxError as error:
        return error


def _last_words(outcome: Outcome) -> str:
    lines = outcome.stderr.decode("utf-8", "replace").strip().splitlines()
    return outcome.stopped or (lines[-1][:300] if lines else f"exit code {outcome.exit_code}")
