"""One request as a client of the spine sees it: its events as they come, and its time, tokens and cost."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from assay.errors import AssayError
from assay.inference.spine import Spine, failure_of
from assay.inference.trace import Trace
from assay.ledger.rows import CostBasis
from assay.types import (
    ContentDelta,
    Event,
    Folder,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Request,
    Response,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
    Value,
)

_CONTENT = TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta | ContentDelta


class TimedCall(Value, frozen=True, kw_only=True):
    """One call.

    Attributes:
        deployment: who answered, or was asked last.
        error: why there is no answer; None = there is one.
        first_token_s: until the first piece of the answer was there; reasoning counts.
        total_s: until the answer was complete and on record.
        load_s: seconds of it in which a local engine started; None = none had to.
        tokens_per_s: output tokens by the whole time.
        decode_tokens_per_s: output tokens after the first, by the time after it; None where it came all at once.
        tries: attempts, retries and those of a route included.
        usd: None = not known; `cost_basis` says how it is known.
    """

    request_id: str
    deployment: str | None
    error: str | None
    text: str
    finish: str | None
    first_token_s: float | None
    total_s: float
    load_s: float | None
    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    tokens_per_s: float | None
    decode_tokens_per_s: float | None
    tries: int
    usd: float | None
    cost_basis: CostBasis
    engine_s: float | None


class Asking:
    """Asks once. `events` performs it; what has come so far stands here also when it was given up half-way.

    Attributes:
        error: why there is no whole answer; None = there is one, or nothing has gone wrong yet.
    """

    def __init__(self, spine: Spine, request: Request, target: str, trace: Trace | None = None) -> None:
        self.trace = trace if trace is not None else Trace()
        self.error: AssayError | None = None
        self._spine = spine
        self._request = request
        self._target = target
        self._folder = Folder()
        self._began = time.monotonic()
        self._first_token_s: float | None = None
        self._total_s: float | None = None

    @property
    def response(self) -> Response:
        """The answer as far as it has come."""
        return self._folder.response()

    async def events(self) -> AsyncGenerator[Event, None]:
        """The events of the answer. What goes wrong ends them and stands in `error`."""
        self._began = time.monotonic()
        try:
            async with aclosing(self._spine.generate(self._request, self._target, self.trace)) as events:
                async for event in events:
                    if self._first_token_s is None and isinstance(event, _CONTENT):
                        self._first_token_s = time.monotonic() - self._began
                    self._folder.add(event)
                    yield event
        except AssayError as error:
            self.error = error
        finally:
            self._total_s = time.monotonic() - self._began
        if self._folder.failed is not None:
            self.error = failure_of(self._folder.failed, self.trace)

    async def finish(self) -> None:
        """Perform it to its end."""
        async with aclosing(self.events()) as events:
            async for _ in events:
                pass

    @property
    def call(self) -> TimedCall:
        """What it came to."""
        trace, response = self.trace, self.response
        usage = response.usage or Usage()
        asked = trace.answering or (trace.records[-1] if trace.records else None)
        loads = [record.load_s for record in trace.records if record.load_s is not None]
        total_s = self._total_s if self._total_s is not None else time.monotonic() - self._began
        usd, basis = trace.cost
        return TimedCall(
            request_id=trace.request_id,
            deployment=asked.deployment if asked is not None else None,
            error=f"{type(self.error).__name__}: {self.error}" if self.error is not None else None,
            text=shown(response),
            finish=response.finish.kind if response.finish is not None else None,
            first_token_s=self._first_token_s,
            total_s=total_s,
            load_s=sum(loads) if loads else None,
            input_tokens=usage.input,
            cached_tokens=usage.cached,
            output_tokens=usage.output,
            tokens_per_s=usage.output / total_s if usage.output is not None and total_s > 0 else None,
            decode_tokens_per_s=_decode_rate(usage.output, self._first_token_s, total_s),
            tries=len(trace.records),
            usd=usd,
            cost_basis=basis,
            engine_s=trace.engine_s,
        )


def shown(response: Response) -> str:
    """What a person is shown of an answer: text, refusal and tool calls."""
    return "\n".join(piece for piece in (_shown(part) for part in response.parts) if piece)


def _shown(part: object) -> str:
    match part:
        case Text() | Refusal():
            return part.text
        case ToolCall():
            return f"{part.name}({part.arguments})"
        case _:
            return ""


def _decode_rate(output_tokens: int | None, first_token_s: float | None, total_s: float) -> float | None:
    if output_tokens is None or output_tokens < 2 or first_token_s is None or total_s - first_token_s < 0.001:
        return None
    return (output_tokens - 1) / (total_s - first_token_s)
