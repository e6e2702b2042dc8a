"""The `usage` object of OpenAI's formats, with the names that its relatives use for the same numbers.

| number | OpenAI | also |
|---|---|---|
| cached | `prompt_tokens_details.cached_tokens` | `cache_read_input_tokens`, `prompt_cache_hit_tokens` (DeepSeek), `cached_tokens` |
| cache_write | `prompt_tokens_details.cache_write_tokens` | `...cache_creation_tokens`, `cache_creation_input_tokens` |
| reasoning | `completion_tokens_details.reasoning_tokens` | `reasoning_tokens` |

The names mean the same tokens, so the first one that is there counts; they are never added.
"""  # noqa: E501 - a table row cannot be broken

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.dialects.token_count import token_count
from assay.types import Usage

__all__ = ["read_usage", "write_usage"]

_CACHED = ("cache_read_input_tokens", "prompt_cache_hit_tokens", "cached_tokens")
_WRITTEN = ("cache_write_tokens", "cache_creation_tokens")


def read_usage(native: Mapping[str, Any]) -> Usage:
    """What a provider said, in our names; a number it did not give is `None`."""
    prompt = _mapping(native.get("prompt_tokens_details"))
    answer = _mapping(native.get("completion_tokens_details"))
    return Usage(
        input=token_count(native.get("prompt_tokens")),
        output=token_count(native.get("completion_tokens")),
        total=token_count(native.get("total_tokens")),
        cached=_first(token_count(prompt.get("cached_tokens")), *(token_count(native.get(key)) for key in _CACHED)),
        cache_write=_largest(
            *(token_count(prompt.get(key)) for key in _WRITTEN), token_count(native.get("cache_creation_input_tokens"))
        ),
        reasoning=_first(token_count(answer.get("reasoning_tokens")), token_count(native.get("reasoning_tokens"))),
        native=dict(native),
    )


def write_usage(usage: Usage) -> dict[str, Any]:
    """The `usage` object for a client: the provider's own where it has this form, with our numbers filled in."""
    native = usage.native or {}
    wire = dict(native) if "prompt_tokens" in native or "completion_tokens" in native else {}
    said = read_usage(wire)
    total = usage.total
    if total is None and not wire and usage.input is not None and usage.output is not None:
        total = usage.input + usage.output  # the format demands it, and not every provider says it
    for key, ours, theirs in (
        ("prompt_tokens", usage.input, said.input),
        ("completion_tokens", usage.output, said.output),
        ("total_tokens", total, said.total),
    ):
        if ours is not None and ours != theirs:
            wire[key] = ours
    prompt = dict(_mapping(wire.get("prompt_tokens_details")))
    answer = dict(_mapping(wire.get("completion_tokens_details")))
    _fill(prompt, "cached_tokens", usage.cached, prompt.get("cached_tokens"))
    _fill(prompt, "cache_write_tokens", usage.cache_write, said.cache_write)
    _fill(answer, "reasoning_tokens", usage.reasoning, answer.get("reasoning_tokens"))
    if prompt:
        wire["prompt_tokens_details"] = prompt
    if answer:
        wire["completion_tokens_details"] = answer
    return wire


def _fill(details: dict[str, Any], key: str, ours: int | None, theirs: int | None) -> None:
    if ours is not None and ours != theirs:
        details[key] = ours


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)


def _largest(*values: int | None) -> int | None:
    """Some hosts give the number under one name and a 0 under another: the largest is the number."""
    return max((value for value in values if value is not None), default=None)
