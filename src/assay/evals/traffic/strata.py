"""Strata: what divides real requests, so that a small sample has the rare ones too, and how many each one gives.

A stratum gives in proportion to the square root of its requests (power allocation: Bankier, The American Statistician
42, 1988), and at least one where there is room: between equal shares, which make the common ones uncertain, and
proportional shares, in which rare ones do not occur.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import TypeVar

from assay.evals.traffic.exchange import Exchange

__all__ = ["DEFAULT", "DIMENSIONS", "Stratum", "shares", "stratum_of"]

Stratum = tuple[tuple[str, str], ...]
"""`(dimension, value)` of each dimension."""

K = TypeVar("K")
_LENGTHS = ((200, "short"), (2_000, "medium"), (20_000, "long"))
_LETTERS = 200


def _feedback(exchange: Exchange) -> str:
    verdict = exchange.verdict
    return (verdict.verdict if verdict is not None else None) or "none"


def _answer(exchange: Exchange) -> str:
    if exchange.calls:
        return "calls"
    return "refusal" if exchange.refused else "text" if exchange.answer_text.strip() else "empty"


def _deployment(exchange: Exchange) -> str:
    return exchange.row.deployment or "unknown"


def _length(exchange: Exchange) -> str:
    count = len(exchange.said)
    return next((name for limit, name in _LENGTHS if count < limit), "very long")


def _script(exchange: Exchange) -> str:
    """What most of the last message's letters are of: `latin`, `cyrillic`, `cjk`; it stands for the language."""
    text = exchange.request.messages[-1].text if exchange.request.messages else ""
    names = Counter(map(_script_of, islice(filter(str.isalpha, text), _LETTERS)))
    return max(names, key=lambda name: (names[name], name)) if names else "none"


@lru_cache(maxsize=4096)
def _script_of(letter: str) -> str:
    """The first word of a letter's name in Unicode, which is its script."""
    return unicodedata.name(letter, "other").partition(" ")[0].lower()


def _turns(exchange: Exchange) -> str:
    return "one" if sum(message.role == "user" for message in exchange.request.messages) < 2 else "several"


def _day(exchange: Exchange) -> str:
    return datetime.fromtimestamp(exchange.row.created_at, UTC).date().isoformat()


def _compared(exchange: Exchange) -> str:
    """What came of comparing the answer with another's: where two disagree, a sample tells most."""
    return exchange.row.compared or "none"


DIMENSIONS: dict[str, Callable[[Exchange], str]] = {
    "feedback": _feedback,
    "answer": _answer,
    "deployment": _deployment,
    "length": _length,
    "script": _script,
    "turns": _turns,
    "day": _day,
    "compared": _compared,
}
"""What can divide requests, by name."""
DEFAULT = ("feedback", "answer", "deployment", "length", "script")


def stratum_of(exchange: Exchange, by: Iterable[str]) -> Stratum:
    """Where a request belongs."""
    return tuple((name, DIMENSIONS[name](exchange)) for name in by)


def shares(sizes: Mapping[K, int], available: Mapping[K, int], total: int) -> dict[K, int]:
    """How many to take of each stratum.

    Args:
        sizes: requests of each; what the shares are reckoned from.
        available: how many there are to take from; no stratum gives more.
        total: how many are wanted together. Where there are more strata than that, the largest give one each.
    """
    taken = dict.fromkeys(sizes, 0)
    ranked = sorted((one for one in sizes if available[one] > 0), key=lambda one: (-sizes[one], repr(one)))
    for one in ranked[:total]:
        taken[one] = 1
    left = total - sum(taken.values())
    while left > 0 and (open_ := [one for one in ranked if taken[one] < available[one]]):
        # Whoever is furthest below its share gives the next one (the largest quotient: Sainte-Laguë).
        one = max(open_, key=lambda one: (math.sqrt(sizes[one]) / (2 * taken[one] + 1), -ranked.index(one)))
        taken[one] += 1
        left -= 1
    return taken
