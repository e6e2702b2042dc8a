"""The `usage` object of OpenAI's Responses.

The convention is ours already: input includes cached and cache-written tokens, output includes reasoning. The schema
demands a number for each detail, so that a client is told 0 where the provider told nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.dialects.token_count import token_count
from assay.types import Usage

__all__ = ["read_usage", "write_usage"]

_INPUT = "input_tokens_details"
_OUTPUT = "output_tokens_details"
_WRITTEN = ("cache_write_tokens", "cache_creation_tokens")


def read_usage(native: Mapping[str, Any]) -> Usage:
    """What a provider said, in our names; a number it did not give is `None`."""
    asked, answered = _mapping(native.get(_INPUT)), _mapping(native.get(_OUTPUT))
    return Usage(
        input=token_count(native.get("input_tokens")),
        output=token_count(native.get("output_tokens")),
        total=token_count(native.get("total_tokens")),
        cached=token_count(asked.get("cached_tokens")),
        cache_write=next((count for key in _WRITTEN if (count := token_count(asked.get(key))) is not None), None),
        reasoning=token_count(answered.get("reasoning_tokens")),
        native=dict(native),
    )


def write_usage(usage: Usage) -> dict[str, Any]:
    """The `usage` object for a client: the provider's own where it has this form, with our numbers filled in."""
    native = usage.native or {}
    wire = dict(native) if native.keys() >= {"input_tokens", "total_tokens"} else {}
    total = usage.total
    if total is None and usage.input is not None and usage.output is not None:
        total = usage.input + usage.output
    wire |= {"input_tokens": usage.input or 0, "output_tokens": usage.output or 0, "total_tokens": total or 0}
    asked, answered = dict(_mapping(wire.get(_INPUT))), dict(_mapping(wire.get(_OUTPUT)))
    _put(asked, "cached_tokens", usage.cached)
    if not any(key in asked for key in _WRITTEN[1:]):
        _put(asked, _WRITTEN[0], usage.cache_write)
    _put(answered, "reasoning_tokens", usage.reasoning)
    return wire | {_INPUT: asked, _OUTPUT: answered}


def _put(details: dict[str, Any], key: str, count: int | None) -> None:
    details[key] = details.get(key, 0) if count is None else count


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
