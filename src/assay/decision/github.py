"""A check as GitHub Actions shows it: annotations at the lines of `assay.lock`, and a summary of the job.

The commands are those of "Workflow commands for GitHub Actions": in a message `%`, CR and LF are escaped, in a property
`:` and `,` as well.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

from assay.decision.check import CheckReport, KindCheck
from assay.numerals import plural

__all__ = ["notices", "summary"]

_LEVELS = {"regressed": "error", "changed": "error", "open": "warning"}
_HEADS = {"holds": "every pin holds", "open": "it cannot be told"}


def notices(report: CheckReport, file: str, lock: str) -> Iterator[str]:
    """A line for each pin that does not hold, which GitHub shows where it is pinned.

    Args:
        report: of the check.
        file: name of the lock, from the root of the repository.
        lock: its text.
    """
    lines = _lines(lock)
    for one in report.kinds:
        if one.verdict != "holds":
            where = f"file={_property(file)},line={lines.get(one.kind, 1)}"
            title = _property(f"{one.kind}: {one.verdict}")
            told = f"{one.kind}, served by {one.target}: {one.verdict} - {one.reason}"
            yield f"::{_LEVELS[one.verdict]} {where},title={title}::{_data(told)}"


def summary(report: CheckReport) -> str:
    """The check as Markdown, for the summary of a job."""
    head = _HEADS.get(report.verdict, "a pin does not hold")
    rows = "".join(f"| {' | '.join(map(_cell, _row(one)))} |\n" for one in report.kinds)
    left_out = f"Left out: {', '.join(report.left_out)}. " if report.left_out else ""
    return (
        f"### assay check, route {_cell(report.route)}: {head}\n\n"
        "| kind | served by | verdict | asked | pass now, of all | when pinned | why |\n"
        "|---|---|---|---|---|---|---|\n"
        f"{rows}\n"
        f"Asked {report.asked} of {plural(report.total, 'pinned sample')}. {left_out}"
        f"Guarantee: {report.guarantee}. Population: {report.population}.\n\n"
    )


def _row(one: KindCheck) -> tuple[str, ...]:
    now = "-" if one.passing is None else f"{one.passing[0]} to {one.passing[1]} of {one.total}"
    asked, pinned = f"{one.asked} of {one.total}", f"{one.pinned_passed} of {one.total}"
    return one.kind, one.target, one.verdict, asked, now, pinned, one.reason


def _lines(lock: str) -> dict[str, int]:
    """Kind -> number of the line in which its table begins."""
    found: dict[str, int] = {}
    for number, line in enumerate(lock.splitlines(), start=1):
        if line.startswith("[kinds."):
            for kind in tomllib.loads(line)["kinds"]:
                found.setdefault(kind, number)
    return found


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
