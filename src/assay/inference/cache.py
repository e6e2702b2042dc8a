"""The spine's cache: identical calls are answered from the ledger, and marked."""

from __future__ import annotations

import hashlib

import msgspec

from assay.errors import MalformedReply
from assay.types import (
    Annotation,
    Begin,
    ContentDelta,
    Embedded,
    Event,
    Finished,
    Logprobs,
    OpaqueDelta,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Request,
    Response,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    UsageReport,
)

FORMAT = "1"
"""Part of every key: change it when the meaning of a stored answer changes."""

_IRRELEVANT = {
    "native": None, "model": "", "stream": False, "stream_usage": False, "session": None, "deadline_s": None,
    "origin": None,
}  # fmt: skip


def cache_key(fingerprint: str, prepared: Request, seed: int) -> str:
    """Names a call: the deployment's fingerprint and everything of the request that decides the answer.

    Args:
        fingerprint: `LiveDeployment.fingerprint` - weights, engine, host, but not the prompt.
        prepared: the request with the deployment's prompt applied.
        seed: repeats of one sample differ in it.
    """
    asked = msgspec.json.encode(msgspec.structs.replace(prepared, **_IRRELEVANT), order="sorted")
    return hashlib.sha256(b"\0".join([FORMAT.encode(), fingerprint.encode(), str(seed).encode(), asked])).hexdigest()


def pack(response: Response) -> bytes:
    """An answer as the cache keeps it."""
    return msgspec.json.encode(response)


def unpack(data: bytes) -> Response:
    """The answer in a cache row.

    Raises:
        MalformedReply: it was written by an incompatible version.
    """
    try:
        return msgspec.json.decode(data, type=Response)
    except msgspec.DecodeError as error:
        raise MalformedReply(f"the cached answer cannot be read ({error}); run `assay cache clear`") from error


def events_of(response: Response) -> list[Event]:
    """Events whose fold is `response`."""
    events: list[Event] = [Begin(id=response.id, model=response.model, created=response.created, extra=response.extra)]
    for choice, one in enumerate((response, *response.alternatives)):
        for place, part in enumerate(one.parts):
            events += _part_events(part, place, choice)
        if one.logprobs is not None:
            events.append(Logprobs(data=one.logprobs, choice=choice))
        if one.finish is not None:
            extra = one.extra if choice else {}
            events.append(Finished(finish=one.finish, choice=choice, extra=extra))
    events += [Embedded(index=index, vector=vector) for index, vector in enumerate(response.embeddings)]
    if response.usage is not None:
        events.append(UsageReport(usage=response.usage))
    return events


def _part_events(part: object, place: int, choice: int) -> list[Event]:
    match part:
        case Text():
            notes = [Annotation(data=note, choice=choice) for note in part.annotations]
            return [TextDelta(text=part.text, choice=choice, block=place), *notes]
        case Reasoning():
            blobs = [OpaqueDelta(data=blob, choice=choice, block=place) for blob in part.opaque]
            return [ReasoningDelta(text=part.text, choice=choice, block=place), *blobs]
        case Refusal():
            return [RefusalDelta(text=part.text, choice=choice)]
        case ToolCall():
            return [
                ToolCallDelta(
                    index=place, id=part.id, name=part.name, arguments=part.arguments, choice=choice, extra=part.extra
                )
            ]
        case ToolResult():
            return []  # no answer holds one
        case _:
            return [ContentDelta(part=part, choice=choice)]  # type: ignore[arg-type]  # the remaining classes of Part
