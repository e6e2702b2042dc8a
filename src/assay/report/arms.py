"""An A/B as a page: the verdict, the sessions of each arm, how arms differ in every measure, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from assay import __version__
from assay.decision.experiments import explained as told
from assay.decision.experiments.experiment import Difference, Experiment
from assay.decision.experiments.measured import SHARES, Method
from assay.report import numbers
from assay.report.page import Plot, both, drawn, framed
from assay.report.written import written

__all__ = ["experiment_page", "write_page"]

_METHODS: dict[Method, str] = {
    "exact": "exact: requests are independent, each a yes or a no",
    "sessions": "by the variance between sessions",
    "first requests": "exact, of the first request of each session",
}
_UNITS = {"latency": "seconds", "usd": "USD a request", "usd_per_accepted": "USD per accepted answer"}


def write_page(found: Experiment, path: Path | str) -> Path:
    """Write the page of an A/B.

    Raises:
        ReportError: the file cannot be written, or the libraries of the extra `report` are not installed.
    """
    return written(path, experiment_page(found), "--html")


def experiment_page(found: Experiment) -> str:
    """The page.

    Raises:
        ReportError: the libraries of the extra `report` are not installed.
    """
    key = "assay-experiment"
    verdict = f"{told.SAID[found.verdict]}: {found.reason}"
    view = {"source": {"what": "experiment", "suite": found.route, "id": found.version}, "verdict": verdict}
    content = {
        "view": view, "found": found, "key": key, "n": numbers, "version": __version__, "told": told,
        "more": [*told.more_needed(found)], "notes": [*told.notes(found)], "methods": _methods(found),
    }  # fmt: skip
    return framed(content | drawn(lambda: _plots(found, key)))


def _methods(found: Experiment) -> list[str]:
    """Each way in which arms were compared, with the measures that were compared so."""
    ways: dict[Method, dict[str, None]] = {}
    for one in found.differences:
        if one.compared.interval is not None:
            name = told.told_measure(one.compared.measure, found.metric)
            ways.setdefault(one.compared.method, {})[name] = None
    return [f"{', '.join(names)}: {_METHODS[way]}" for way, names in ways.items()]


def _plots(found: Experiment, key: str) -> dict[str, object]:
    from assay.report.arm_plots import differences, sessions

    def plot(rows: list[Difference], unit: str, name: str) -> Plot:
        return both(lambda width, key: differences(rows, found, unit, width, key), f"{key}-{name}")

    deciding = [one for one in found.deciding if one.compared.interval is not None]
    return {
        "sizes": both(lambda width, key: sessions(found.arms, width, key), f"{key}-sizes"),
        "deciding": plot(deciding, _unit(found.measure, found), "deciding"),
        "others": [plot(rows, unit, f"other{place}") for place, (unit, rows) in enumerate(_others(found))],
    }


def _others(found: Experiment) -> Iterator[tuple[str, list[Difference]]]:
    """What does not decide, by its unit: one axis holds what can be compared on it."""
    groups: dict[str, list[Difference]] = {}
    for one in found.differences:
        if one.compared.measure != found.measure and one.compared.interval is not None:
            groups.setdefault(_unit(one.compared.measure, found), []).append(one)
    yield from groups.items()


def _unit(measure: str, found: Experiment) -> str:
    return "points" if measure in SHARES else _UNITS.get(measure) or str(found.metric or measure)
