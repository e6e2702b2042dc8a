"""Suites from real traffic: draw, redact, take out near-duplicates, give targets and graders, tell what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from assay.evals.suites.duplicates import duplicates, fingerprint
from assay.evals.traffic.candidate import Candidate, candidate_of
from assay.evals.traffic.draw import Cell, Draw, Drawn
from assay.evals.traffic.exchange import Exchange, read_exchanges, some_exchanges
from assay.evals.traffic.strata import DEFAULT, Stratum, shares, stratum_of
from assay.evals.traffic.turns import Unfit
from assay.ledger.exchanges import Exchanges
from assay.ledger.feedback import Feedback
from assay.ledger.store import Ledger
from assay.privacy.redaction import Redactor
from assay.types import JsonObject, Value

__all__ = ["Gathered", "Harvest", "StratumTold", "Wish", "harvest"]

_SPARE = 5
"""Of each stratum so many more than twice what is wanted are looked at: some are near-duplicates or no samples."""
_RANKS = {"edited": 0, "preferred": 1, "accepted": 2, "rejected": 3}


class Wish(NamedTuple):
    """What is wanted.

    Attributes:
        limit: samples of each kind, at most.
        since_s: not older than this, in seconds since 1970.
        target: only of this route or deployment.
        kind: only of this kind.
        with_feedback_only: only requests that somebody has said something of.
        by: what divides the requests of a kind into strata: names of `DIMENSIONS`.
        seed: another one draws others.
        near: texts of at least this similarity count as one.
        answered_by: only those that one of these deployments answered; () = whoever did.
    """

    limit: int = 200
    since_s: float = 0.0
    target: str | None = None
    kind: str | None = None
    with_feedback_only: bool = False
    by: tuple[str, ...] = DEFAULT
    seed: int = 0
    near: float = 0.85
    answered_by: tuple[str, ...] = ()


class StratumTold(Value, frozen=True, kw_only=True):
    """What a stratum gave: how many of how many."""

    stratum: dict[str, str]
    requests: int
    samples: int


class Gathered(Value, frozen=True, kw_only=True):
    """The samples of one kind.

    Attributes:
        requests: all real requests that were looked at.
        candidates: what was chosen, with the weights in `line.origin`.
        tools: what all of them offer.
        schema: what all of them ask their answer to be; None = nothing, or different things.
        left_out: how many of the drawn requests could not be taken, by the reason.
    """

    kind: str
    requests: int
    candidates: tuple[Candidate, ...]
    tools: tuple[JsonObject, ...]
    schema: JsonObject | None
    left_out: dict[str, int]
    strata: tuple[StratumTold, ...]


class Harvest(NamedTuple):
    """What came of it all.

    Attributes:
        unread: exchanges that hold no body: kept as digests only, too large, or not readable.
        redacted: pieces of text that were taken out now, by what they were.
    """

    kinds: list[Gathered]
    unread: int
    redacted: Counter[str]


async def harvest(ledger: Ledger, wish: Wish, redactor: Redactor, told: Callable[[int], None] | None = None) -> Harvest:
    """Draw samples of every kind from what the ledger holds; memory is bounded by what is wanted.

    Args:
        ledger: where requests and feedback are.
        wish: what is wanted.
        redactor: takes out of samples what must not be in a suite.
        told: hears how many exchanges have been read so far.
    """
    exchanges, feedback = Exchanges(ledger), Feedback(ledger)
    draw, seen, unread = Draw(2 * wish.limit + _SPARE, wish.seed), 0, 0
    pages = read_exchanges(
        exchanges, feedback, since_s=wish.since_s, target=wish.target, kind=wish.kind,
        with_feedback_only=wish.with_feedback_only,
    )  # fmt: skip
    async for page, missing in pages:
        unread += missing
        seen += len(page) + missing
        if told is not None:
            told(seen)
        for one in page:
            if wish.answered_by and one.row.deployment not in wish.answered_by:
                continue
            said = fingerprint(one.said)
            draw.add(one.kind, stratum_of(one, wish.by), said, one.row.request_id, _rank(one))
    redacted: Counter[str] = Counter()
    kinds = [
        await _Gathering(kind, cells, wish, redactor, redacted).gather(exchanges, feedback)
        for kind, cells in draw.kinds()
    ]
    return Harvest(kinds, unread, redacted)


def _rank(exchange: Exchange) -> int:
    """How much is known of the right answer; less is more. A correction without its words says no more than a no."""
    row = exchange.verdict
    if row is None or row.verdict is None:
        return len(_RANKS)
    return _RANKS["rejected"] if row.verdict == "edited" and not row.correction else _RANKS[row.verdict]


class _Gathering:
    """Makes the samples of one kind."""

    def __init__(
        self, kind: str, cells: Mapping[Stratum, Cell], wish: Wish, redactor: Redactor, redacted: Counter[str]
    ) -> None:
        self._kind = kind
        self._cells = cells
        self._wish = wish
        self._redactor = redactor
        self._redacted = redacted
        self._sizes = {stratum: cell.requests for stratum, cell in cells.items()}
        self._left_out: Counter[str] = Counter()

    async def gather(self, exchanges: Exchanges, feedback: Feedback) -> Gathered:
        """Read what was drawn, and choose."""
        drawn = self._looked_at()
        bodies = await some_exchanges(exchanges, feedback, [one.request_id for _, one in drawn])
        worse = await some_exchanges(exchanges, feedback, list(_worse_ids(bodies.values())))
        ready = [made for stratum, one in drawn if (made := self._candidate(stratum, one, bodies, worse)) is not None]
        ready = self._without_duplicates(sorted(ready, key=lambda one: (one.rank, one.priority)))
        ready, tools = self._with_common_tools(ready)
        chosen = self._weighted(self._chosen(ready))
        schemas = {msgspec.json.encode(one.schema, order="sorted"): one.schema for one in chosen}
        taken = Counter(one.stratum for one in chosen)
        return Gathered(
            kind=self._kind,
            requests=sum(self._sizes.values()),
            candidates=tuple(chosen),
            tools=tools,
            schema=next(iter(schemas.values())) if len(schemas) == 1 else None,
            left_out=dict(self._left_out),
            strata=tuple(
                StratumTold(stratum=dict(stratum), requests=size, samples=taken[stratum])
                for stratum, size in sorted(self._sizes.items(), key=lambda item: (-item[1], item[0]))
            ),
        )

    def _looked_at(self) -> list[tuple[Stratum, Drawn]]:
        available = {stratum: len(cell.members) for stratum, cell in self._cells.items()}
        wanted = shares(self._sizes, available, self._wish.limit)
        return [
            (stratum, one)
            for stratum, cell in self._cells.items()
            for one in cell.drawn()[: 2 * wanted[stratum] + _SPARE]
        ]

    def _candidate(
        self, stratum: Stratum, drawn: Drawn, bodies: Mapping[str, Exchange], worse: Mapping[str, Exchange]
    ) -> Candidate | None:
        exchange = bodies.get(drawn.request_id)
        if exchange is None:  # it was deleted in between
            return None
        verdict = exchange.verdict
        other = worse.get(verdict.over_request_id or "") if verdict is not None else None
        redaction = self._redactor.begin()
        try:
            made = candidate_of(exchange, other, drawn, stratum, redaction)
        except Unfit as reason:
            self._left_out[str(reason)] += 1
            return None
        self._redacted.update(redaction.taken)
        return made

    def _without_duplicates(self, ready: list[Candidate]) -> list[Candidate]:
        """Of near-duplicates the one that most is known of; in its stratum it stands for the others too."""
        gone: set[int] = set()
        copies = [one.copies for one in ready]
        for first, second, _ in duplicates([one.said for one in ready], at_least=self._wish.near):
            if first in gone or second in gone:
                continue
            gone.add(second)
            self._left_out["near-duplicate of another"] += 1
            if ready[first].stratum == ready[second].stratum:
                copies[first] += copies[second]
        return [
            msgspec.structs.replace(one, copies=copies[place]) for place, one in enumerate(ready) if place not in gone
        ]

    def _with_common_tools(self, ready: list[Candidate]) -> tuple[list[Candidate], tuple[JsonObject, ...]]:
        """Those that offer the tools which most offer: a kind has one set of them."""
        offered = {msgspec.json.encode(one.tools, order="sorted"): one.tools for one in ready}
        counts = Counter(msgspec.json.encode(one.tools, order="sorted") for one in ready)
        if not counts:
            return [], ()
        common = offered[max(counts, key=lambda tools: (counts[tools], tools))]
        kept = [one for one in ready if one.tools == common]
        if len(kept) < len(ready):
            self._left_out["offers other tools than most"] += len(ready) - len(kept)
        return kept, common

    def _chosen(self, ready: Iterable[Candidate]) -> list[Candidate]:
        groups: dict[Stratum, list[Candidate]] = {}
        for one in sorted(ready, key=lambda one: one.priority):
            groups.setdefault(one.stratum, []).append(one)
        available = {stratum: len(groups.get(stratum, ())) for stratum in self._sizes}
        wanted = shares(self._sizes, available, self._wish.limit)
        return [one for stratum, members in groups.items() for one in members[: wanted[stratum]]]

    def _weighted(self, chosen: list[Candidate]) -> list[Candidate]:
        """With the requests that each stands for: in a stratum they add up to all of its requests."""
        copies: Counter[Stratum] = Counter()
        for one in chosen:
            copies[one.stratum] += one.copies
        return [_with_weight(one, self._sizes[one.stratum] * one.copies / copies[one.stratum]) for one in chosen]


def _with_weight(one: Candidate, weight: float) -> Candidate:
    origin: dict[str, Any] = {**one.line.origin, "weight": round(weight, 6), "stratum": dict(one.stratum)}
    return msgspec.structs.replace(one, line=msgspec.structs.replace(one.line, origin=origin))


def _worse_ids(bodies: Iterable[Exchange]) -> Iterable[str]:
    for one in bodies:
        verdict = one.verdict
        if verdict is not None and verdict.over_request_id is not None:
            yield verdict.over_request_id
