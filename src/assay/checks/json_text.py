"""Reading the JSON of an answer strictly, and telling what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

from assay.checks.check import MAX_CHARS, fenced_blocks

__all__ = ["Parsed", "equal", "objects_in", "parse"]

_MOST_STARTS = 1000
"""So many braces of a text are tried as the start of an object: each costs a parse."""


class Parsed(NamedTuple):
    """A JSON value, or why there is none (`error`)."""

    value: Any
    error: str | None = None


def parse(text: str, *, fenced: bool = False) -> Parsed:
    """The JSON value that `text` is. Strict: no NaN, no key twice, nothing around it.

    With `fenced` a text that has exactly one Markdown code block stands for the content of that block.
    """
    if len(text) > MAX_CHARS:
        return Parsed(None, f"longer than {MAX_CHARS:,} characters")
    if fenced and len(blocks := fenced_blocks(text)) == 1:
        text = blocks[0][1]
    if not text.strip():
        return Parsed(None, "the text is empty")
    try:
        return Parsed(json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse))
    except RecursionError:
        return Parsed(None, "nested too deeply")
    except ValueError as error:
        return Parsed(None, str(error))


def objects_in(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects in a text, from left to right; what stands within one is not told again."""
    decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse)
    place = text.find("{") if len(text) <= MAX_CHARS else -1
    for _ in range(_MOST_STARTS):
        if place < 0:
            return
        try:
            value, end = decoder.raw_decode(text, place)
            yield value
        except (ValueError, RecursionError):
            end = place + 1
        place = text.find("{", end)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in found if keys.count(key) > 1)!r} occurs twice")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def equal(one: Any, other: Any) -> bool:
    """Equality of JSON values: 1 equals 1.0, but true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)
