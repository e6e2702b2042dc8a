"""The two forms in which Gemini streams: told apart, and cut into chunks."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.dialects.gemini_stream import ElementParser, GeminiParser
from assay.errors import MalformedReply

objects = st.dictionaries(
    st.text(max_size=3), st.recursive(st.text(max_size=5) | st.integers(), lambda inner: st.lists(inner, max_size=2))
    | st.dictionaries(st.text(max_size=2), st.text(max_size=4), max_size=2), max_size=3,
)  # fmt: skip


def fed(parser: Any, body: bytes, size: int) -> list[bytes]:
    """The chunks of a body that comes in pieces of `size` bytes."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return [event.data for piece in pieces for event in parser.feed(piece)] + [event.data for event in parser.close()]


@settings(max_examples=50)
@given(st.lists(objects, max_size=4), st.sampled_from([1, 2, 7, 1000]), st.booleans())
def test_elements_of_an_array(values: list[dict[str, Any]], size: int, ascii_only: bool) -> None:
    """Braces, quotes and backslashes inside strings cut nothing, at any border of the pieces."""
    body = json.dumps(values, ensure_ascii=ascii_only, indent=1).encode()
    assert [json.loads(data) for data in fed(ElementParser(), body, size)] == values


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("body", [b' \r\n[{"a":1}]', b'{"a":1}', b'data: {"a":1}\r\n\r\n', b': hi\r\rdata:{"a":1}\r\r'])
def test_which_form_it_is(body: bytes, size: int) -> None:
    """The first character tells an array, one object or server-sent events."""
    assert [json.loads(data) for data in fed(GeminiParser(), body, size)] == [{"a": 1}]


def test_nothing_came() -> None:
    """An empty stream has no chunks."""
    assert fed(GeminiParser(), b" \n", 1) == []


def test_an_element_without_an_end() -> None:
    """An element is bounded, and half of one is none."""
    parser = ElementParser(max_event_bytes=10)
    assert parser.feed(b'[{"a":"') == []
    assert parser.close() == []
    with pytest.raises(MalformedReply, match="larger than 10"):
        parser.feed(b"xxxxxx")
