"""The SSE parser and writer."""

import collections

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.dialects.sse import Parser, ServerEvent, write_event
from assay.errors import MalformedReply

TEXTS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\n"), max_size=12)
EVENTS = st.lists(
    st.tuples(st.lists(TEXTS, min_size=1, max_size=3), st.sampled_from(["", "delta", "größe"])), max_size=5
)


def parse(stream: bytes, cuts: list[int] | None = None) -> list[ServerEvent]:
    """All events of `stream`, fed in pieces that end at `cuts`."""
    parser = Parser()
    events, at = [], 0
    for cut in [*sorted(cuts or []), len(stream)]:
        events += parser.feed(stream[at:cut])
        at = max(at, cut)
    return events + parser.close()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_line_ends(end: bytes) -> None:
    """LF, CRLF and CR all end a line."""
    stream = b": hello\ndata: a\n\nevent: x\ndata: b\ndata: c\n\n".replace(b"\n", end)
    assert parse(stream) == [ServerEvent(b"a"), ServerEvent(b"b\nc", "x")]


@given(EVENTS, st.sampled_from([b"\n", b"\r\n", b"\r"]), st.data())
def test_any_cut_gives_the_same_events(events: list[tuple[list[str], str]], end: bytes, data: st.DataObject) -> None:
    """Trap 20: chunk borders, also inside UTF-8 and CRLF, change nothing."""
    stream = b""
    for lines, name in events:
        stream += (f"event: {name}".encode() + end if name else b"") + b": comment" + end
        stream += b"".join(b"data: " + line.encode() + end for line in lines) + end
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8))
    expected = [ServerEvent("\n".join(lines).encode(), name or "message") for lines, name in events]
    assert parse(stream, cuts) == expected
    assert parse(stream, list(range(len(stream)))) == expected


def test_data_without_a_space_and_a_bare_field() -> None:
    """One space after the colon is optional, a second one belongs to the data."""
    assert parse(b"data:a\n\ndata:  b\n\ndata\n\n") == [ServerEvent(b"a"), ServerEvent(b" b"), ServerEvent(b"")]


def test_comments_ids_and_blank_lines_make_no_event() -> None:
    """What carries no data is no event, and a name without data is forgotten."""
    assert parse(b": ping\n\nid: 3\nretry: 10\n\nevent: lost\n\n\n\ndata: x\n\n") == [ServerEvent(b"x")]


def test_byte_order_mark_is_skipped() -> None:
    """A mark at the start belongs to no field, wherever it is cut."""
    assert parse(b"\xef\xbb\xbfdata: x\n\n", [1, 2]) == [ServerEvent(b"x")]


def test_last_event_without_blank_line() -> None:
    """Hosts that forget the last blank line still get their last event read."""
    assert parse(b"data: x\n\ndata: y") == [ServerEvent(b"x"), ServerEvent(b"y")]


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 200, b"data: xxxxxxxxx\n", b"x"])
def test_one_event_is_bounded(piece: bytes) -> None:
    """A line, or many lines, of one event beyond the bound are refused and not kept."""
    parser = Parser(max_event_bytes=100)
    with pytest.raises(MalformedReply, match="larger than 100 bytes"):
        collections.deque(map(parser.feed, [piece] * 200))


def test_the_bound_is_per_event() -> None:
    """A long stream of small events is no problem."""
    parser = Parser(max_event_bytes=100)
    assert len([event for _ in range(100) for event in parser.feed(b"data: xxxxxxxxxx\n\n")]) == 100


@given(TEXTS, st.sampled_from([None, "delta"]))
def test_written_events_are_read_back(text: str, name: str | None) -> None:
    """`write_event` and `Parser` agree, also on data of several lines."""
    data = f"{text}\n{text}".encode()
    assert parse(write_event(data, name)) == [ServerEvent(data, name or "message")]
