"""The verdict of a report in a sentence, and the few lines a reader needs beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.decision.decision import Decision
from assay.numerals import plural, verb
from assay.report.numbers import money, percent, seconds
from assay.report.view import KindView, Measure, RunKind

_NAMES = 4
"""More names than this are a number in a sentence."""


def decided_verdict(kinds: Sequence[KindView]) -> str:
    """For how much of the work somebody is proven, and on which side of the line between own and rent."""
    proven = [kind for kind in kinds if kind.chosen is not None]
    total = len(kinds)
    if not proven:
        return f"None of {plural(total, 'kind')} of work has a proven model."
    if len(proven) == total:
        return f"Every kind of work has a proven model: {_sides(proven)}."
    have = verb(len(proven), "has", "have")
    return f"{len(proven)} of {total} kinds of work {have} a proven model: {_sides(proven)}."


def _sides(proven: Sequence[KindView]) -> str:
    own = [kind for kind in proven if kind.side == "own"]
    rent = [kind for kind in proven if kind.side == "rent"]
    other = [kind for kind in proven if kind.side not in ("own", "rent")]
    if len(own) == len(proven):
        return f"{_listed(own)} on what you own" if len(own) <= _NAMES else "all on what you own"
    if len(rent) == len(proven):
        return f"{_listed(rent)} on what you rent" if len(rent) <= _NAMES else "all on what you rent"
    parts = [f"{len(own)} on what you own"] if own else []
    parts += [f"{len(rent)} on what you rent"] if rent else []
    parts += [f"{len(other)} by routes over both, or by candidates that are no longer configured"] if other else []
    return ", ".join(parts)


def _listed(kinds: Sequence[KindView]) -> str:
    names = [kind.name for kind in kinds]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _rest(kinds: Sequence[KindView]) -> list[str]:
    none = [kind for kind in kinds if kind.side == "none"]
    unsure = [kind for kind in kinds if kind.side == "open"]
    lines = []
    if none:
        lines.append(f"Nobody that could be asked passes {_some(none)}")
    if unsure:
        lines.append(f"It cannot be told with this evidence for {_some(unsure)}")
    return lines


def _some(kinds: Sequence[KindView]) -> str:
    return _listed(kinds) if len(kinds) <= _NAMES else f"{len(kinds)} kinds"


def decided_details(decision: Decision, kinds: Sequence[KindView]) -> tuple[str, ...]:
    """Kinds without a candidate, gates, what nothing is claimed of, calls."""
    gates = [kind for kind in kinds if kind.gate]
    barred = [kind.name for kind in gates if kind.chosen is None]
    lines = _rest(kinds)
    if gates:
        lines.append(
            f"{plural(len(gates), 'gate')}: " + (f"nobody passes {', '.join(barred)}" if barred else "each is passed")
        )
    unproven = sorted({one.name for kind in kinds for one in kind.standings if one.status == "unproven"})
    if unproven:
        lines.append(f"Nothing is claimed of {', '.join(unproven)}: not proven from here")
    saved = decision.grid - decision.asked
    share = f", {percent(saved / decision.grid)} saved" if decision.grid else ""
    were = verb(decision.asked, "was", "were")
    lines.append(f"{decision.asked:,} of {plural(decision.grid, 'answer')} of the full grid {were} needed{share}")
    return tuple(lines)


def spending(kinds: Sequence[KindView]) -> tuple[str, ...]:
    """For each two configurations of one model in how many kinds the one that writes more passes more."""
    steps: dict[tuple[str, str], dict[bool | None, list[str]]] = {}
    for kind in kinds:
        for one in (step for step in kind.more_tokens if step.writes_more):
            found = steps.setdefault((one.fewer, one.more), {True: [], False: [], None: []})
            found[one.pays].append(kind.name)
    return tuple(_step(*pair, found) for pair, found in steps.items())


def _step(fewer: str, more: str, found: Mapping[bool | None, Sequence[str]]) -> str:
    total = sum(map(len, found.values()))
    words = {True: "more passes", False: "fewer pass", None: "it cannot be told"}
    parts = [f"{words[pays]} in {_named(names)}" for pays, names in found.items() if names]
    return f"{more} writes more than {fewer} in {plural(total, 'kind')}: {'; '.join(parts)}"


def _named(names: Sequence[str]) -> str:
    return f"{len(names)}" + (f" ({', '.join(names)})" if len(names) <= _NAMES else "")


def run_verdict(target: str, overall: Measure, kinds: Sequence[RunKind]) -> str:
    """What the target passes, and how many kinds certainly reach their bar."""
    if overall.share is None or overall.interval is None:
        return f"{target} has no score yet: {plural(overall.unscored, 'sample')} unscored, none passed or failed."
    low, high = overall.interval
    head = (
        f"{target} passes {overall.passed:,} of {overall.scored:,} scored samples: {percent(overall.share)} "
        f"({percent(low)} to {percent(high)})."
    )
    judged = [kind for kind in kinds if kind.bar is not None]
    if not judged:
        return head
    meets = sum(kind.meets is True for kind in judged)
    unsure = sum(kind.meets is None for kind in judged)
    tail = f" {meets} of {plural(len(judged), 'kind')} certainly {'reaches its' if meets == 1 else 'reach their'} bar"
    return head + tail + (f", {unsure} cannot be told yet." if unsure else ".")


def run_details(overall: Measure, usd: float | None, engine_s: float | None) -> tuple[str, ...]:
    """Samples without a score and without an answer, and what it cost."""
    lines = []
    if overall.unscored and overall.bounds is not None:
        low, high = overall.bounds
        lines.append(
            f"{plural(overall.unscored, 'sample')} unscored: between {percent(low)} (all wrong) and {percent(high)} "
            "(all right) of the whole"
        )
    if waiting := overall.total - overall.asked:
        lines.append(f"{plural(waiting, 'sample')} not asked")
    spent = [text for text in (money(usd) if usd else "", seconds(engine_s) if engine_s else "") if text]
    if spent:
        lines.append(f"Its answers cost {' and '.join(spent)}")
    return tuple(lines)
