"""Requests that are read in one typed step are read exactly as those that are read field by field."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from assay.dialects import chat_request
from assay.dialects.chat_plain import read_plain

TURNS: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "developer", "content": ""},
    {"role": "user", "content": 'Grüße \N{GRINNING FACE} "quoted" \\ \u2028'},
    {"role": "assistant", "content": "Well?"},
]
PLAIN: list[dict[str, Any]] = [
    {},
    {"temperature": 0},
    {"temperature": 0.7, "top_p": 1, "seed": -3, "n": 2},
    {"max_tokens": 0},
    {"max_tokens": 128, "stop": "END"},
    {"max_completion_tokens": 9, "stop": ["a", "b"]},
    {"stream": False},
    {"stream": True, "stream_options": {"include_usage": True}},
    {"stream": True, "stream_options": {}},
]
OTHER: list[dict[str, Any]] = [
    {"temperature": None},
    {"max_tokens": 1.0},
    {"max_tokens": -1},
    {"max_tokens": True},
    {"max_tokens": 1 << 63},
    {"max_tokens": 1, "max_completion_tokens": 2},
    {"stop": []},
    {"user": "u1"},
    {"stream_options": {"include_usage": True, "include_obfuscation": False}},
    {"tools": []},
    {"assay:kind": "x"},
    {"messages": []},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "a list"}]}]},
    {"messages": [{"role": "user", "content": "named", "name": "bo"}]},
    {"messages": [{"role": "tool", "content": "x", "tool_call_id": "c1"}]},
    {"messages": [{"role": "assistant", "content": None}]},
]


def body(more: dict[str, Any]) -> bytes:
    """A request, spaced as some clients do."""
    return json.dumps({"messages": TURNS, "model": "m", **more}, indent=1).encode()


@pytest.mark.parametrize("more", PLAIN, ids=json.dumps)
def test_both_readers_agree(more: dict[str, Any]) -> None:
    """The same request in every field, down to whether a number was said as a whole one."""
    plain = read_plain(body(more))
    assert plain is not None
    fully = chat_request._read_any(body(more))
    assert plain == fully
    assert msgspec.json.encode(plain) == msgspec.json.encode(fully)


@pytest.mark.parametrize("more", OTHER, ids=json.dumps)
def test_the_rest_is_left_to_the_full_reader(more: dict[str, Any]) -> None:
    """What the types do not say exactly is neither read nor refused here."""
    assert read_plain(body(more)) is None


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b'{"model": "\\ud800", "messages": []}', b"[" * 9999])
def test_what_is_no_request_is_left_too(data: bytes) -> None:
    """Who says what is wrong with it is the full reader."""
    assert read_plain(data) is None
