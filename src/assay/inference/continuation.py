"""An answer that broke off in mid-stream: whether it can be continued, how that is asked, and how the ends are joined.

Only where it is known to work (`LiveDeployment.continues`): a model that is given the beginning of its answer goes on
where it stopped. Everything here is pure; `inference.resumption` makes the attempts.
"""

from __future__ import annotations

import math

import msgspec

from assay.dialects.fields import MARK
from assay.envelope.estimate import BYTES_PER_TOKEN
from assay.errors import (
    AssayError,
    ConnectionFailed,
    EngineCrashed,
    MalformedReply,
    Overloaded,
    ProviderFault,
    Timeout,
)
from assay.types import (
    Begin,
    Event,
    Message,
    Raw,
    Request,
    Response,
    Text,
    TextDelta,
    Usage,
    UsageReport,
)

__all__ = ["Joint", "continued", "obstacle"]

_THINKING = ("thinking", MARK + "thinking", "reasoning")  # as the formats say it, and as we note it of Messages
_CUTS = (ConnectionFailed, MalformedReply, ProviderFault, Overloaded, EngineCrashed, Timeout)


def obstacle(request: Request, so_far: Response, error: AssayError) -> str | None:
    """Why an answer that broke off cannot be continued at all; None = it can, by who is able to.

    Args:
        request: as its client said it.
        so_far: what the client has of the answer.
        error: how it ended.
    """
    if not isinstance(error, _CUTS) or (isinstance(error, Timeout) and error.of_deadline):
        return "it was not cut off by its host"
    if len(so_far.parts) != 1 or not isinstance(so_far.parts[0], Text) or not so_far.text.strip():
        return "only an answer of text alone can be continued"
    if so_far.alternatives or (request.sampling.n or 1) > 1:
        return "there are several answers"
    if so_far.parts[0].annotations or so_far.logprobs is not None:
        return "there are notes on its text"
    if so_far.finish is not None:
        return "it was complete, but for its end"
    return _unsuited(request)


def _unsuited(request: Request) -> str | None:
    sampling = request.sampling
    if request.output is not None and request.output.kind != "text":
        return "a form that is enforced from the first token on cannot be taken up in the middle"
    if sampling.limits_thinking or any(request.extra.get(key) for key in _THINKING):
        return "reasoning comes before an answer, not in the middle of it"
    if sampling.logprobs or request.suffix is not None or request.extra.get("echo"):
        return "the request wants more than text that follows"
    return None


def continued(request: Request, text: str) -> Request:
    """The request that asks for the rest of `text`, an answer's beginning, within what is left of its length.

    A beginning ends without white space, which some providers refuse and tokenisers dislike; see `Joint`.
    """
    sampling, beginning = request.sampling, text.rstrip()
    if sampling.max_tokens is not None:
        used = math.ceil(len(text.encode()) / BYTES_PER_TOKEN)
        sampling = msgspec.structs.replace(sampling, max_tokens=max(1, sampling.max_tokens - used))
    changed = msgspec.structs.replace(request, native=None, sampling=sampling)
    if request.form == "completion":
        return msgspec.structs.replace(changed, prompt=(request.prompt or "") + beginning)
    turns = request.messages
    if turns and turns[-1].role == "assistant":  # the client gave a beginning of its own
        last = msgspec.structs.replace(turns[-1], parts=(*turns[-1].parts, Text(text=beginning)))
        return msgspec.structs.replace(changed, messages=(*turns[:-1], last))
    return msgspec.structs.replace(changed, messages=(*turns, Message.of("assistant", beginning)))


class Joint:
    """Makes the events of a continuation follow those of the answer that broke off.

    White space is neither doubled nor lost: where the beginning ended with some, that of the continuation goes. Heads
    and raw bytes of the new answer are left out. Usage is told only where it can be: the input of both calls, and as
    output what the new call was given to read beyond the old one's input, with what it wrote.

    Args:
        before: the events that the client has had, the last one with text among them.
        usage: as far as it was told by then.
    """

    def __init__(self, before: list[Event], usage: Usage | None) -> None:
        texts = [event for event in before if isinstance(event, TextDelta)]
        self._block = texts[-1].block
        self._leading = texts[-1].text != texts[-1].text.rstrip()
        self._before = usage

    def follow(self, event: Event) -> Event | None:
        """The event as the client gets it; None = it gets none."""
        match event:
            case Begin() | Raw():
                return None
            case TextDelta():
                return self._text(event)
            case UsageReport():
                usage = _summed(self._before, event.usage)
                return UsageReport(usage=usage) if usage is not None else None
            case _:
                return event

    def _text(self, event: TextDelta) -> Event | None:
        text = event.text
        if self._leading:
            text = text.lstrip()
            self._leading = not text
        return TextDelta(text=text, block=self._block) if text else None


def _summed(before: Usage | None, after: Usage) -> Usage | None:
    if before is None or before.input is None or after.input is None or after.output is None:
        return None
    output = max(0, after.input - before.input) + after.output
    total_input = before.input + after.input
    return Usage(input=total_input, output=output, total=total_input + output)
