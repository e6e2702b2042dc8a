"""What models wrote, back as text and calls."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import MalformedReply
from assay.providers.local.tool_answer import JsonText, ToolAnswer
from assay.types import Event, Finish, Finished, FinishKind, Folder, Response, TextDelta, Usage, UsageReport

CALL = '{"tool": "stock", "arguments": {"part": "BX-1"}}'


def read(*pieces: str, finish: FinishKind = "stop", streams: bool = True, request: bytes = b"r") -> list[Event]:
    """The events for an answer that came in these pieces."""
    answer = ToolAnswer(request, streams=streams)
    given: list[Event] = [TextDelta(text=piece) for piece in pieces]
    given += [UsageReport(usage=Usage(output=3)), Finished(finish=Finish(kind=finish, native="n"))]
    return [event for one in given for event in answer.read(one)]


def fold(*pieces: str, finish: FinishKind = "stop", streams: bool = True) -> Response:
    """The whole answer."""
    folder = Folder()
    for event in read(*pieces, finish=finish, streams=streams):
        folder.add(event)
    return folder.response()


BLANKS = ('\n {\n "tool" :', '"stock", "arguments":{"part": "BX-1"}\n}')


@pytest.mark.parametrize("pieces", [(CALL,), tuple(CALL), BLANKS])
def test_a_call_is_a_tool_call_and_no_text(pieces: tuple[str, ...]) -> None:
    """Whole, letter by letter or with blanks: one call, arguments as they were written, finish tool_calls."""
    response = fold(*pieces)
    (call,) = response.tool_calls
    assert (call.name, call.arguments) == ("stock", '{"part": "BX-1"}')
    assert response.text == ""
    assert response.finish == Finish(kind="tool_calls", native="n")
    assert response.usage is not None


def test_several_calls_keep_their_order_and_have_ids_of_their_own() -> None:
    """An array is as many calls; equal requests get equal ids, other requests others."""
    written = f'[{CALL}, {{"tool": "ping", "arguments": {{ }}}}]'
    response = fold(written)
    assert [(call.name, call.arguments) for call in response.tool_calls] == [
        ("stock", '{"part": "BX-1"}'),
        ("ping", "{ }"),
    ]
    ids = [call.id for call in response.tool_calls]
    assert len(set(ids)) == 2
    assert read(written) == read(written) != read(written, request=b"s")


def test_text_is_handed_on_as_it_comes() -> None:
    """Pieces of an answer become pieces of text, at any border, escapes and surrogates included."""
    written = '{"answer": "Grüße,\\n\\"Bo\\" \\ud83d\\ude00 \\u00e9"}'
    whole = 'Grüße,\n"Bo" 😀 é'
    assert fold(written).text == whole
    events = [event for event in read(*written) if isinstance(event, TextDelta)]
    assert len(events) > 10
    assert "".join(event.text for event in events) == whole
    assert fold(*written).finish == Finish(kind="stop", native="n")


@given(text=st.text(max_size=40), escape=st.booleans(), cuts=st.lists(st.integers(1, 300), max_size=6))
def test_a_json_string_reads_the_same_in_any_pieces(text: str, escape: bool, cuts: list[int]) -> None:
    """Whatever the text and the borders, the pieces add up to it, and nothing after the quote counts."""
    written = json.dumps(text, ensure_ascii=escape)[1:] + " }"
    borders = [0, *sorted(min(cut, len(written)) for cut in cuts), len(written)]
    reader = JsonText()
    pieces = [reader.feed(written[a:b]) for a, b in pairwise(borders)]
    assert "".join(pieces) == text


def test_half_a_surrogate_pair_is_a_replacement_character() -> None:
    """What cannot be a character does not break the stream."""
    assert JsonText().feed('a\\ud83d b\\ude00"') == "a\ufffd b\ufffd"


@pytest.mark.parametrize(
    ("written", "text", "calls"),
    [
        ('{"answer": "It is 21', "It is 21", []),
        ('{"answer": "It is \\u00', "It is ", []),
        ('{"tool": "stock", "arguments": {"part": "B', "", [("stock", '{"part": "B')]),
        (f'[{CALL}, {{"tool": "pi', "", [("stock", '{"part": "BX-1"}')]),
        (f"[{CALL}", "", [("stock", '{"part": "BX-1"}')]),
        ('{"to', "", []),
        ("", "", []),
    ],
)
def test_an_answer_cut_by_its_length_is_told_as_far_as_it_goes(
    written: str, text: str, calls: list[tuple[str, str]]
) -> None:
    """Text so far, or calls with the last one's arguments incomplete; the finish says `length`."""
    response = fold(written, finish="length")
    assert response.text == text
    assert [(call.name, call.arguments) for call in response.tool_calls] == calls
    assert response.finish == Finish(kind="length", native="n")


def test_a_call_that_ends_exactly_at_the_limit_is_a_call() -> None:
    """Nothing is missing, so the client may act on it."""
    assert fold(CALL, finish="length").finish == Finish(kind="tool_calls", native="n")


@pytest.mark.parametrize("written", ["", "Hello", '{"tool": "stock", "arguments": {"part"', f"[{CALL}", f"{CALL} more"])
def test_what_breaks_the_form_is_a_malformed_reply(written: str) -> None:
    """Not cut by length, and neither a call nor an answer: it is shown."""
    with pytest.raises(MalformedReply, match="neither a tool call nor an answer"):
        read(written)


def test_a_stop_sequence_ends_a_text_as_it_should() -> None:
    """The text up to it is the answer."""
    response = fold('{"answer": "one two')
    assert (response.text, response.finish) == ("one two", Finish(kind="stop", native="n"))


def test_an_answer_with_a_form_of_its_own_comes_as_its_json() -> None:
    """Where the request asks for JSON, the text is the value, whole or as far as it goes."""
    assert json.loads(fold('{"answer": {"age": 31} }', streams=False).text) == {"age": 31}
    assert fold('{"answer": "a\\n"}', streams=False).text == "a\n"
    assert fold('{"answer": {"age": 3', streams=False, finish="length").text == '{"age": 3'
