"""Tool calls that a model wrote as Python into its text: `[get_weather(city="Oslo"), book(nights=2)]`.

They are parsed, never run: arguments are literals, and what is none makes no call.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from assay.checks.check import MAX_CHARS

__all__ = ["python_calls"]

_MAX_STARTS = 500
_MAX_ENDS = 100
_MAX_CALL_CHARS = 50_000
_WORDS = {"true": True, "false": False, "null": None}
"""JSON's words, which a model mixes in."""


def python_calls(text: str, names: Collection[str], parameters: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """`(name, arguments as JSON)` of each call of one of `names`, in order: alone, in a list, in code or in prose.

    Args:
        text: what a model wrote.
        names: of the functions that it may have called; others are not looked for.
        parameters: function -> its parameters in order, for arguments without a name.
    """
    if len(text) > MAX_CHARS or not names:
        return []
    any_name = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    start = re.compile(rf"(?<![\w.])({any_name})\(")
    found: list[tuple[str, str]] = []
    place = 0
    for _ in range(_MAX_STARTS):
        match = start.search(text, place)
        if match is None:
            break
        name, opens = match[1], match.end() - 1
        call, place = _parsed(text, opens)
        arguments = None if call is None else _arguments(call, parameters.get(name, ()))
        if arguments is not None:
            found.append((name, arguments))
    return found


def _parsed(text: str, opens: int) -> tuple[ast.Call | None, int]:
    """The call whose parenthesis opens here, and where to go on: the first end at which it is Python."""
    end = opens
    for _ in range(_MAX_ENDS):
        end = text.find(")", end + 1, opens + _MAX_CALL_CHARS)
        if end < 0:
            break
        try:
            node = ast.parse(f"f{text[opens : end + 1]}", mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return node, end + 1
    return None, opens + 1


def _arguments(call: ast.Call, parameters: Sequence[str]) -> str | None:
    """The arguments as JSON; None if one is no literal, has no name, or stands twice."""
    if len(call.args) > len(parameters):
        return None
    named = list(zip(parameters, call.args, strict=False))
    named += [(keyword.arg or "", keyword.value) for keyword in call.keywords]
    if len({key for key, _ in named}) < len(named) or any(not key for key, _ in named):
        return None
    try:
        return json.dumps({key: _value(node) for key, node in named}, allow_nan=False)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def _value(node: ast.expr) -> Any:
    return ast.literal_eval(_Words().visit(node))


class _Words(ast.NodeTransformer):
    """Puts Python's values in the place of JSON's words."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(_WORDS[node.id]) if node.id in _WORDS else node
