"""What comparisons of live answers come to: how often two agree, which is better, and what the other one costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from assay.evals.figures.proportion import Proportion, proportion
from assay.ledger.comparisons import KindTraffic, Tally
from assay.types import Value

__all__ = ["Projection", "Readout", "readouts"]

_AGREE = ("same", "equal")
_TOLD = (*_AGREE, "differs", "own", "other")
_JUDGED = (*_AGREE, "own", "other")


class Projection(Value, frozen=True, kw_only=True):
    """What the same requests would have cost at the other, by the answers of his that were paid for.

    Attributes:
        requests: that clients had answered by the one, in this time.
        usd: what they cost; None = not known of all.
        other_usd: what they would have; None = nobody knows what the other's answers cost.
    """

    requests: int
    usd: float | None
    other_usd: float | None

    @property
    def saved_usd(self) -> float | None:
        """So much less it would have been; below 0: more."""
        return self.usd - self.other_usd if self.usd is not None and self.other_usd is not None else None


class Readout(Value, frozen=True, kw_only=True):
    """Comparisons of one route and pair.

    Attributes:
        kind: of work; empty = none; None = of all kinds together.
        verdicts: how often each was given.
        agreement: the answers are the same, or equal to the judge, of all of which anybody could tell.
        as_good: the client's answer is at least as good, of those that a check found the same or a judge has seen.
        own_usd, other_usd: of one answer, on average, over those whose cost is known on both sides.
        own_s, other_s: of one answer, likewise.
        unasked: how many were drawn and not asked, by the reason.
        uncompared: of the `unjudged`, how many nobody came to compare, for too many others waited.
        unjudged: of these, how many a judge was to tell apart, by why it did not: `budget`, or `judge` where it failed.
        spent_usd: what the other's answers cost, and `judge_usd` the verdicts.
    """

    route: str
    purpose: str
    own: str
    other: str
    kind: str | None
    verdicts: dict[str, int]
    agreement: Proportion
    as_good: Proportion
    own_usd: float | None
    other_usd: float | None
    own_s: float | None
    other_s: float | None
    unasked: dict[str, int]
    uncompared: int
    unjudged: dict[str, int]
    spent_usd: float
    judge_usd: float
    projection: Projection


def readouts(tallies: Sequence[Tally], traffic: Sequence[KindTraffic]) -> list[Readout]:
    """One for each route and pair, that of all kinds together first, then kind by kind where there are several."""
    pairs: dict[tuple[str, str, str, str], list[Tally]] = {}
    for one in tallies:
        pairs.setdefault((one.route, one.purpose, one.own, one.other), []).append(one)
    found = []
    for members in pairs.values():
        kinds = sorted({one.kind for one in members})
        found.append(_readout(members, None if len(kinds) > 1 else kinds[0], traffic))
        for kind in kinds if len(kinds) > 1 else ():
            found.append(_readout([one for one in members if one.kind == kind], kind, traffic))
    return found


def _readout(members: Sequence[Tally], kind: str | None, traffic: Iterable[KindTraffic]) -> Readout:
    first = members[0]
    counts: Counter[str] = Counter()
    for one in members:
        counts[one.verdict] += one.requests
    priced = sum(one.priced for one in members)
    timed = sum(one.timed for one in members)
    other_usd = _mean((one.other_usd for one in members), priced)
    return Readout(
        route=first.route,
        purpose=first.purpose,
        own=first.own,
        other=first.other,
        kind=kind,
        verdicts=dict(counts),
        agreement=proportion(sum(counts[one] for one in _AGREE), sum(counts[one] for one in _TOLD)),
        as_good=proportion(sum(counts[one] for one in (*_AGREE, "own")), sum(counts[one] for one in _JUDGED)),
        own_usd=_mean((one.own_usd for one in members), priced),
        other_usd=other_usd,
        own_s=_mean((one.own_s for one in members), timed),
        other_s=_mean((one.other_s for one in members), timed),
        unasked=_reasons(one for one in members if one.verdict == "unasked"),
        uncompared=sum(one.requests for one in members if one.why == "crowded"),
        unjudged=_reasons(one for one in members if one.verdict == "unjudged" and one.why in ("budget", "judge")),
        spent_usd=sum(one.spent_usd for one in members if one.verdict != "observed"),
        judge_usd=sum(one.judge_usd for one in members),
        projection=_projection(first, kind, other_usd, traffic),
    )


def _projection(of: Tally, kind: str | None, other_usd: float | None, traffic: Iterable[KindTraffic]) -> Projection:
    mine = [
        one for one in traffic
        if one.target == of.route and one.deployment == of.own and kind in (None, one.kind)
    ]  # fmt: skip
    requests = sum(one.requests for one in mine)
    known = mine and not any(one.unpriced for one in mine)
    return Projection(
        requests=requests,
        usd=sum(one.usd or 0.0 for one in mine) if known else None,
        other_usd=other_usd * requests if other_usd is not None and requests else None,
    )


def _reasons(members: Iterable[Tally]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for one in members:
        counts[one.why] += one.requests
    return dict(counts)


def _mean(sums: Iterable[float | None], n: int) -> float | None:
    return sum(one for one in sums if one is not None) / n if n else None
