"""Requests of the ledger that name no kind, as many as grouping takes, drawn by their ids."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable
from typing import NamedTuple

from assay.evals.kinds.marks import marks_of
from assay.evals.kinds.suggestion import Suggested, groups_of, suggested
from assay.evals.suites.readable import readable
from assay.evals.traffic.exchange import Exchange, read_exchanges
from assay.ledger.exchanges import Exchanges
from assay.ledger.feedback import Feedback
from assay.ledger.store import Ledger
from assay.privacy.redaction import Redactor
from assay.types import Value

__all__ = ["Kinds", "Untagged", "suggest", "untagged"]

MOST = 400
"""Requests that are grouped: time goes with the square of their number."""
_EXAMPLE_CHARS = 160


class Untagged(NamedTuple):
    """What was found; `requests` of them are kept whole and name no kind, and `drawn` is a draw of these."""

    requests: int
    unread: int
    drawn: list[Exchange]


class Kinds(Value, frozen=True, kw_only=True):
    """What is suggested.

    Attributes:
        requests: that name no kind and were kept whole.
        looked_at: so many of these.
        unread: requests that were kept without their text, tagged or not.
        strengths: by number of kinds, how well they are found again in the other half of the requests.
        kinds: the suggestions; one alone is none: there is no structure that is found again.
        examples: by name of the kind, beginnings of requests in its middle, without personal data.
        routes: by name of the kind, the routes that its requests called, the most frequent first.
    """

    requests: int
    looked_at: int
    unread: int
    strengths: dict[int, float]
    kinds: tuple[Suggested, ...]
    examples: dict[str, tuple[str, ...]]
    routes: dict[str, tuple[str, ...]]


async def untagged(
    ledger: Ledger, *, since_s: float = 0.0, target: str | None = None, told: Callable[[int], None] | None = None
) -> Untagged:
    """The requests without a kind that routes have kept whole.

    Args:
        ledger: where they are.
        since_s: not older than this, in seconds since 1970.
        target: only of this route or deployment.
        told: hears how many exchanges have been read so far.
    """
    heap: list[tuple[int, str, Exchange]] = []
    requests = unread = seen = 0
    async for page, missing in read_exchanges(Exchanges(ledger), Feedback(ledger), since_s=since_s, target=target):
        unread += missing
        seen += len(page) + missing
        if told is not None:
            told(seen)
        for one in page:
            if one.row.kind is not None:
                continue
            requests += 1
            item = (-_rank(one.row.request_id), one.row.request_id, one)
            if len(heap) < MOST:
                heapq.heappush(heap, item)
            elif item > heap[0]:
                heapq.heapreplace(heap, item)
    return Untagged(requests, unread, [one for _, _, one in sorted(heap, key=lambda item: item[1])])


def suggest(found: Untagged, redactor: Redactor, count: int | None = None) -> Kinds:
    """Kinds for these requests.

    Args:
        found: the requests.
        redactor: takes out of examples what need not be shown.
        count: so many kinds; default: as many as are found again.

    Raises:
        EvalError: there are too few requests.
    """
    marked = [marks_of(one.request) for one in found.drawn]
    groups = groups_of(marked, count)
    kinds = tuple(suggested(marked, groups))
    members: dict[str, list[Exchange]] = {kind.name: [] for kind in kinds}
    for one, group in zip(found.drawn, groups.groups, strict=True):
        members[kinds[group].name].append(one)
    return Kinds(
        requests=found.requests,
        looked_at=len(found.drawn),
        unread=found.unread,
        strengths=groups.strengths,
        kinds=kinds,
        examples={
            kind.name: tuple(_example(found.drawn[place], redactor) for place in kind.examples) for kind in kinds
        },
        routes={name: _routes(ones) for name, ones in members.items()},
    )


def _rank(request_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(request_id.encode(), digest_size=8).digest())


def _example(one: Exchange, redactor: Redactor) -> str:
    last = next((message for message in reversed(one.request.messages) if message.role == "user"), None)
    text = " ".join(" ".join(readable(last.parts)).split()) if last is not None else ""
    shown = redactor.begin().text(text[: 4 * _EXAMPLE_CHARS])
    return shown if len(shown) <= _EXAMPLE_CHARS else shown[: _EXAMPLE_CHARS - 1] + "…"


def _routes(members: list[Exchange]) -> tuple[str, ...]:
    counts: dict[str, int] = {}
    for one in members:
        counts[one.row.target] = counts.get(one.row.target, 0) + 1
    return tuple(sorted(counts, key=lambda name: (-counts[name], name)))
