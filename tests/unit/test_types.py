"""A response is the fold of its events, whole or in pieces, and survives the cache."""

import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay import types
from assay.dialects.unfold import events_of
from assay.inference.cache import pack, unpack
from assay.types import (
    Annotation,
    Audio,
    Begin,
    ContentDelta,
    Document,
    Event,
    Failed,
    Finish,
    Finished,
    Folder,
    Image,
    Logprobs,
    Message,
    OpaqueDelta,
    Raw,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Response,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Unknown,
    Usage,
    UsageReport,
    Video,
    fold,
    text_of,
)

# --------------------------------------------------------------------------------- events at random

words = st.text(max_size=6)
maybe = st.none() | words
objects = st.dictionaries(
    words, st.none() | st.booleans() | st.integers(-9, 9) | words | st.lists(words, max_size=2), max_size=2
)
choices = st.integers(0, 3)
counts = st.none() | st.integers(0, 1000)
contents = st.one_of(
    st.builds(Image, url=maybe, data=maybe, media_type=maybe, detail=maybe, extra=objects),
    st.builds(Audio, data=words, format=words, extra=objects),
    st.builds(Video, url=maybe, data=maybe, media_type=maybe, extra=objects),
    st.builds(Document, data=maybe, url=maybe, file_id=maybe, name=maybe, media_type=maybe, extra=objects),
    st.builds(Unknown, dialect=words, raw=objects),
)
finishes = st.builds(
    Finish, kind=st.sampled_from(["stop", "length", "tool_calls", "content_filter", "error"]), native=maybe,
    stop_sequence=maybe,
)  # fmt: skip
logprobs = st.fixed_dictionaries(
    {}, optional={"content": st.none() | st.lists(objects, max_size=2), "refusal": st.none()}
)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(Begin, id=maybe, model=maybe, created=counts, extra=objects),
    st.builds(TextDelta, text=words, choice=choices),
    st.builds(ReasoningDelta, text=words, choice=choices),
    st.builds(OpaqueDelta, data=objects, choice=choices),
    st.builds(RefusalDelta, text=words, choice=choices),
    st.builds(
        ToolCallDelta, index=st.integers(0, 2), id=maybe, name=maybe, arguments=words, choice=choices, extra=objects
    ),
    st.builds(Annotation, data=objects, choice=choices),
    st.builds(Logprobs, data=logprobs, choice=choices),
    st.builds(ContentDelta, part=contents, choice=choices),
    st.builds(
        UsageReport,
        usage=st.builds(Usage, input=counts, output=counts, cached=counts, reasoning=counts, total=counts,
                        native=st.none() | objects),
    ),
    st.builds(Finished, finish=finishes, choice=choices, extra=objects),
    st.builds(Raw, data=st.binary(max_size=4)),
)  # fmt: skip


@given(st.lists(events, max_size=25))
def test_the_events_of_a_response_fold_to_it(stream: list[Event]) -> None:
    """Whatever came over the wire, replaying the folded answer gives the same answer again."""
    response = fold(stream)
    assert fold(events_of(response)) == response


@given(st.lists(events, max_size=25))
def test_a_response_survives_the_cache(stream: list[Event]) -> None:
    """An answer that was packed, stored and unpacked is the same, and still replays to itself."""
    response = fold(stream)
    assert unpack(pack(response)) == response
    assert fold(events_of(unpack(pack(response)))) == response


@given(st.lists(events, max_size=25))
def test_raw_bytes_change_nothing(stream: list[Event]) -> None:
    """Raw bytes are for passing through; the fold is the same without them."""
    assert fold(stream) == fold([event for event in stream if not isinstance(event, Raw)])


@given(st.lists(events, max_size=15), st.integers(0, 15))
def test_what_was_folded_so_far_does_not_change_later(stream: list[Event], place: int) -> None:
    """`response()` may be asked in the middle; its value stays, and asking does not disturb the rest."""
    folder = Folder()
    for event in stream[:place]:
        folder.add(event)
    middle = folder.response()
    before = msgspec.json.encode(middle)
    for event in stream[place:]:
        folder.add(event)
    assert msgspec.json.encode(middle) == before
    assert middle == fold(stream[:place])
    assert folder.response() == fold(stream)


@given(st.lists(events, max_size=25))
def test_folding_leaves_the_events_alone(stream: list[Event]) -> None:
    """Events are values: folding them twice gives the same answer."""
    before = msgspec.json.encode(stream)
    assert fold(stream) == fold(stream)
    assert msgspec.json.encode(stream) == before


@given(st.lists(events, max_size=10))
def test_events_survive_json(stream: list[Event]) -> None:
    """Each event names its class, so that a list of them can be read back."""
    assert msgspec.json.decode(msgspec.json.encode(stream), type=list[Event]) == stream


# -------------------------------------------------------------------------------------- case by case


def test_parts_keep_their_order() -> None:
    """Reasoning, text, a call, an image and more text stay in the order they came; pieces of one are joined."""
    response = fold(
        [
            ReasoningDelta(text="hm"), ReasoningDelta(text="m"), TextDelta(text="The "), TextDelta(text="answer"),
            ToolCallDelta(index=0, id="c", name="f"), ContentDelta(part=Image(url="u")), TextDelta(text=" is 42"),
            RefusalDelta(text="no"), RefusalDelta(text="pe"),
        ]
    )  # fmt: skip
    assert response.parts == (
        Reasoning(text="hmm"), Text(text="The answer"), ToolCall(id="c", name="f"), Image(url="u"),
        Text(text=" is 42"), Refusal(text="nope"),
    )  # fmt: skip
    assert response.text == "The answer is 42"


def test_pieces_of_tool_calls_find_their_call() -> None:
    """Interleaved pieces go to the call of their number, also after text; the arguments are the model's own text."""
    response = fold(
        [
            ToolCallDelta(index=0, id="a", name="get", arguments='{"x"'),
            ToolCallDelta(index=1, id="b", name="put", arguments="{"),
            TextDelta(text="meanwhile"),
            ToolCallDelta(index=0, name="_it", arguments=": 1}", extra={"k": 1}),
            ToolCallDelta(index=1, id="late", arguments=" }"),
        ]
    )
    assert response.tool_calls == (
        ToolCall(id="a", name="get_it", arguments='{"x": 1}', extra={"k": 1}),
        ToolCall(id="b", name="put", arguments="{ }"),
    )


def test_an_id_that_comes_late_is_taken() -> None:
    """A call whose first piece had no id gets it from the next one that has."""
    stream = [ToolCallDelta(index=0, arguments="{"), ToolCallDelta(index=0, id="a", name="f", arguments="}")]
    assert fold(stream).tool_calls == (ToolCall(id="a", name="f", arguments="{}"),)


def test_each_choice_is_folded_for_itself() -> None:
    """With n > 1 events of different choices may be mixed; the first choice is the response, the others follow."""
    response = fold(
        [
            TextDelta(text="b", choice=1), TextDelta(text="a"), TextDelta(text="B", choice=1),
            ToolCallDelta(index=0, id="x", name="f", choice=2), ToolCallDelta(index=0, id="y", name="g"),
            Finished(finish=Finish(kind="length"), choice=1, extra={"e": 1}), Finished(finish=Finish(kind="stop")),
        ]
    )  # fmt: skip
    assert (response.text, response.finish) == ("a", Finish(kind="stop"))
    assert [one.text for one in response.alternatives] == ["bB", ""]
    assert response.alternatives[0].finish == Finish(kind="length")
    assert response.alternatives[0].extra == {"e": 1}
    assert response.alternatives[1].tool_calls == (ToolCall(id="x", name="f"),)


def test_log_probabilities_are_joined() -> None:
    """Lists under equal keys are concatenated; a late null undoes nothing."""
    one, two = {"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1.5}
    response = fold(
        [
            Logprobs(data={"content": [one], "refusal": None}),
            Logprobs(data={"content": [two]}),
            Logprobs(data={"content": None, "refusal": [two]}),
        ]
    )
    assert response.logprobs == {"content": [one, two], "refusal": [two]}


def test_the_last_usage_counts() -> None:
    """Hosts repeat usage while they stream; a report replaces the earlier one as a whole."""
    stream = [UsageReport(usage=Usage(input=5, cached=3)), UsageReport(usage=Usage(input=5, output=7))]
    assert fold(stream).usage == Usage(input=5, output=7)
    assert fold([TextDelta(text="x")]).usage is None


def test_annotations_belong_to_the_text_before_them() -> None:
    """A citation is put to the text that it follows; more text then begins a new part."""
    note = {"type": "url_citation", "url": "u"}
    response = fold([TextDelta(text="As "), TextDelta(text="said"), Annotation(data=note), TextDelta(text=" there")])
    assert response.parts == (Text(text="As said", annotations=(note,)), Text(text=" there"))
    assert fold([Annotation(data=note)]).parts == (Text(text="", annotations=(note,)),)


def test_opaque_blocks_stay_with_the_reasoning() -> None:
    """Signatures are kept verbatim, in order, and with the reasoning they came after."""
    response = fold(
        [ReasoningDelta(text="so"), OpaqueDelta(data={"s": 1}), OpaqueDelta(data={"s": 2}), TextDelta(text="x")]
    )
    assert response.parts == (Reasoning(text="so", opaque=({"s": 1}, {"s": 2})), Text(text="x"))


def test_a_repeated_head_fills_gaps() -> None:
    """Later heads fill what earlier ones left open and overwrite nothing but extras."""
    response = fold(
        [Begin(id="a", created=0), Begin(id="b", model="m", created=5, extra={"k": 1}), Begin(extra={"k": 2})]
    )
    assert (response.id, response.model, response.created, response.extra) == ("a", "m", 0, {"k": 2})


def test_nothing_folds_to_an_empty_response() -> None:
    """No events, an empty answer: not an error here."""
    assert fold([]) == Response()
    assert fold(events_of(Response())) == Response()


def test_a_failure_is_kept_beside_the_answer() -> None:
    """What came before an error is still there, and the error is not part of it."""
    folder = Folder()
    failed = Failed(error="Overloaded", message="busy")
    for event in (TextDelta(text="half"), failed):
        folder.add(event)
    assert folder.failed == failed
    assert folder.response() == Response(parts=(Text(text="half"),))


def test_a_long_answer_is_folded_in_linear_time() -> None:
    """20,000 tokens with log-probabilities take a fraction of a second, not a minute."""
    import time

    started = time.process_time()
    stream: list[Event] = []
    for _ in range(20_000):
        stream += [TextDelta(text="word "), Logprobs(data={"content": [{"token": "word "}]})]
    response = fold(stream)
    assert len(response.text) == 100_000
    assert response.logprobs is not None
    assert len(response.logprobs["content"]) == 20_000
    assert time.process_time() - started < 3.0


def test_values_cannot_be_changed() -> None:
    """Requests and answers are shared between attempts, so nobody may change them."""
    message = Message.of("user", "hello")
    with pytest.raises(AttributeError):
        message.role = "system"  # type: ignore[misc]
    assert message == Message.of("user", "hello")
    assert text_of((Text(text="a"), Image(url="u"), Text(text="b"))) == "ab"


def test_the_public_names_are_all_there() -> None:
    """`__all__` names what exists, and each value that the module defines has a docstring."""
    for name in types.__all__:
        assert hasattr(types, name), name
    public: dict[str, Any] = {
        name: thing for name, thing in vars(types).items()
        if isinstance(thing, type) and thing.__module__ == types.__name__ and not name.startswith("_")
    }  # fmt: skip
    assert public.keys() - {"Value"} <= set(types.__all__)
    assert all(thing.__doc__ for thing in public.values())


@pytest.mark.parametrize(
    "piece",
    [
        TextDelta(text="x" * 40),
        ReasoningDelta(text="x" * 40),
        RefusalDelta(text="x" * 40),
        ToolCallDelta(index=0, arguments="x" * 40),
        ToolCallDelta(index=0, id="c", name="", arguments="x" * 40),
    ],
    ids=["text", "reasoning", "refusal", "call", "call that is named again with each piece"],
)
def test_a_long_answer_costs_no_more_than_its_length(piece: Event) -> None:
    """Six megabytes in 150,000 pieces are folded in well under the time that copying the text with each would take."""
    count = 150_000
    began = time.process_time()
    [part] = fold([piece] * count).parts
    assert time.process_time() - began < 4.0  # 450 GB of copies else
    assert len(part.arguments if isinstance(part, ToolCall) else part.text) == 40 * count  # type: ignore[union-attr]
