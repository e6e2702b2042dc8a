"""Answers that must pass: what a sample's target says is right, written as a model would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from assay.evals.suites.sample import Sample
from assay.types import Finish, JsonObject, Response, Text, ToolCall

__all__ = ["gold_answers", "spoken"]

_ALTERNATIVES = 3
_HIDDEN = {"tests", "script", "not"}
"""Checks whose target is no answer."""


def spoken(text: str) -> Response:
    """A plain answer."""
    return Response(parts=(Text(text=text),), finish=Finish(kind="stop"))


def gold_answers(sample: Sample) -> list[Response]:
    """Right answers to a sample as its target has them, at most three; [] where none can be made of it.

    An answer in `meta.gold` (a text or several) comes before what the target says: for hidden tests it is the only one.
    """
    given = sample.meta.get("gold")
    if isinstance(given, str) or (isinstance(given, list) and given and all(isinstance(one, str) for one in given)):
        return [spoken(one) for one in ([given] if isinstance(given, str) else given)[:_ALTERNATIVES]]
    return list(_from_target(sample))[:_ALTERNATIVES]


def _from_target(sample: Sample) -> Iterator[Response]:
    target = sample.target
    specs = {str(spec.get("check")): spec for spec in sample.graders}
    if target is None or target == []:
        return
    if "tool-calls" in specs:
        yield from _calls(target)
    elif "sources" in specs:
        yield from _cited(target)
    elif isinstance(target, dict) and isinstance(target.get("expect"), str | list) and "leak" in specs:
        yield from _alternatives(target["expect"])
    elif "json" in specs and not specs["json"].get("text"):
        for one in target if specs["json"].get("any") else [target]:
            yield spoken(msgspec.json.encode(one).decode())
    elif not _hidden(specs, target):
        yield from _alternatives(target)


def _hidden(specs: Mapping[str, JsonObject], target: Any) -> bool:
    """Whether the target is no answer but what an answer is tried with."""
    if "leak" in specs and (isinstance(target, dict) or specs["leak"].get("canaries") is None):
        return True
    if "regex" in specs and specs["regex"].get("pattern") is None:
        return True
    return not specs.keys().isdisjoint(_HIDDEN)


def _alternatives(target: Any) -> Iterator[Response]:
    """Each of several texts or numbers; anything else as JSON."""
    many = isinstance(target, list) and all(isinstance(one, str | int | float) for one in target)
    for one in target if many else [target]:
        yield spoken(one if isinstance(one, str) else msgspec.json.encode(one).decode())


def _cited(target: Any) -> Iterator[Response]:
    if not isinstance(target, dict):
        return
    sources = " ".join(f"[{one}]" for one in target.get("sources") or ())
    answers = target.get("answer", target.get("numeric", ""))
    for one in answers if isinstance(answers, list) else [answers]:
        yield spoken(f"{one} {sources}".strip())


def _calls(target: Any) -> Iterator[Response]:
    """The calls with the first alternative of each argument."""
    if not isinstance(target, list) or not all(isinstance(one, dict) and "name" in one for one in target):
        return
    parts = tuple(
        ToolCall(id=f"call_{n}", name=one["name"], arguments=msgspec.json.encode(_arguments(one)).decode())
        for n, one in enumerate(target)
    )
    yield Response(parts=parts, finish=Finish(kind="tool_calls"))


def _arguments(call: JsonObject) -> JsonObject:
    chosen = {key: _first(value) for key, value in (call.get("arguments") or {}).items()}
    return {key: value for key, value in chosen.items() if value != ""}


def _first(value: Any) -> Any:
    if isinstance(value, list):
        return _first(value[0]) if value else []
    return {key: _first(one) for key, one in value.items()} if isinstance(value, dict) else value
