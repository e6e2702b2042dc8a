"""Gemini's `usageMetadata` in our convention.

| number | Gemini |
|---|---|
| input | `promptTokenCount` (cached ones are part of it) + `toolUsePromptTokenCount` |
| output | `candidatesTokenCount` + `thoughtsTokenCount` |
| cached | `cachedContentTokenCount` |
| reasoning | `thoughtsTokenCount` |

A stream repeats the whole report in every chunk, with running numbers: the last one counts. Where a chunk leaves out a
number that an earlier one gave, the earlier one still holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.dialects.token_count import token_count
from assay.types import Usage

__all__ = ["read_usage"]


def read_usage(native: Mapping[str, Any]) -> Usage:
    """What Gemini said was used; a number that it did not give is `None`, except where the total proves it to be 0."""
    prompt, tools = _count(native, "promptTokenCount"), _count(native, "toolUsePromptTokenCount")
    answer, thoughts = _count(native, "candidatesTokenCount"), _count(native, "thoughtsTokenCount")
    given, total = _sum(prompt, tools), _count(native, "totalTokenCount")
    output = _sum(answer, thoughts)
    if output is None and total is not None and total == given:
        output = 0  # zeros are not written
    return Usage(
        input=given,
        output=output,
        cached=_count(native, "cachedContentTokenCount"),
        reasoning=thoughts,
        total=total,
        native=dict(native),
    )


def _count(native: Mapping[str, Any], key: str) -> int | None:
    return token_count(native.get(key))


def _sum(*numbers: int | None) -> int | None:
    said = [number for number in numbers if number is not None]
    return sum(said) if said else None
