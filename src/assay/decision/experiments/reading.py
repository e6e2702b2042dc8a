"""Reading an A/B out of the ledger: which requests are compared, and what they say.

Only requests that were dealt at the same time with the same shares are compared: those under the newest version and
its newest shares. An arm that got more of the traffic later would else differ by the time of day as well. A request
for which one arm alone was left (the others may not serve it) was not dealt, and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import msgspec

from assay.decision.experiments.experiment import Arm, Difference, Experiment, Verdict
from assay.decision.experiments.measured import SHARES, Better, Compared, all_requests, better, by_arm, moments_of
from assay.errors import DecisionError, did_you_mean
from assay.ledger.dealt import MEASURES, DealtRow, Question, SumsRow, WaitRow, dealt_rows, sums_of, waits_of
from assay.ledger.store import Ledger
from assay.stats.latency import in_order, value_at
from assay.stats.mismatch import ERROR, mismatch_p
from assay.stats.ratios import units_needed

__all__ = ["Asked", "read_experiment"]

_WAITS = 20_000
"""The newest latencies that p50 and p95 are of."""


class Asked(NamedTuple):
    """What is to be read out.

    Attributes:
        question: of which requests; its `metric` is the measured outcome that decides, if one does.
        measure: what decides: one of `MEASURES`.
        lower: of the measured outcome less is better.
        baseline: the arm that others are compared with; None = the one that the split names first.
        version: of the split; None = the newest.
        error: probability that an arm is called a winner or loser which is neither, however often one looks.
    """

    question: Question
    measure: str = "accepted"
    lower: bool = False
    baseline: str | None = None
    version: str | None = None
    error: float = 0.05


async def read_experiment(ledger: Ledger, asked: Asked) -> Experiment:
    """Read an A/B out of the ledger.

    Raises:
        DecisionError: no split of the route dealt such requests, or the baseline or version is unknown.
    """
    question = asked.question
    rows = await dealt_rows(ledger, question)
    chosen = _newest(rows, asked)
    first = chosen[0]
    shares: dict[str, float] = msgspec.json.decode(first.shares)
    baseline = asked.baseline if asked.baseline is not None else next(iter(shares))
    if baseline not in shares:
        raise DecisionError(f"no arm {baseline!r} was dealt; {did_you_mean(baseline, shares)}")
    measures = tuple(name for name in MEASURES if name != "metric" or question.metric is not None)
    sums = await sums_of(ledger, question, first.version, first.shares, measures)
    waits = await waits_of(ledger, question, first.version, first.shares, _WAITS)
    others = [arm for arm in shares if arm != baseline]
    differences = tuple(_differences(sums, measures, asked, baseline, others))
    p = mismatch_p({row.arm: row.units for row in chosen}, shares)
    verdict, reason = _verdict(differences, asked, others, p)
    return Experiment(
        route=question.route,
        kind=question.kind,
        version=first.version,
        versions=tuple(dict.fromkeys(row.version for row in rows)),
        first_at=min(row.first_at for row in chosen),
        last_at=max(row.last_at for row in chosen),
        baseline=baseline,
        measure=asked.measure,
        metric=question.metric,
        error=asked.error,
        unit=_unit(chosen),
        arms=tuple(_arms(shares, chosen, sums, measures, waits)),
        differences=differences,
        mismatch_p=p,
        left_out=_left_out(rows, first),
        verdict=verdict,
        reason=reason,
        guarantee=(
            f"an arm is called better or worse than the baseline, and is not, with a probability of {asked.error:.0%} "
            "at most over all arms, however often one looks; by the measure that decides, for independent sessions"
        ),
    )


# ---------------------------------------------------------------------------------------- which requests


def _newest(rows: Sequence[DealtRow], asked: Asked) -> list[DealtRow]:
    """The rows of the newest shares by which several arms were dealt, of the version that is wanted."""
    versions = dict.fromkeys(row.version for row in rows)
    if asked.version is not None and asked.version not in versions:
        known = f"there are {', '.join(versions)}" if versions else "there is none"
        raise DecisionError(
            f"the split of {asked.question.route!r} dealt nothing by version {asked.version!r}; {known}"
        )
    found = [row for row in rows if asked.version in (None, row.version) and _several(row)]
    if not found:
        raise DecisionError(
            f"no request to {asked.question.route!r} was dealt to one of several arms in this time; a route with the "
            "policy `split` deals them (docs/rollout.md), and the gateway that serves it writes to this ledger"
        )
    return [row for row in found if (row.version, row.shares) == (found[0].version, found[0].shares)]


def _several(row: DealtRow) -> bool:
    return len(msgspec.json.decode(row.shares, type=dict[str, float])) > 1


def _left_out(rows: Sequence[DealtRow], chosen: DealtRow) -> dict[str, int]:
    reasons: dict[str, Callable[[DealtRow], bool]] = {
        "one arm alone could have them": lambda row: not _several(row),
        "dealt by another version of the split": lambda row: row.version != chosen.version,
        "dealt with other shares, at another time": lambda row: row.shares != chosen.shares,
    }
    counts = dict.fromkeys(reasons, 0)
    for row in rows:
        reason = next((name for name, holds in reasons.items() if holds(row)), None)
        if reason is not None:
            counts[reason] += row.requests
    return {reason: count for reason, count in counts.items() if count}


def _unit(rows: Sequence[DealtRow]) -> Literal["session", "request", "mixed"]:
    sticky, requests = sum(row.sticky for row in rows), sum(row.requests for row in rows)
    return "session" if sticky == requests else "mixed" if sticky else "request"


# -------------------------------------------------------------------------------------- what they say


def _arms(
    shares: dict[str, float], rows: Sequence[DealtRow], sums: Sequence[SumsRow], measures: Sequence[str],
    waits: Sequence[WaitRow],
) -> list[Arm]:  # fmt: skip
    dealt, table = {row.arm: row for row in rows}, by_arm(sums)
    arms = []
    for name, share in shares.items():
        row = dealt.get(name)
        ordered = in_order(wait.total_s for wait in waits if wait.arm == name)
        arms.append(Arm(
            name=name,
            share=share,
            requests=row.requests if row else 0,
            units=row.units if row else 0,
            cancelled=row.cancelled if row else 0,
            beside=row.beside if row else 0,
            unpriced=row.unpriced if row else 0,
            means={measure: moments_of(table.get((name, measure))).mean for measure in measures},
            p50_s=value_at(ordered, 0.5),
            p95_s=value_at(ordered, 0.95),
        ))  # fmt: skip
    return arms


def _differences(
    sums: Sequence[SumsRow], measures: Sequence[str], asked: Asked, baseline: str, others: Sequence[str]
) -> list[Difference]:
    table, found = by_arm(sums), []
    for measure in measures:
        wanted = "lower" if measure == "metric" and asked.lower else better(measure)
        for arm in others:
            error = asked.error / len(others) if measure == asked.measure else asked.error
            side = error / 2
            seen = all_requests(table, measure, baseline, arm, side).told()
            found.append(Difference(
                arm=arm, compared=seen, better=wanted, shows=_shows(seen, wanted),
                more_units=_more(table, measure, baseline, arm, side),
            ))  # fmt: skip
    return found


def _shows(seen: Compared, wanted: Better) -> Literal["better", "worse", "open"]:
    if seen.interval is None or wanted == "neither" or seen.interval[0] <= 0 <= seen.interval[1]:
        return "open"
    return "better" if (seen.interval[0] > 0) == (wanted == "higher") else "worse"


def _more(
    table: dict[tuple[str, str], SumsRow], measure: str, baseline: str, arm: str, error: float
) -> int | None:  # fmt: skip
    old, new = (moments_of(table.get((name, measure))) for name in (baseline, arm))
    needed = units_needed(old, new, error, share=measure in SHARES)
    return max(0, needed - old.units - new.units) if needed is not None else None


def _verdict(differences: Sequence[Difference], asked: Asked, others: Sequence[str], p: float) -> tuple[Verdict, str]:
    if p < ERROR:
        return "mismatch", (
            "the arms do not have the sessions that they were to have, so that who is left in them differs and nothing "
            "here can be believed; look for what loses sessions (timeouts, clients that retry, filters) first"
        )
    deciding = {one.arm: one for one in differences if one.compared.measure == asked.measure}
    what = asked.question.metric if asked.measure == "metric" else asked.measure
    best = [arm for arm in others if deciding[arm].shows == "better"]
    worse = [arm for arm in others if deciding[arm].shows == "worse"]
    if best:
        return "winner", f"better than the baseline in {what}: {', '.join(best)}"
    if len(worse) == len(others):
        return "loser", f"worse than the baseline in {what}: {', '.join(worse)}"
    if all(one.compared.value is None for one in deciding.values()):
        return (
            "open",
            f"nothing is known of {what} in both arms; clients report it (POST /v1/feedback), or name another",
        )
    some = f"; worse: {', '.join(worse)}" if worse else ""
    return "open", f"these requests do not show a difference in {what}{some}"
