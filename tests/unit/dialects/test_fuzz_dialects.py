"""Every registered format under fire: only errors of our own tree come out, and cuts change nothing.

`ASSAY_FUZZ` is how many examples each property tries.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire_mutants import ASKED, EVENTS, GEMINI, REQUESTS, RESPONSE, broken, mutants, mutated_streams

from assay import plugins
from assay.dialects.sse import Parser
from assay.errors import AssayError, MalformedReply, ProviderError, RequestError
from assay.types import Event, fold

fire = settings(
    max_examples=int(os.environ.get("ASSAY_FUZZ", "8")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
DIALECTS = {name: plugins.load("assay.dialects", name)() for name in plugins.names("assay.dialects")}
INBOUND = sorted(name for name, one in DIALECTS.items() if hasattr(one, "read_request"))
CLIENTS = [name for name in INBOUND if name not in ("anthropic-count", "embeddings")]  # of texts
OUTBOUND = sorted(name for name, one in DIALECTS.items() if hasattr(one, "read_response"))
# Where an upstream gives no id, a call gets a random one; a time may be that of reading.
_MADE_UP = re.compile(r"(call|toolu|msg|resp|fc|rs|chatcmpl|item)_?[-0-9a-f]{8,}|created(_at)?=[0-9]+")


class Outcome(NamedTuple):
    """What a decoder came to: its events, and the error that ended it."""

    events: str
    error: str | None


def decoded(name: str, data: bytes, cuts: list[int]) -> Outcome:
    """What a decoder makes of a stream in pieces."""
    decoder = DIALECTS[name].decoder()
    events: list[Event] = []
    error = None
    try:
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            events += decoder.feed(data[start:end])
        events += decoder.close()
    except MalformedReply as problem:
        error = type(problem).__name__
    fold(events)
    return Outcome(_MADE_UP.sub("", repr(events)), error)


def stream_of(name: str) -> bytes:
    """A good stream of a format."""
    if name == "gemini":
        return b"".join(b"data: " + json.dumps(GEMINI).encode() + b"\r\n\r\n" for _ in range(2))
    encoder = DIALECTS[name].encoder(ASKED)
    return b"".join(encoder.encode(event) for event in EVENTS) + bytes(encoder.close())


def answer_of(name: str) -> Any:
    """A good whole answer of a format."""
    return GEMINI if name == "gemini" else json.loads(DIALECTS[name].write_response(RESPONSE, ASKED))


def written_by_all(request: Any) -> None:
    """Write a request for every kind of upstream; what one cannot be told is an error of the request."""
    for name in OUTBOUND:
        for stream in (False, True):
            try:
                wire = DIALECTS[name].write_request(request, model="m", stream=stream, quirks={})
            except RequestError:
                continue
            assert isinstance(json.loads(wire.body), dict)


def answered_by_all(events: list[Event]) -> None:
    """Write an answer for every kind of client, whole and streamed; that always goes."""
    response = fold(events)
    for name in CLIENTS:
        dialect = DIALECTS[name]
        json.loads(dialect.write_response(response, ASKED))
        encoder = dialect.encoder(ASKED)
        for event in events:
            encoder.encode(event)
        encoder.close()


# ------------------------------------------------------------------------------------------- requests


@pytest.mark.parametrize("name", INBOUND)
@fire
@given(data=st.data())
def test_a_request_is_read_or_refused(name: str, data: st.DataObject) -> None:
    """A mutant of a good request is a request or a `RequestError`; what was read can be written, or is refused."""
    body = json.dumps(data.draw(mutants(REQUESTS[name]))).encode()
    try:
        request = DIALECTS[name].read_request(body)
    except RequestError:
        return
    assert request.origin in INBOUND
    written_by_all(request)


@pytest.mark.parametrize("name", INBOUND)
@fire
@given(data=st.data())
def test_any_bytes_are_read_or_refused(name: str, data: st.DataObject) -> None:
    """So are broken and random bytes."""
    good = broken(json.dumps(REQUESTS[name]).encode())
    with suppress(RequestError):
        DIALECTS[name].read_request(data.draw(st.one_of(st.binary(max_size=40), good)))


# -------------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize("name", OUTBOUND)
@fire
@given(data=st.data())
def test_an_answer_is_read_or_malformed(name: str, data: st.DataObject) -> None:
    """A mutant of a good answer gives events that every client can be told, or is a `MalformedReply`."""
    if not hasattr(DIALECTS[name], "write_response") and name != "gemini":
        pytest.skip("no answer of this format can be made here")
    body = json.dumps(data.draw(mutants(answer_of(name)))).encode()
    try:
        events = DIALECTS[name].read_response(body)
    except MalformedReply:
        return
    answered_by_all(events)


@pytest.mark.parametrize("name", OUTBOUND)
@fire
@given(data=st.data())
def test_any_bytes_of_an_answer_are_read_or_malformed(name: str, data: st.DataObject) -> None:
    """So are broken and random bytes."""
    good = broken(json.dumps(answer_of(name)).encode())
    with suppress(MalformedReply):
        fold(DIALECTS[name].read_response(data.draw(st.one_of(st.binary(max_size=40), good))))


@pytest.mark.parametrize("name", OUTBOUND)
@fire
@given(data=st.data())
def test_cuts_change_nothing(name: str, data: st.DataObject) -> None:
    """A stream, however mutated, gives the same events and the same end in one piece, byte by byte and cut anywhere."""
    stream = data.draw(mutated_streams(stream_of(name)))
    whole = decoded(name, stream, [])
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=12).map(sorted))
    assert decoded(name, stream, cuts) == whole
    assert decoded(name, stream, list(range(1, len(stream)))) == whole


@pytest.mark.parametrize("name", OUTBOUND)
@fire
@given(data=st.data())
def test_a_stream_gives_events_that_every_client_can_be_told(name: str, data: st.DataObject) -> None:
    """What a mutated stream gives before it ends can be written for all."""
    decoder = DIALECTS[name].decoder()
    events: list[Event] = []
    with suppress(MalformedReply):
        events += decoder.feed(data.draw(mutated_streams(stream_of(name))))
        events += decoder.close()
    answered_by_all(events)


@pytest.mark.parametrize("name", OUTBOUND)
@fire
@given(data=st.data())
def test_an_error_is_always_told(name: str, data: st.DataObject) -> None:
    """Any status, headers and body of an upstream's error become a `ProviderError`, which every client can be told."""
    fault = {"error": {"type": "overloaded_error", "code": 429, "message": "busy", "status": "RESOURCE_EXHAUSTED",
                       "details": [{"@type": "RetryInfo", "retryDelay": "3s"}]}, "request_id": "r"}  # fmt: skip
    bodies = st.one_of(
        st.binary(max_size=40),
        mutants(fault).map(lambda value: json.dumps(value).encode()),
        mutants([fault]).map(lambda value: json.dumps(value).encode()),
    )
    values = st.one_of(
        st.text(max_size=8), st.sampled_from(["3", "-1", "nan", "1e400", "Wed, 21 Oct 2015 07:28:00 GMT"])
    )
    headers = st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "x-request-id", "date"]), values)
    error = DIALECTS[name].read_error(data.draw(st.integers(400, 599)), data.draw(headers), data.draw(bodies))
    assert isinstance(error, ProviderError)
    for client in INBOUND:
        wire = DIALECTS[client].write_error(error)
        assert 400 <= wire.status < 600
        json.loads(wire.body)
        for header in wire.headers.values():
            header.encode("latin-1")
    assert isinstance(error, AssayError)


# ------------------------------------------------------------------------------- server-sent events


@fire
@given(
    data=st.lists(
        st.sampled_from(
            [b"data: ", b"data:", b"event: x", b"\n", b"\r", b"\r\n", b"\n\n", b": c", b"id", b"x", b"\xff", b"\x00"]
        ),
        max_size=40,
    ).map(b"".join),
    cuts=st.lists(st.integers(0, 200), max_size=10),
)
def test_events_do_not_hang_on_cuts(data: bytes, cuts: list[int]) -> None:
    """The parser gives the same events whatever the chunks are, for all kinds of line ends."""

    def parsed(places: list[int]) -> list[Any]:
        parser = Parser()
        ends = sorted({min(place, len(data)) for place in places})
        pieces = [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]
        return [event for piece in pieces for event in parser.feed(piece)] + parser.close()

    assert parsed(cuts) == parsed([]) == parsed(list(range(len(data))))
