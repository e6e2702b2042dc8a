"""Which fields of an answer survived: the independent reading of the recorded bytes beside that of ours.

A field applies if there is something on either side. The formats differ in what they can say, so:

- finish words are compared in one vocabulary; a refusal may end as `stop` (OpenAI) or as `content_filter` (the others);
- ids of calls count where the upstream gives them; where it gives none, ours must be there and differ;
- a signature must stand somewhere in the client's bytes; OpenAI encrypts one item anew in each event of a stream, and
  each of these is good;
- Messages have no field for a refusal's words, which stand in the text then, and none for a total;
- old-style `function_call`s, which the harness does not read, are not compared;
- usage that Anthropic tells in iterations is not compared: the harness reads its top level only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.wire_formats import Canonical

__all__ = ["Side", "compare", "same"]

_NUMBERS = ("input", "output", "total", "cached", "cache_write", "reason_tok")
_ONE_WORD: dict[Any, str | None] = {
    "function_call": "tool_calls", "eos": "stop", "model_length": "length", "max_tokens": "length", "eos_token": "stop",
    "stop_sequence": "stop", "end_turn": "stop", "completed": "stop", "pause_turn": "stop", "refusal": "content_filter",
    "insufficient_system_resource": "error", "failed": "error", "incomplete": "length", "": None,
    "MALFORMED_FUNCTION_CALL": "error", "UNEXPECTED_TOOL_CALL": "error", "OTHER": "error", "LANGUAGE": "content_filter",
    "FINISH_REASON_UNSPECIFIED": "stop",
    1: "stop", 2: "length", 3: "content_filter", 4: "content_filter", 5: "error", 6: "content_filter",
    7: "content_filter", 8: "content_filter", 9: "error",
}  # fmt: skip
"""Words of providers that `canon` leaves as they are, and Gemini's numbers for its own, in OpenAI's vocabulary."""


class Side:
    """One client's answer: its bytes, and what the independent reader found in them.

    Args:
        client: the format.
        body: as text.
        canonical: `None` where it cannot be read; then every field is wrong.
    """

    def __init__(self, client: str, body: str, canonical: Canonical | None) -> None:
        self.client = client
        self.body = body
        self.canonical = canonical


def compare(upstream: str, want: Canonical, got: Side) -> dict[str, bool]:
    """Each field that applies, and whether it is right."""
    if got.canonical is None:
        return dict.fromkeys((name for name, _ in _fields(upstream, want, Side(got.client, "", want))), False)
    return dict(_fields(upstream, want, got))


def same(one: Canonical | None, other: Canonical | None) -> list[str]:
    """The fields in which the readings of a whole answer and of its stream differ.

    Ids are not compared: each writing makes new ones where the upstream gave none. A stream may tell a blob twice.
    """
    if one is None or other is None:
        return ["unreadable"]
    keys = ("text", "reasoning", "finish", "refusal", "citations", *_NUMBERS)
    wrong = [key for key in keys if (one[key] or None) != (other[key] or None)]
    calls = [[(name, _arguments(given)) for _, name, given in side["tools"]] for side in (one, other)]
    wrong += [] if calls[0] == calls[1] else ["tools"]
    return wrong if set(one["sig"]) <= set(other["sig"]) or len(one["sig"]) == len(other["sig"]) else [*wrong, "sig"]


def _fields(upstream: str, want: Canonical, got: Side) -> Iterator[tuple[str, bool]]:
    found = got.canonical or {}
    yield from _texts(want, found, got.client)
    calls = [[(name, _arguments(given)) for _, name, given in side["tools"]] for side in (want, found)]
    if (calls[0] or calls[1]) and not want.get("legacy"):
        yield "tools", calls[0] == calls[1]
        yield "tool ids", _ids(want, found)
    yield "finish", _finish(upstream, want, found)
    signatures = {str(text) for text in want["sig"]} - _sounds(want)
    if signatures:
        yield "signatures", all(_is_there(one, got.body) for one in signatures)
    if want["citations"] and upstream == got.client:
        yield "citations", want["citations"] == found["citations"]
    if not want.get("iterations"):
        for number in _NUMBERS:
            theirs, ours = want[number] or 0, found[number] or 0
            if (theirs or ours) and not (number == "total" and got.client == "messages"):
                yield number, theirs == ours


def _texts(want: Canonical, found: Canonical, client: str) -> Iterator[tuple[str, bool]]:
    refused = want["refusal"]
    inside = client == "messages" and bool(refused)
    if want["text"] or found["text"]:
        yield "text", found["text"] == want["text"] + (refused if inside else "")
    if refused or found["refusal"]:
        yield "refusal", refused in found["text"] if inside else found["refusal"] == refused
    if want["reasoning"] or found["reasoning"]:
        yield "reasoning text", want["reasoning"] == found["reasoning"]


def _arguments(given: object) -> object:
    """Arguments as compared: none are an empty object; broken JSON is its text, also where a format holds objects."""
    text = given.get("_unparsed", given.get("unparsed_arguments")) if isinstance(given, dict) else None
    return text if isinstance(text, str) else given or {}


def _ids(want: Canonical, found: Canonical) -> bool:
    theirs, ours = ([ident for ident, _, _ in side["tools"]] for side in (want, found))
    if any(theirs):
        return theirs == ours
    return len(ours) == len(theirs) and all(ours) and len(set(ours)) == len(ours)


def _finish(upstream: str, want: Canonical, found: Canonical) -> bool:
    theirs, ours = (_ONE_WORD.get(side["finish"] or "", side["finish"]) for side in (want, found))
    if upstream == "gemini" and want["tools"] and theirs == "stop":
        theirs = "tool_calls"  # `canon` knows that of the word STOP only
    return theirs == ours or (bool(want["refusal"]) and {theirs, ours} <= {"stop", "content_filter"})


def _is_there(signature: str, body: str) -> bool:
    return signature in body or json.dumps(signature)[1:-1] in body


def _sounds(want: Mapping[str, Any]) -> set[str]:
    """Spoken answers, which `canon` counts among the signatures by the name of their field."""
    return set(want.get("sounds") or ())
