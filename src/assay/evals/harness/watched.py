"""A spine for a tool that takes a fault for a wrong answer, or gives up: what fails is answered with a mark."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import NamedTuple

import msgspec

from assay.errors import AssayError, BudgetExceeded, ConfigError
from assay.inference.spine import DEFAULT, Options, Spine
from assay.inference.trace import Trace
from assay.types import Begin, Event, Failed, Finish, Finished, Message, Raw, Request, Response, TextDelta, fold

__all__ = ["Asked", "Watched", "digest"]


class Asked(NamedTuple):
    """One request of the tool, and what came of it. `fault` says why there is no answer."""

    trace: Trace
    fault: str | None


class Watched(Spine):
    """The same targets on the same ledger; remembers each request by what was asked.

    Args:
        spine: what answers.
        run_id: that the requests belong to.
        options: of every request, instead of what the caller says.
        deadline_s: of every request that has none.
        on_asked: told each request when it is done.

    Attributes:
        mark: the text of an answer that stands for a fault.
        asked: by `digest` of the messages; the last one where the same was asked again.
        broken: what ends it all: no further request can be asked.
    """

    def __init__(
        self, spine: Spine, run_id: str, options: Options, *, deadline_s: float,
        on_asked: Callable[[Asked], object] = lambda asked: None,
    ) -> None:  # fmt: skip
        super().__init__(spine.targets, spine.constraints, spine.ledger, engines=spine.engines)
        self.mark = f"[no answer {secrets.token_hex(8)}]"
        self.asked: dict[str, Asked] = {}
        self.broken: AssayError | None = None
        self._run_id = run_id
        self._options = options
        self._deadline_s = deadline_s
        self._on_asked = on_asked

    async def generate(
        self, request: Request, target: str, trace: Trace | None = None, options: Options = DEFAULT
    ) -> AsyncGenerator[Event, None]:
        """As `Spine.generate`, but a fault is an answer that says `mark`: a tool that gave up would lose all others.

        Raises:
            ConfigError, BudgetExceeded: no request can be asked.
        """
        trace = trace if trace is not None else Trace()
        trace.run_id = self._run_id
        if request.deadline_s is None:
            request = msgspec.structs.replace(request, deadline_s=self._deadline_s)
        events: list[Event] = []
        fault: str | None = None
        try:
            async with aclosing(super().generate(request, target, trace, self._options)) as stream:
                async for event in stream:
                    events.append(event)
                    if isinstance(event, Failed):
                        fault = f"{event.error}: {event.message}"
        except (ConfigError, BudgetExceeded) as error:
            self.broken = error
            raise
        except AssayError as error:
            fault = f"{type(error).__name__}: {error}"
        asked = self.asked[digest(request.messages)] = Asked(trace, fault)
        self._on_asked(asked)
        for event in (
            events if fault is None else (Begin(), TextDelta(text=self.mark), Finished(finish=Finish(kind="stop")))
        ):
            yield event

    async def whole(
        self, request: Request, target: str, trace: Trace | None = None, options: Options = DEFAULT
    ) -> bytes | Response:
        """As `Spine.whole`, for the events of `generate`.

        Raises:
            ConfigError, BudgetExceeded: no request can be asked.
        """
        async with aclosing(self.generate(request, target, trace, options)) as events:
            return fold([event async for event in events if not isinstance(event, Raw)])


def digest(messages: tuple[Message, ...]) -> str:
    """What was asked, as a name: roles and texts."""
    said = [(message.role, message.text) for message in messages]
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()
