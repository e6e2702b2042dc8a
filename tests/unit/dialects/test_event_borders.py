"""Streams are cut after whole events only, whatever the pieces and line ends are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.dialects.event_borders import Borders, apart
from assay.dialects.sse import MAX_EVENT_BYTES, Parser
from assay.errors import MalformedReply

LINES = st.sampled_from([b"data: 1", b"data: two", b"event: x", b": ping", b"data:"])


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    """A stream of one kind of line ends, and places where it is cut into pieces."""
    newline = draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    events = draw(st.lists(st.lists(LINES, min_size=1, max_size=3), max_size=6))
    data = b"".join(newline.join([*lines, b"", b""]) for lines in events) + draw(st.sampled_from([b"", b"data: op"]))
    return data, sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))


@given(streams())
def test_pieces_are_whole_events(case: tuple[bytes, list[int]]) -> None:
    """Nothing is lost or moved, and what is given ends every event that it begins."""
    data, cuts = case
    borders, given_ = Borders(), []
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        if piece := borders.feed(data[start:end]):
            given_.append(piece)
    assert b"".join([*given_, borders.rest()]) == data
    for piece in given_:
        assert piece.endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))
    assert not borders.rest().endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))


@given(streams())
def test_events_apart(case: tuple[bytes, list[int]]) -> None:
    """Each piece holds at most one event, and together they are the whole."""
    data, _ = case
    pieces = apart(data)
    assert b"".join(pieces) == data
    for piece in pieces:
        parser = Parser()
        assert len(parser.feed(piece)) + len(parser.close()) <= 1


def test_what_comes_whole_is_not_copied() -> None:
    """The usual piece, one or more whole events, is given on as it is."""
    data = b"data: 1\n\ndata: 2\n\n"
    assert Borders().feed(data) is data
    assert apart(b"") == []
    for one in (b"data: 1\n\n", b"data: 1\r\n\r\n"):
        assert apart(one)[0] is one


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_empty_lines_behind_the_last_event_belong_to_it(newline: bytes) -> None:
    """Alone they would be taken for an event that was cut off."""
    one = b"data: 1" + 3 * newline
    assert apart(one) == [one]
    assert apart(b"data: 0" + 2 * newline + one)[1:] == [one]
    assert apart(newline) == [newline]


def test_an_event_without_end_is_refused() -> None:
    """Beyond the bound of one event the stream cannot be read."""
    borders = Borders()
    borders.feed(b"x" * MAX_EVENT_BYTES)
    with pytest.raises(MalformedReply, match="one event"):
        borders.feed(b"x")
