"""Do two answers say the same? Told without a model where answers are closed: tool calls, JSON, short texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from assay.checks.check import Check, shorten
from assay.checks.json_text import equal, parse
from assay.checks.text import normalise
from assay.types import Request, Response, ToolCall

__all__ = ["Agreement", "agreement", "by_check"]

SHORT_CHARS = 80
"""An answer of one line and no more than this is a closed one: another wording of it is another answer."""


class Agreement(NamedTuple):
    """Whether two answers agree, what said so, and why in a few words."""

    agree: bool
    by: str
    why: str


def agreement(request: Request, own: Response, other: Response) -> Agreement | None:
    """Whether two answers to a request agree; None where they are open, and worded differently."""
    if own.tool_calls or other.tool_calls:
        return _calls(own.tool_calls, other.tool_calls)
    said, also = own.text, other.text
    if normalise(said) == normalise(also):
        return Agreement(True, "text", "the same words")
    if (found := _json(request, said, also)) is not None:
        return found
    if _is_short(said) and _is_short(also):
        return _short(said, also)
    return None


def by_check(name: str, check: Check, request: Request, own: Response, other: Response) -> Agreement:
    """Whether the other answer passes a check with the client's as the target.

    Raises:
        EvalError: the client's answer is no target for this check.
    """
    calls = [{"name": call.name, "arguments": _arguments(call)} for call in own.tool_calls]
    result = check.check(other, calls or own.text, request)
    return Agreement(result.passed, f"check {name}", result.explanation)


def _calls(own: Sequence[ToolCall], other: Sequence[ToolCall]) -> Agreement:
    """Calls count with their arguments, in any order: several are made at once."""
    mine, theirs = ([(call.name, _arguments(call)) for call in calls] for calls in (own, other))
    left = list(theirs)
    for name, arguments in mine:
        place = next((at for at, one in enumerate(left) if one[0] == name and equal(one[1], arguments)), None)
        if place is None:
            return Agreement(False, "calls", f"{name} is not called so by the other")
        del left[place]
    if left:
        return Agreement(False, "calls", f"the other calls {left[0][0]} besides")
    return Agreement(True, "calls", "the same calls")


def _arguments(call: ToolCall) -> Any:
    try:
        return msgspec.json.decode(call.arguments or "{}")
    except msgspec.DecodeError:
        return call.arguments


def _json(request: Request, said: str, also: str) -> Agreement | None:
    asked = request.output is not None and request.output.kind in ("json", "json_schema")
    mine, theirs = parse(said, fenced=True), parse(also, fenced=True)
    is_json = mine.error is None and isinstance(mine.value, dict | list)
    if not asked and not is_json:
        return None
    if mine.error is not None or theirs.error is not None:
        return Agreement(False, "json", "one of the two is no JSON") if asked else None
    same = equal(mine.value, theirs.value)
    return Agreement(same, "json", "equal values" if same else "other values")


def _is_short(text: str) -> bool:
    return len(text.strip()) <= SHORT_CHARS and "\n" not in text.strip()


def _short(said: str, also: str) -> Agreement:
    mine, theirs = _number(said), _number(also)
    if mine is not None and mine == theirs:
        return Agreement(True, "text", "the same number")
    return Agreement(False, "text", f"{shorten(said, 40)!r} and {shorten(also, 40)!r}")


def _number(text: str) -> float | None:
    try:
        return float(text.strip().rstrip(".").replace(",", ""))
    except ValueError:
        return None
