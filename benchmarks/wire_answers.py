"""Answers across formats: each recording decoded, and encoded for clients of every format, whole and as a stream."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from assay.dialects.dialect import Inbound, Outbound
from assay.errors import MalformedReply
from assay.types import Event, Failed, Request, Response, fold
from benchmarks.wire_fields import Side, compare, same
from benchmarks.wire_formats import Canon, Canonical, inbound, is_spoken, outbound, upstream_of
from benchmarks.wire_tally import Tally

__all__ = ["FORMS", "MODES", "Answers"]

CLIENT = Request(model="m", stream=True, stream_usage=True)
PLAIN = Request(model="m", form="completion", prompt="p", stream=True, stream_usage=True)
FORMS = ("json", "stream")
MODES = {"whole": 1 << 30, "event": 1 << 30, "7": 40_000, "1": 12_000}
"""How a stream's bytes are cut, and the largest body in bytes that is cut so."""
_PARTNERS = {"completions": ("completions", "chat")}
_ALL = ("chat", "messages", "responses")
_EVENT = re.compile(rb".*?(?:\r?\n\r?\n)|.+\Z", re.DOTALL)


class Answers:
    """Measures the answers of a corpus into a tally."""

    def __init__(self, tally: Tally, canon: Canon) -> None:
        self._tally = tally
        self._canon = canon

    def measure(self, record: dict[str, Any]) -> None:
        """One recorded exchange."""
        upstream, body = upstream_of(record), record.get("response_body")
        if upstream is None:
            return
        if isinstance(body, str) and (record["status"] or 200) >= 400:
            self._error(record, body, outbound(upstream))
            return
        want = self.wanted(record)
        if want is None or not isinstance(body, str):
            return
        events = self._decoded(record, upstream, body, outbound(upstream))
        if events is None:
            return
        failure = next((event for event in events if isinstance(event, Failed)), None)
        if failure is not None:
            self._tally.note("error under status 200", record["id"], [] if failure.message else ["message"])
            return
        form = FORMS[record["stream"]]
        for client in filter(is_spoken, _PARTNERS.get(upstream, _ALL)):
            self._client(client, f"{client} <- {upstream} {form}", record["id"], upstream, want, events)

    def wanted(self, record: dict[str, Any]) -> Canonical | None:
        """The independent reading of a recorded answer; `None`, and the reason counted, where there is none."""
        upstream, body = upstream_of(record), record.get("response_body")
        if upstream is None or (record["status"] or 200) >= 400:
            return None
        if not isinstance(body, str) or not body.strip():
            self._tally.excluded["answer: the recording has no text body"] += 1
            return None
        want = self._canon.read(upstream, body, stream=record["stream"])
        if want is None or not _is_answer(upstream, body):
            self._tally.excluded[f"answer: {upstream}: not an answer that the harness reads"] += 1
            return None
        if "audio" in body:
            want["sounds"] = _sounds(self._canon.events(body) if record["stream"] else [json.loads(body)])
        want["legacy"] = upstream == "chat" and not want["tools"] and '"function_call":' in body.replace(" ", "")
        return want

    def _decoded(self, record: dict[str, Any], upstream: str, body: str, dialect: Outbound) -> list[Event] | None:
        """The events, alike for each way of cutting the bytes; `None` for a recording that is cut off."""
        raw, ident, cell = body.encode(), record["id"], f"{upstream} stream cut as"
        try:
            if not record["stream"]:
                return dialect.read_response(raw)
            first = _stream(dialect, [raw])
        except MalformedReply as error:
            if _is_cut(upstream, body):
                self._tally.excluded[f"answer: {upstream}: the recording is cut off"] += 1
            else:
                self._tally.note(f"{upstream} unread", ident, ["unread"], error=str(error)[:200])
            return None
        whole = fold(first)
        for mode, largest in MODES.items():
            if mode != "whole" and len(raw) <= largest:
                self._tally.note(f"{cell} {mode}", ident, [] if _is_same(dialect, raw, mode, whole) else ["value"])
        return first

    def _client(self, client: str, pair: str, ident: str, upstream: str, want: Canonical, events: list[Event]) -> None:
        dialect = inbound(client)
        request = PLAIN if client == "completions" else CLIENT
        bodies = {
            "json": dialect.write_response(fold(events), request).decode(),
            "stream": _encoded(dialect, events, request),
        }
        sides: dict[str, Side] = {}
        for form, body in bodies.items():
            canonical = self._canon.read(client, body, stream=form == "stream")
            sides[form] = Side(client, body, canonical)
            self._tally.add(f"{pair} -> {form}", ident, compare(upstream, want, sides[form]))
        self._tally.note(f"{client} json = stream", ident, same(sides["json"].canonical, sides["stream"].canonical))

    def _error(self, record: dict[str, Any], body: str, dialect: Outbound) -> None:
        """Status, message and body of an error that the provider told, and that each client is told of it."""
        headers = {key.lower(): value for key, value in record["response_headers"].items()}
        error = dialect.read_error(record["status"], headers, body.encode())
        wrong = [] if error.status == record["status"] else ["status"]
        wrong += [] if error.body == body.encode() else ["body"]
        said = _message(body)
        wrong += [] if said is None or said[:200] in str(error) else ["message"]
        for client in filter(is_spoken, _ALL):
            wire = inbound(client).write_error(error)
            told = json.loads(wire.body)
            if wire.status < 400 or not _message(json.dumps(told)):
                wrong.append(f"told to {client}")
        self._tally.note("error statuses", record["id"], wrong)


def _stream(dialect: Outbound, chunks: Iterable[bytes]) -> list[Event]:
    decoder = dialect.decoder()
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return events + decoder.close()


def _is_same(dialect: Outbound, raw: bytes, mode: str, whole: Response) -> bool:
    try:
        return fold(_stream(dialect, _cut(raw, mode))) == whole
    except MalformedReply:
        return False


def _cut(raw: bytes, mode: str) -> Iterator[bytes]:
    """The bytes as a server may send them: an event at a time, or so many bytes at a time."""
    if mode == "event":
        yield from _EVENT.findall(raw)
        return
    size = int(mode)
    for start in range(0, len(raw), size):
        yield raw[start : start + size]


def _encoded(dialect: Inbound, events: list[Event], request: Request) -> str:
    encoder = dialect.encoder(request)
    pieces = [encoder.encode(event) for event in events]
    return b"".join((*pieces, encoder.close())).decode()


def _is_answer(upstream: str, body: str) -> bool:
    """Whether there is an answer at all, or the error that stands for it."""
    marks = {
        "chat": ('"choices"',), "completions": ('"choices"',), "messages": ('"stop_reason"',),
        "responses": ('"output"', '"response.'), "gemini": ('"candidates"', '"promptFeedback"'),
    }  # fmt: skip
    return any(mark in body for mark in (*marks[upstream], '"error"'))


def _is_cut(upstream: str, body: str) -> bool:
    """Whether the recorded stream lacks its own end."""
    ends = {
        "chat": ('"finish_reason":"', '"finish_reason": "', "[DONE]"), "completions": ("[DONE]",),
        "messages": ('"message_stop"',), "gemini": ('"finishReason"', '"blockReason"'),
        "responses": ("response.completed", "response.incomplete", "response.failed"),
    }  # fmt: skip
    return not any(end in body for end in ends[upstream])


def _sounds(chunks: Iterable[Any]) -> list[str]:
    """The base64 data of every sound in an answer."""
    found: list[str] = []
    for value in chunks:
        if isinstance(value, dict):
            audio = value.get("audio")
            if isinstance(audio, dict) and isinstance(audio.get("data"), str):
                found.append(audio["data"])
            found += _sounds(value.values())
        elif isinstance(value, list):
            found += _sounds(value)
    return found


def _message(body: str) -> str | None:
    """The message of an error body, in any provider's form."""
    try:
        said = json.loads(body)
    except ValueError:
        return None
    said = said[0] if isinstance(said, list) and said else said
    said = said.get("error") or said if isinstance(said, dict) else said
    found = (said.get("message") or said.get("detail")) if isinstance(said, dict) else said
    return found if isinstance(found, str) else None
