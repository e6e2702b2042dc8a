"""Tool calls that a model wrote into its text instead of making them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from assay.checks.check import MAX_CHARS

__all__ = ["written_calls"]

_MAX_STARTS = 500
_START = re.compile(r"[{\[]")
_ARGUMENTS = ("arguments", "parameters", "args")


def written_calls(text: str) -> list[tuple[str, str]]:
    """`(name, arguments as JSON)` of each call that is written in a text, bare, in tags, code blocks or prose.

    A call is an object with `name` and `arguments` (or `parameters`, `args`), OpenAI's form with `function` around
    them, or a list of such under `tool_calls` or by itself. The definition of a tool, with its description, is none.
    """
    if len(text) > MAX_CHARS:
        return []
    return [call for value in _values(text) for call in _calls(value)]


def _values(text: str) -> Iterator[Any]:
    """The JSON objects and lists of a text, outermost ones only."""
    decoder = json.JSONDecoder()
    place = 0
    for _ in range(_MAX_STARTS):
        start = _START.search(text, place)
        if start is None:
            return
        try:
            value, place = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            place = start.end()
        else:
            yield value


def _calls(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        value = value.get("tool_calls", value)
    for one in value if isinstance(value, list) else [value]:
        inner = one.get("function", one) if isinstance(one, dict) else None
        if not isinstance(inner, dict) or "description" in inner or not isinstance(inner.get("name"), str):
            continue
        for key in _ARGUMENTS:
            if key in inner:
                arguments = inner[key]
                yield inner["name"], arguments if isinstance(arguments, str) else json.dumps(arguments)
                break
