"""Queries in boxes: what a box that dies, lies or does not start does to the others. The boxes here are stand-ins."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from assay.errors import SandboxError, SandboxUnavailable
from assay.sandbox import sql_box
from assay.sandbox.python import Outcome
from assay.sandbox.rows import Rows, write_line
from assay.sandbox.sql_box import SqlBox, SqlLimits
from assay.sandbox.sql_guest import READY

Answer = Callable[[list[str]], Outcome]


def ended(stdout: bytes, *, code: int | None = 0, stopped: str | None = None, stderr: bytes = b"") -> Outcome:
    """A box that wrote this and ended so."""
    return Outcome(stdout=stdout, stderr=stderr, exit_code=code, stopped=stopped, wall_s=0.1)


def row(sql: str) -> bytes:
    """The line of a query that gives its own text."""
    return write_line(Rows(("q",), [(sql,)]))


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], tuple[SqlBox, list[list[str]]]]:
    """Makes a box whose runs a function answers, and the list of the jobs that it got."""

    def make(answer: Answer) -> tuple[SqlBox, list[list[str]]]:
        jobs: list[list[str]] = []

        class Room:
            def __init__(self, **given: Any) -> None: ...

            def run(self, code: str, *, stdin: bytes) -> Outcome:
                jobs.append(json.loads(stdin)["queries"])
                return answer(jobs[-1])

            def close(self) -> None: ...

        monkeypatch.setattr(sql_box, "PythonRoom", Room)
        monkeypatch.setattr(sql_box.probe, "choose", lambda backend: None)
        return SqlBox("sqlite", {}, readable=[], limits=SqlLimits(time_s=1.5)), jobs

    return make


def test_all_queries_go_into_one_box(box: Callable[[Answer], tuple[SqlBox, list[list[str]]]]) -> None:
    """One job, results in its order."""
    one, jobs = box(lambda queries: ended(READY + b"".join(map(row, queries))))
    assert [result.rows for result in one.run_each(["a", "b"]) if isinstance(result, Rows)] == [[("a",)], [("b",)]]
    assert jobs == [["a", "b"]]


def test_a_box_that_was_never_used_starts_nothing(box: Callable[[Answer], tuple[SqlBox, list[list[str]]]]) -> None:
    """Warm boxes are for checks in use; closing one that was not is no work either."""
    one, _ = box(lambda queries: ended(READY))
    one.close()
    assert one._made is None


def test_what_was_not_begun_goes_into_the_next_box(box: Callable[[Answer], tuple[SqlBox, list[list[str]]]]) -> None:
    """A box that ends in peace after its budget leaves no error."""
    one, jobs = box(lambda queries: ended(READY + row(queries[0])))
    assert len([r for r in one.run_each(["a", "b", "c"]) if isinstance(r, Rows)]) == 3
    assert jobs == [["a", "b", "c"], ["b", "c"], ["c"]]


@pytest.mark.parametrize(
    ("code", "stopped", "said"),
    [
        (139, None, "broke the engine"),
        (None, "ran longer than 15 s", "took longer than 1.5 s"),
        (None, "wrote more than 9 bytes to standard output", "result is too large"),
    ],
)
def test_a_query_that_breaks_its_box_ends_alone(
    box: Callable[[Answer], tuple[SqlBox, list[list[str]]]], code: int | None, stopped: str | None, said: str
) -> None:
    """What was answered before is kept, what comes after is asked again, and half a line counts for nothing."""

    def answer(queries: list[str]) -> Outcome:
        if "bad" not in queries:
            return ended(READY + b"".join(map(row, queries)))
        before = queries[: queries.index("bad")]
        return ended(READY + b"".join(map(row, before)) + row("half")[:9], code=code, stopped=stopped)

    one, jobs = box(answer)
    first, bad, last = one.run_each(["a", "bad", "c"])
    assert isinstance(first, Rows)
    assert isinstance(bad, SandboxError)
    assert said in str(bad)
    assert isinstance(last, Rows)
    assert jobs == [["a", "bad", "c"], ["c"]]


def test_a_room_that_does_not_start_is_no_fault_of_the_query(
    box: Callable[[Answer], tuple[SqlBox, list[list[str]]]],
) -> None:
    """It is SandboxUnavailable with the last words of the box, so that no answer is counted as wrong."""
    one, _ = box(lambda queries: ended(b"", code=1, stderr=b"Traceback\nImportError: no engine\n"))
    with pytest.raises(SandboxUnavailable, match="no engine"):
        one.run_each(["a"])
    one, _ = box(lambda queries: ended(READY))
    with pytest.raises(SandboxUnavailable, match="without an answer"):
        one.run_each(["a"])


def test_forged_lines_are_errors_of_their_query(box: Callable[[Answer], tuple[SqlBox, list[list[str]]]]) -> None:
    """Nonsense is no result, and lines beyond the queries are not looked at."""
    one, _ = box(lambda queries: ended(READY + b"nonsense\n" + row("b") * 5))
    first, second = one.run_each(["a", "b"])
    assert isinstance(first, SandboxError)
    assert isinstance(second, Rows)
