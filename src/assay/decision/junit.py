"""A check as JUnit XML, which every CI shows: a test case for each pin, its figures as properties.

What does not hold is a failure, what cannot be told an error, what was left out is skipped. The form is the one that
Jenkins, GitLab and pytest agree on; it has no standard.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as Tree

from assay import __version__
from assay.decision.check import CheckReport, KindCheck
from assay.errors import ReportError
from assay.whole_file import write_whole

__all__ = ["junit", "write_junit"]

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, however they are written."""


def write_junit(report: CheckReport, path: Path) -> None:
    """Write a check to a file, in one step: a reader sees the old or the new one, never half of it.

    Raises:
        ReportError: it cannot be written.
    """
    try:
        write_whole(path, junit(report))
    except OSError as error:
        raise ReportError(f"cannot write {path}: {error.strerror}") from error


def junit(report: CheckReport, at: float | None = None) -> bytes:
    """The XML of a check that ended at a time in seconds since 1970; default: now."""
    cases = [*map(_case, report.kinds), *map(_left_out, report.left_out)]
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(one.verdict in ("changed", "regressed") for one in report.kinds)),
        "errors": str(sum(one.verdict == "open" for one in report.kinds)),
        "skipped": str(len(report.left_out)),
        "time": f"{sum(one.took_s for one in report.kinds):.3f}",
    }
    name = _text(f"assay check {report.route}")
    suites = Tree.Element("testsuites", {"name": name, **counts})
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
    suite = Tree.SubElement(suites, "testsuite", {"name": name, **counts, "timestamp": stamp})
    told = ("route", "asked", "total", "guarantee", "population")
    suite.append(_properties({"assay": __version__, **{one: getattr(report, one) for one in told}}))
    for case in cases:
        case.set("classname", _text(f"assay.{report.route}"))
        suite.append(case)
    Tree.indent(suites)
    text: bytes = Tree.tostring(suites, "utf-8", xml_declaration=True)
    return text + b"\n"


def _case(one: KindCheck) -> Tree.Element:
    case = Tree.Element("testcase", {"name": _text(one.kind), "time": f"{one.took_s:.3f}"})
    case.append(_properties(_figures(one)))
    if one.verdict != "holds":
        how = "error" if one.verdict == "open" else "failure"
        said = Tree.SubElement(case, how, {"message": _text(one.reason), "type": one.verdict})
        said.text = _text(f"{one.kind}, served by {one.target}: {one.verdict}\n{one.reason}")
    return case


def _figures(one: KindCheck) -> dict[str, object]:
    """What is known of a pin, in plain values."""
    names = ("target", "verdict", "reason", "pinned_passed", "total", "asked", "passed", "unscored", "lost", "gained")
    told = {name: getattr(one, name) for name in (*names, "tolerated", "error")}
    if one.passing is not None:
        told |= {"passing_least": one.passing[0], "passing_most": one.passing[1]}
    return {name: value for name, value in told.items() if value is not None}


def _left_out(kind: str) -> Tree.Element:
    case = Tree.Element("testcase", {"name": _text(kind), "time": "0.000"})
    Tree.SubElement(case, "skipped", {"message": "this check was of other kinds"})
    return case


def _properties(values: Mapping[str, object]) -> Tree.Element:
    properties = Tree.Element("properties")
    properties.extend(_property(name, value) for name, value in values.items())
    return properties


def _property(name: str, value: object) -> Tree.Element:
    return Tree.Element("property", {"name": name, "value": _text(str(value))})


def _text(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)
