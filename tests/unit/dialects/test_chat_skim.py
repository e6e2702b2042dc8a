"""Skimming an answer comes to the verdict that decoding it comes to, whatever a host sends."""

from __future__ import annotations

import contextlib
import json
import random
from typing import Any

import pytest

from assay.dialects import chat_answer, chat_skim
from assay.dialects.chat_skim import ChatSkim, skim_whole
from assay.dialects.chunk_stream import StreamDecoder
from assay.dialects.outline import Outlines
from assay.dialects.skim import Skim, Skimming
from assay.errors import AssayError
from assay.types import Finish, Response, TextDelta, fold

USAGES: list[Any] = [
    {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0}},
    {"prompt_tokens": 9, "completion_tokens": 7, "completion_tokens_details": {"reasoning_tokens": 5}},
    {"prompt_tokens": 9, "completion_tokens": 7, "prompt_tokens_details": {"audio_tokens": 2}},
    {"prompt_tokens": 9, "completion_tokens": 7, "prompt_cache_hit_tokens": 8},
    {"prompt_tokens": -1, "completion_tokens": 2},
    {"prompt_tokens": 1.5, "completion_tokens": None},
    {},
    None,
    "much",
]


def chunk(choices: list[Any], **more: Any) -> bytes:
    """One event of a stream."""
    body = {"id": "c1", "created": 7, "model": "up", "choices": choices, **more}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def said(delta: Any, finish: Any = None, **more: Any) -> list[Any]:
    """The choices of a chunk."""
    return [{"index": 0, "delta": delta, "finish_reason": finish, **more}]


def calls(*entries: Any) -> list[Any]:
    """The choices of a chunk that calls."""
    return said({"tool_calls": list(entries)})


WORDS: list[bytes] = [
    b"", b"plain", b"it's {so}, [so] & <so>", b"\\n\\t\\/\\\\", b'\\"content\\":\\"', b"\\u00e9\\u0000",
    "\N{EURO SIGN}".encode(), b"\x7f", "\N{GRINNING FACE}\ud7ff\ue000\U0010ffff\x80\u07ff\u0800".encode(),
    b"\\ud83d\\ude00", b"\\ud83d", b"\\udE00x", b'","role":"assistant', b'"},"finish_reason": "stop', b'"x', b"\\",
    b"\\x", b"\\u12", b"\x00", b"\x1f", b"\n", b"\r", b"\n\n", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xe2\x82",
    b"\xf4\x90\x80\x80", b"\x80",
]  # fmt: skip
"""What may stand between the quotes of a text; JSON or not."""
EVENTS: list[bytes] = [
    chunk(said({"role": "assistant", "content": ""})),
    chunk(said({"content": "one"})),
    chunk(said({"content": " two \N{GRINNING FACE}"}), service_tier="priority"),
    chunk(said({"content": " three"}, logprobs=None), system_fingerprint="f", obfuscation="xx"),
    *(chunk(said({"content": "~"})).replace(b"~", words) for words in WORDS),
    *(chunk(said({"content": "~"}), usage=None, obfuscation="^").replace(b"~", words) for words in WORDS[::3]),
    chunk(said({"reasoning_content": "hm"})),
    chunk(said({"reasoning_content": "hm, hm"})),
    chunk(said({"reasoning": "hm", "content": ""})),
    chunk(said({"reasoning": "hm, hm", "content": ""})),
    chunk(said({"role": "assistant", "content": "", "reasoning_content": None})),
    chunk(said({"role": "assistant", "content": "", "reasoning_content": "hm", "reasoning": "hm"})),
    chunk(said({"role": "assistant", "content": None, "reasoning_content": "", "reasoning": "um"})),
    chunk(calls({"index": 0, "id": "t1", "type": "function", "function": {"name": "look", "arguments": ""}})),
    chunk(calls({"index": 0, "function": {"arguments": "{}"}})),
    chunk(calls({"index": 0, "function": {"arguments": '{"a": 5'}})),
    chunk(calls({"index": 0, "id": "t1", "type": "function", "function": {"name": "look", "arguments": "}"}})),
    chunk(calls({"function": {"name": "see"}}, {"id": "t2", "function": None})),
    chunk(calls({"index": -1, "id": "", "type": None})),
    chunk(said({"content": "~"}), created=8),
    chunk(said({"content": "~"}), id="", model="", created=None),
    chunk(said({"content": "~"}), id="", model="", created=None, service_tier=""),
    chunk(said({"content": "~"}), service_tier=None),
    chunk(said({"content": "one"})) + chunk(said({"content": "two"})),
    chunk(said({}, "stop")),
    chunk(said({"content": ""}, "stop", stop_reason=None, token_ids=None, content_filter_results={"hate": {}})),
    chunk(said({}, "stop", stop_reason="END")),
    chunk(said({}, "length", stop_reason="END")),
    chunk(said({}, "stop", stop_reason=128009)),
    chunk(said({}, "stop", stop_reason=["END"])),
    chunk(said({"content": "more"}, content_filter_results={}, stop_reason="END")),
    chunk(said({"content": "~", "tool_calls": None, "function_call": None, "audio": None, "reasoning_details": []})),
    chunk(said({"content": "", "tool_calls": [], "images": []})),
    chunk(said({}, "length")),
    chunk(said({}, "eos")),
    chunk(said({"content": "four"}, "stop"), usage=USAGES[0]),
    *(chunk([], usage=usage) for usage in USAGES),
    b": still there\n\n",
    b"data: [DONE]\n\n",
    b"data:[DONE]\n\n",
    b"event: message\ndata: " + chunk(said({"content": "named"}))[6:],
    chunk(said({"tool_calls": [{"index": 0, "id": "t1", "function": {"name": "look", "arguments": "{}"}}]})),
    chunk(said({"reasoning_content": 5})),
    chunk(calls({"index": 0, "type": "custom", "custom": {"name": "look", "input": "x"}})),
    chunk(calls({"index": 0, "function": {"name": "look", "arguments": {"a": 5}}})),
    chunk(calls({"index": 0, "function": {"name": "look"}, "extra_content": {"google": 5}})),
    chunk(calls({"index": 0, "function": "look"})),
    chunk(calls(5)),
    chunk(said({"function_call": {"name": "look", "arguments": "{}"}})),
    chunk(said({"reasoning": {"content": "hm"}})),
    chunk(said({"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]})),
    chunk(said({"content": ["odd"]})),
    chunk([{"index": 1, "delta": {"content": "second"}}]),
    chunk(said({"content": "x"}), error={"message": "fell over"}),
    b'data: {"error": {"message": "fell over", "code": 500}}\n\n',
    b'data: {"choices": [{"ind\n\n',
    b'data: {"choices": [], "note": "\xff"}\n\n',
    b"data: 5\n\n",
    chunk(said({"content": "win"})).replace(b"\n", b"\r\n"),
]

PLAIN = EVENTS.index(chunk(said({"content": "~"}), created=8))
ENDED, USED = chunk(said({}, "stop")), chunk([], usage=USAGES[0])


def verdict(skim: Skimming, events: list[bytes]) -> Any:
    """All that anybody asks of a skim, after each event and at the end."""
    seen: list[Any] = []
    had: Any = None
    try:
        for event in events:
            skim.feed(event)
            seen.append((skim.begun, skim.ending, skim.failed))
            if skim.failed is not None:
                return seen, skim.events()
        had = list(skim.events())
        seen.append(told(skim.close()))
    except AssayError as error:
        seen.append((type(error), str(error)))
    return seen, had


def told(response: Response) -> Any:
    """What the ledger takes of an answer."""
    usage = response.usage
    counts = usage and (usage.input, usage.output, usage.cached, usage.cache_write, usage.reasoning)
    return response.finish, counts, response.id, response.model, response.created, response.extra.get("service_tier")


@pytest.mark.parametrize("seed", range(40))
def test_streams_of_any_events(seed: int) -> None:
    """A hundred streams of events in any order: state, words, errors and the end are those of the decoder."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    for _ in range(100):
        events = [rng.choice(EVENTS[:PLAIN] if rng.random() < 0.8 else EVENTS) for _ in range(rng.randrange(9))]
        thorough = Skim(StreamDecoder(chat_answer.Reader("delta")))
        assert verdict(ChatSkim(), events) == verdict(thorough, events), events


@pytest.mark.parametrize("named", [{"id": "", "model": ""}, {"service_tier": ""}, {"service_tier": None}], ids=str)
def test_empty_names_are_read_as_the_decoder_reads_them(named: dict[str, Any]) -> None:
    """An empty id is none, and of a tier the last word counts: what is paid hangs on it."""
    for events in (
        [chunk(said({"content": "one"}), **named), chunk(said({}, "stop"), **named)],
        [EVENTS[2], chunk(said({}, "stop"), **named)],
    ):
        assert verdict(ChatSkim(), events) == verdict(Skim(StreamDecoder(chat_answer.Reader("delta"))), events)


def test_what_no_decoder_takes_ends_the_words() -> None:
    """A number that is too large for it, in a member that nobody reads: what came before has its words."""
    skim = ChatSkim()
    for event in (*EVENTS[:2], EVENTS[2].replace(b"{", b'{"note": 1e999, ', 1), ENDED, USED):
        skim.feed(event)
    assert fold(skim.events()).text == "one"
    assert told(skim.close())[0] == Finish(kind="stop", native="stop")


def test_a_plain_stream_is_never_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be right all the same, and cost ten times as much."""
    monkeypatch.setattr(StreamDecoder, "feed", lambda *_: pytest.fail("decoded"))
    skim = ChatSkim()
    for event in (*EVENTS[:4], ENDED, USED, b"data: [DONE]\n\n"):
        skim.feed(event)
    assert told(skim.close()) == (
        Finish(kind="stop", native="stop"),
        (3, 2, None, None, None),
        "c1",
        "up",
        7,
        "priority",
    )


def test_only_a_role_alone_is_a_head() -> None:
    """That it came says nothing yet of the answer, and costs nothing to take back."""
    skim = ChatSkim()
    skim.feed(EVENTS[0])
    assert (skim.heads, skim.begun) == (True, False)
    skim.feed(EVENTS[1])
    assert (skim.heads, skim.begun) == (False, True)
    again = ChatSkim()
    again.feed(chunk(said({"role": "assistant", "content": "with a word"})))
    assert (again.heads, again.begun) == (False, True)


MESSAGES: list[Any] = [
    {"role": "assistant", "content": "yes", "refusal": None, "annotations": []},
    {"role": "assistant", "content": None},
    {"role": "assistant", "content": "yes", "audio": None, "function_call": None, "tool_calls": [], "refusal": None},
    {"role": "assistant", "content": "yes", "tool_calls": None, "reasoning_details": []},
    {"role": "assistant", "content": "", "tool_calls": [{"id": "t", "function": {"name": "f", "arguments": ""}}]},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f"}}]},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "t", "type": "custom", "custom": {"name": "f"}}]},
    {"role": "assistant", "content": "yes", "reasoning_content": "hm"},
    {"role": "assistant", "content": None, "reasoning": "hm", "reasoning_content": ""},
    {"role": "assistant", "content": None, "reasoning": {"content": "hm"}},
    None,
    "text",
]


@pytest.mark.parametrize("finish", ["stop", "length", "tool_calls", "model_length", None, 5])
@pytest.mark.parametrize("message", MESSAGES, ids=json.dumps)
@pytest.mark.parametrize("more", [{}, {"stop_reason": "END", "token_ids": None}, {"stop_reason": 5, "logprobs": None}])
def test_whole_answers(message: Any, finish: Any, more: dict[str, Any]) -> None:
    """Where a whole answer is skimmed, the ledger takes from it what it takes from the decoded one."""
    for usage in USAGES:
        choices = [{"index": 0, "message": message, "finish_reason": finish, **more}]
        body = json.dumps({"id": "c1", "created": 7, "model": "up", "choices": choices, "usage": usage}).encode()
        skimmed = skim_whole(body)
        if skimmed is not None:
            assert told(skimmed) == told(fold(chat_answer.read_response(body)))


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b'{"choices": []}', b'{"error": {"message": "no"}}', b'{"choices": 5}', b"\xff"],
)
def test_what_is_no_answer_is_left_to_the_decoder(body: bytes) -> None:
    """It says what is wrong."""
    assert skim_whole(body) is None


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("more", [{}, {"usage": None, "obfuscation": "xx"}], ids=["plain", "padded"])
def test_an_event_that_fits_says_nothing_but_words(words: bytes, more: dict[str, Any]) -> None:
    """Where it fits the outline of one that was read, the decoder reads more words of it, and nothing else."""
    event = chunk(said({"content": "~"}), **more).replace(b"~", words)
    skim, decoder = ChatSkim(), StreamDecoder(chat_answer.Reader("delta"))
    for first in (EVENTS[0], chunk(said({"content": "words"}), **more)):
        assert not skim.fits(event)
        skim.feed(first)
        decoder.feed(first)
    if skim.fits(event):
        events = decoder.feed(event)
        assert not events or events == [TextDelta(text=json.loads(b'"%b"' % words))]
    else:
        assert WORDS.index(words) >= WORDS.index(b"\\ud83d\\ude00")


def test_most_of_a_stream_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once one piece of text was, those like it need not be."""
    skim = ChatSkim()
    for event in EVENTS[:2]:
        skim.feed(event)
    monkeypatch.setattr(chat_skim, "_DECODER", None)
    for words in WORDS[:9]:
        event = chunk(said({"content": "~"})).replace(b"~", words)
        assert skim.fits(event)
        skim.feed(event)
    assert len(skim.had) == 11
    assert not skim.fits(event[:-1])
    assert not skim.fits(event + event)
    assert not skim.fits(event + b"\n")


@pytest.mark.parametrize("last", [ENDED, chunk(said({"content": "win"}, "stop")), b"data: 5\n\n", USED])
def test_nothing_fits_behind_what_changed_something(last: bytes) -> None:
    """What follows the end waits with it; what follows something odd is for the decoder."""
    skim = ChatSkim()
    for event in EVENTS[:2]:
        skim.feed(event)
    assert skim.fits(EVENTS[1])
    with contextlib.suppress(AssayError):
        skim.feed(last)
    assert not skim.fits(EVENTS[1])


@pytest.mark.parametrize("seed", range(20))
def test_plain_characters_are_those_of_json(seed: int) -> None:
    """Whatever bytes are plain in a string are valid there; of one character, all that are valid and no pair are."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    fits = Outlines(["text"]).of(b'{"text":""}')
    for _ in range(3000):
        words = bytes(
            rng.choice(b'\\"u0dD8\xe0\xed\xf0\xf4\xc2\x80\x90\xa0\xbf\x9f a\n') for _ in range(rng.randrange(1, 8))
        )
        if fits(b'{"text":"%b"}' % words):
            assert json.loads(b'{"text":"%b"}' % words).keys() == {"text"}
    for code in rng.sample([*range(0x20, 0xD800), *range(0xE000, 0x110000)], 500):
        said_so = json.dumps({"text": chr(code)}, ensure_ascii=False, separators=(",", ":")).encode()
        assert fits(said_so), hex(code)


def test_hosts_that_say_what_there_is_not_are_plain() -> None:
    """As vLLM and Azure do, of a whole answer and of each piece."""
    none = {"refusal": None, "annotations": None, "audio": None, "function_call": None, "tool_calls": []}
    choice = {"index": 0, "logprobs": None, "finish_reason": "stop", "stop_reason": None, "token_ids": None}
    message = {"role": "assistant", "content": "yes", **none, "reasoning_content": None}
    body = {"id": "c1", "choices": [{**choice, "message": message}], "usage": USAGES[0], "prompt_logprobs": None}
    assert skim_whole(json.dumps(body).encode()) is not None
    skim = ChatSkim()
    for event in (
        chunk(said({"role": "assistant", "content": "", **none}, content_filter_results={})),
        chunk(said({"content": "yes"}, content_filter_results={"hate": {"filtered": False}})),
        chunk([{**choice, "delta": {"content": ""}}]),
    ):
        assert not skim.fits(event)
        skim.feed(event)
    assert skim.ending
    assert skim._thorough is None
