"""The `usage` object of Messages: both directions.

| number | Messages |
|---|---|
| input | `input_tokens` + `cache_read_input_tokens` + `cache_creation_input_tokens`, which here exclude each other |
| cached, cache_write | `cache_read_input_tokens`, `cache_creation_input_tokens` |
| output | `output_tokens` |
| reasoning | `output_tokens_details.thinking_tokens`, part of the output |

Where the host worked in several `iterations` (a compaction, say), what is billed is their sum; the numbers at the top
leave some of them out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.dialects.token_count import token_count
from assay.types import Usage

__all__ = ["read_usage", "write_usage"]

_READ, _WRITTEN = "cache_read_input_tokens", "cache_creation_input_tokens"
_COUNTS = ("input_tokens", _READ, _WRITTEN, "output_tokens")
_OTHERS = frozenset({"total_tokens", "input_tokens_details", "prompt_tokens", "promptTokenCount"})


def read_usage(native: Mapping[str, Any]) -> Usage:
    """What a host said, in our names; a number it did not give is `None`."""
    said = {key: token_count(native.get(key)) for key in _COUNTS}
    steps = [step for step in native.get("iterations") or () if isinstance(step, dict)]
    for key in _COUNTS:
        billed = sum(token_count(step.get(key)) or 0 for step in steps)
        if billed > (said[key] or 0):
            said[key] = billed
    plain, output = said["input_tokens"], said["output_tokens"]
    whole = None if plain is None else plain + (said[_READ] or 0) + (said[_WRITTEN] or 0)
    details = native.get("output_tokens_details")
    return Usage(
        input=whole,
        output=output,
        cached=said[_READ],
        cache_write=said[_WRITTEN],
        reasoning=token_count(details.get("thinking_tokens")) if isinstance(details, dict) else None,
        total=None if whole is None or output is None else whole + output,
        native=dict(native),
    )


def write_usage(usage: Usage | None) -> dict[str, Any]:
    """The `usage` object for a client: the host's own where it has this form.

    The format demands the tokens of input and output, so that a number nobody knows is written as 0 here.
    """
    known = usage or Usage()
    native = known.native or {}
    if "output_tokens" in native and not _OTHERS & native.keys():
        return {"input_tokens": 0, **native}
    cached, written = known.cached or 0, known.cache_write or 0
    wire: dict[str, Any] = {"input_tokens": max(0, (known.input or 0) - cached - written)}
    for key, value in ((_WRITTEN, known.cache_write), (_READ, known.cached)):
        if value is not None:
            wire[key] = value
    wire["output_tokens"] = known.output or 0
    if known.reasoning is not None:
        wire["output_tokens_details"] = {"thinking_tokens": known.reasoning}
    return wire
