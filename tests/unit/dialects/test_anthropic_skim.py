"""Of a streamed message most pieces of text are not decoded; the verdict is that of decoding all of them."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from assay.dialects.anthropic import Anthropic
from assay.dialects.anthropic_answer import Reader
from assay.dialects.anthropic_skim import MessageSkim
from assay.dialects.chunk_stream import StreamDecoder
from assay.dialects.skim import Skim, Skimming, skim_of
from assay.errors import AssayError
from assay.types import Event, Folder, TextDelta


def event(name: str, **more: Any) -> bytes:
    """One event of a stream."""
    return f"event: {name}\ndata: {json.dumps({'type': name, **more})}\n\n".encode()


def delta(kind: str, index: int = 0, **more: Any) -> bytes:
    """A piece of a block."""
    return event("content_block_delta", index=index, delta={"type": kind, **more})


MESSAGE = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": []}
TEXTS = [
    delta("text_delta", text="one"),
    delta("text_delta", text=" two {\n"),
    delta("text_delta", text=' \N{GRINNING FACE}"'),
    delta("text_delta", text=""),
    delta("text_delta", index=1, text="other"),
    delta("thinking_delta", thinking="hm"),
    delta("thinking_delta", thinking="hm, hm"),
    event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
]
EVENTS = [
    *TEXTS,
    event("message_start", message={**MESSAGE, "usage": {"input_tokens": 7, "output_tokens": 1}}),
    event("content_block_start", index=0, content_block={"type": "text", "text": "at once"}),
    event("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""}),
    event("content_block_start", index=1, content_block={"type": "tool_use", "id": "t", "name": "f", "input": {}}),
    event("content_block_start", index=0, content_block={"type": "text", "text": "", "assay:refusal": True}),
    event("content_block_stop", index=0),
    event("ping"),
    delta("input_json_delta", index=1, partial_json="{}"),
    delta("signature_delta", signature="s"),
    delta("citations_delta", citation={"cited_text": "one"}),
    delta("text_delta", text=5),
    delta("text_delta", text="~").replace(b"~", b"\xff"),
    delta("text_delta", text="~").replace(b"~", b"\n"),
    delta("text_delta", text="windows").replace(b"\n", b"\r\n"),
    event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 5}),
    event("message_stop"),
    event("error", error={"type": "overloaded_error", "message": "later"}),
    b"data: {oops\n\n",
]


def verdict(skim: Skimming, events: list[bytes]) -> Any:
    """All that anybody asks of a skim, after each event and at the end."""
    seen: list[Any] = []
    try:
        for one in events:
            skim.feed(one)
            seen.append((skim.begun, skim.heads, skim.ending, skim.failed, skim.used))
            if skim.failed is not None:
                break
        seen.append(words(skim.events()))
        answer = skim.close()
        seen.append((answer.finish, answer.usage, answer.id, answer.model))
    except AssayError as error:
        seen += [type(error), str(error), words(skim.events())]
    assert skim.had == events[: len(skim.had)]
    return seen


def words(events: list[Event]) -> Any:
    """What they say."""
    folder = Folder()
    for one in events:
        folder.add(one)
    return folder.response()


@pytest.mark.parametrize("seed", range(20))
def test_streams_of_any_events(seed: int) -> None:
    """State, words, errors and the end are those of the decoder."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    for _ in range(100):
        events = [EVENTS[len(TEXTS)], TEXTS[-1]] if rng.random() < 0.9 else []
        events += [rng.choice(TEXTS if rng.random() < 0.8 else EVENTS) for _ in range(rng.randrange(12))]
        assert verdict(MessageSkim(), events) == verdict(Skim(StreamDecoder(Reader())), events), events


def test_several_events_in_one_piece_are_all_decoded() -> None:
    """As where line ends differ: the text is one event of them, and another one ends its block."""
    both = TEXTS[0][:-1] + b"\r\n" + event("content_block_stop", index=0)
    events = [EVENTS[len(TEXTS)], TEXTS[-1], both, both]
    assert verdict(MessageSkim(), events) == verdict(Skim(StreamDecoder(Reader())), events)
    skim = MessageSkim()
    for one in events[:3]:
        skim.feed(one)
    assert not skim.fits(both)


def test_one_piece_of_a_text_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those like it are words, which may be had all the same."""
    skim = skim_of(Anthropic())
    for one in (EVENTS[len(TEXTS)], TEXTS[-1], TEXTS[0]):
        assert not skim.fits(one)
        skim.feed(one)
    with monkeypatch.context() as patched:
        patched.setattr(StreamDecoder, "feed", lambda *_: pytest.fail("decoded"))
        for one in TEXTS[1], delta("text_delta", text=" three"):
            assert skim.fits(one)
            skim.feed(one)
    assert not skim.fits(TEXTS[4])
    assert "".join(one.text for one in skim.events() if isinstance(one, TextDelta)) == "one two {\n three"
