"""A whole answer as events again: the inverse of `types.fold`."""

from __future__ import annotations

from assay.types import (
    Annotation,
    Begin,
    ContentDelta,
    Embedded,
    Event,
    Finished,
    Logprobs,
    OpaqueDelta,
    Part,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Response,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    UsageReport,
)  # fmt: skip

__all__ = ["events_of"]


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


def _part_events(part: Part, place: int, choice: int) -> list[Event]:
    match part:
        case Text():
            notes = [Annotation(data=note, choice=choice) for note in part.annotations]
            return [TextDelta(text=part.text, choice=choice, block=place), *notes]
        case Reasoning():
            blobs = [OpaqueDelta(data=blob, choice=choice, block=place) for blob in part.opaque]
            said = part.text or not blobs  # a blob alone comes without a text
            return [ReasoningDelta(text=part.text, choice=choice, block=place), *blobs] if said else list(blobs)
        case Refusal():
            return [RefusalDelta(text=part.text, choice=choice)]
        case ToolCall():
            delta = ToolCallDelta(
                index=place, id=part.id, name=part.name, arguments=part.arguments, choice=choice, extra=part.extra
            )
            return [delta]
        case ToolResult():
            return []  # no answer holds one
    return [ContentDelta(part=part, choice=choice)]
