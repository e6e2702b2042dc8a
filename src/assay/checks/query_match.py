"""Does the result of a query answer as the gold query's does?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from assay.checks.rows import same_rows
from assay.sandbox.lexer import Token, tokens
from assay.sandbox.rows import Rows

__all__ = ["same_result"]


def same_result(
    gold: str, wanted: Rows, found: Rows, *, order_matters: bool | None = None, abs_tol: float, rel_tol: float
) -> bool:
    """Whether `found` has the rows of `wanted`, which the query `gold` gave.

    Names and order of columns do not count. The order of rows counts if `order_matters`, or, when that is `None`, if
    the gold query has an ORDER BY of its own; rows that are equal in its keys may then change places.
    """
    keys = _order_keys(gold, wanted.columns)
    ordered = keys is not None if order_matters is None else order_matters
    return len(wanted.columns) == len(found.columns) and same_rows(
        wanted.rows, found.rows, ordered=ordered, keys=keys or (), abs_tol=abs_tol, rel_tol=rel_tol
    )


def _order_keys(gold: str, columns: Sequence[str]) -> tuple[int, ...] | None:
    """Which result columns a query's own ORDER BY names. `None`: it has none; empty: not told by result columns."""
    words = [token for token in tokens(gold) if token.depth == 0]
    places = [i for i, (a, b) in enumerate(pairwise(words)) if (a.text, b.text) == ("order", "by")]
    if not places:
        return None
    clause = words[places[-1] + 2 :]
    end = next((i for i, token in enumerate(clause) if token.text in ("limit", "offset", ";")), len(clause))
    names = [name.lower() for name in columns]
    keys: list[int] = []
    for term in _split(clause[:end]):
        place = _place(term, names)
        if place is None:
            return ()
        keys.append(place)
    return tuple(keys)


def _split(clause: list[Token]) -> list[list[str]]:
    terms: list[list[str]] = [[]]
    for token in clause:
        if token.text == ",":
            terms.append([])
        else:
            terms[-1].append(token.text)
    return terms


def _place(term: list[str], names: list[str]) -> int | None:
    words = [word for word in term if word not in ("asc", "desc", "nulls", "first", "last")]
    if len(words) == 1 and words[0].isdecimal() and 1 <= int(words[0]) <= len(names):
        return int(words[0]) - 1
    name = words[0] if len(words) == 1 else words[2] if len(words) == 3 and words[1] == "." else None
    return names.index(name) if name is not None and names.count(name) == 1 else None
