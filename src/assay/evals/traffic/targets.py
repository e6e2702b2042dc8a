"""What people said of an answer as what a right answer is, and the graders that suit it.

An answer that was accepted is no gold: somebody used it. A correction is what somebody made of one. Both are told in
the sample's origin.
"""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple

import msgspec

from assay.evals.suites.samples import GraderSpec
from assay.evals.traffic.exchange import Exchange
from assay.types import JsonObject, ToolCall

__all__ = ["Shape", "Target", "graders_for", "shape_of", "target_of"]

Shape = Literal["calls", "fields", "sql", "number", "label", "text"]

_LABEL_CHARS, _LABEL_WORDS = 60, 8
_SQL = re.compile(
    r"\s*(?:```(?:sql)?\s*)?(?:select|with|insert|update|delete)\b[\s\S]*\b(?:from|into|set|values)\b", re.I
)
_NUMBER = re.compile(r"\s*[-+]?[$€£]?\s?\d[\d,. ]*\s?(?:%|[A-Za-z]{1,4})?\s*")
_FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n?```\s*", re.DOTALL)
_RUBRIC = "The answer does what the request asks; it is right, complete and clear."
_REFERENCE = " The reference is an answer that people used: another one may be as good."


class Target(NamedTuple):
    """What is known of a right answer.

    Attributes:
        value: the target of a sample; None = nothing is known.
        how: `edited`, `accepted` or `preferred`: where it is from; `answered`: nobody has said that it is right.
        meta: answers that are not right, and what was measured.
    """

    value: Any
    how: str
    meta: JsonObject


def target_of(exchange: Exchange, worse: Exchange | None = None) -> Target:
    """What the feedback says a right answer is.

    Args:
        exchange: the request and its answer.
        worse: the one that it was preferred to.
    """
    row, given = exchange.verdict, _value(exchange) or None
    meta: JsonObject = {"measured": exchange.metrics} if exchange.metrics else {}
    match row.verdict if row is not None else None:
        case "accepted":
            return Target(given, "accepted", meta)
        case "preferred":
            return Target(given, "preferred", meta | ({"worse": _value(worse)} if worse is not None else {}))
        case "edited":
            correction = row.correction if row is not None else None
            value = _as_value(correction) if correction else None
            return Target(value or None, "edited", {**meta, "before": given})
        case "rejected":
            return Target(None, "rejected", {**meta, "rejected": given})
        case _:
            return Target(given, "answered", meta)


def shape_of(value: Any) -> Shape:
    """What a target looks like."""
    if isinstance(value, list):
        return "calls"
    if isinstance(value, dict):
        return "fields"
    text = str(value)
    if _SQL.match(text):
        return "sql"
    if _NUMBER.fullmatch(text):
        return "number"
    return "label" if len(text) <= _LABEL_CHARS and len(text.split()) <= _LABEL_WORDS and "\n" not in text else "text"


def graders_for(shape: Shape, judge: str | None, *, with_target: bool = True, pair: bool = False) -> list[GraderSpec]:
    """Graders that suit a target of this shape; [] = only a model or a person could grade, and there is no judge.

    Args:
        shape: what the target looks like.
        judge: a deployment or route that judges what no check can.
        with_target: there is a target.
        pair: the target was preferred to another answer.
    """
    if judge is not None and pair:
        return [{"grader": "pairwise", "model": judge, "against": "target"}]
    if shape == "text" or not with_target:
        if judge is None:
            return []
        rubric = _RUBRIC + (_REFERENCE if with_target else "")
        return [{"grader": "judge", "model": judge, "rubric": rubric, "with_target": with_target}]
    check = {"calls": "tool-calls", "fields": "fields", "number": "numeric"}.get(shape, "normalised")
    return [{"check": check} | ({"fenced": True} if check == "fields" else {})]


def _value(exchange: Exchange) -> Any:
    """An answer as a target."""
    calls = [_call(call) for call in exchange.calls]
    return calls if calls and all(calls) else _as_value(exchange.answer_text)


def _as_value(text: str) -> Any:
    """A text, or the object that it is JSON of: `check = "fields"` compares field by field."""
    fenced = _FENCED.fullmatch(text)
    try:
        value = msgspec.json.decode(fenced[1] if fenced else text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return text.strip()
    return value if isinstance(value, dict) and value else text.strip()


def _call(call: ToolCall) -> JsonObject:
    """As `check = "tool-calls"` wants it: a list is a list of alternatives, so a list value stands inside one."""
    try:
        arguments = msgspec.json.decode(call.arguments or "{}", type=JsonObject)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return {}
    return {"name": call.name, "arguments": {name: _alternatives(value) for name, value in arguments.items()}}


def _alternatives(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _alternatives(one) for name, one in value.items()}
    return [value] if isinstance(value, list) or value == "" else value
