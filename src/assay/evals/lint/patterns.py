"""Can a regular expression take exponential time? A repeat within a repeat, with nothing between that must be there.

`(a+)+b` tries every way to cut a row of a's in two; `(a+,)+` does not, since the comma says where. Python's engine
cannot be cut off, so that one answer of a model could stop a run.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Iterator
from typing import Any

__all__ = ["is_explosive"]

_MANY = 10
_REPEATS = {"MAX_REPEAT", "MIN_REPEAT"}
_parser: Any = importlib.import_module("re._parser")  # the tree that `re` itself compiles from; there is no public one


def is_explosive(pattern: str) -> bool:
    """Whether a pattern has nested repeats that can overlap, or a repeat over alternatives that begin alike."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = _parser.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        return False  # it cannot be compiled either, which its check tells
    return any(_explodes(body) for _, body in _repeats(tree))


def _repeats(tree: Any) -> Iterator[tuple[str, Any]]:
    """All long repeats in a tree, with what they repeat."""
    for op, value in tree:
        if str(op) in _REPEATS and value[1] >= _MANY:
            yield str(op), value[2]
        for inner in _inside(op, value):
            yield from _repeats(inner)


def _inside(op: Any, value: Any) -> list[Any]:
    match str(op):
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            return [value[2]]
        case "SUBPATTERN":
            return [value[3]]
        case "BRANCH":
            return list(value[1])
        case "ASSERT" | "ASSERT_NOT":
            return [value[1]]
        case _:
            return []


def _explodes(body: Any) -> bool:
    """Whether what is repeated can be split between two rounds in several ways."""
    items = _flat(body)
    for place, (op, value) in enumerate(items):
        others = [item for n, item in enumerate(items) if n != place]
        if str(op) in _REPEATS and value[1] >= _MANY and all(map(_may_be_empty, others)):
            return True
        if str(op) == "BRANCH" and (
            (len(items) == 1 and any(map(_explodes, value[1]))) or _doubles(items[0], others, value)
        ):
            return True
    return False


def _doubles(first: Any, others: list[Any], branch: Any) -> bool:
    """Whether a branch may be left out, or begin as the whole does: `(a|aa)*`, which is read as `(a(|a))*`."""
    begins = [list(one)[:1] for one in branch[1]]
    return len(others) == 1 and [] in begins and any(repr(one) == repr([first]) for one in begins)


def _flat(body: Any) -> list[Any]:
    """The items of a body, groups opened."""
    found: list[Any] = []
    for op, value in body:
        found += _flat(value[3]) if str(op) == "SUBPATTERN" else [(op, value)]
    return found


def _may_be_empty(item: Any) -> bool:
    op, value = item
    if str(op) in _REPEATS | {"POSSESSIVE_REPEAT"}:
        return bool(value[0] == 0)
    return str(op) in ("AT", "ASSERT", "ASSERT_NOT")
