"""Going on with one answer that broke off in mid-stream: the attempts that `inference.continuation` allows."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing

import msgspec

from assay.errors import AssayError
from assay.inference.attempt import Attempt
from assay.inference.continuation import Joint, obstacle
from assay.inference.trace import Record
from assay.types import Event, Request, fold

__all__ = ["Resumption"]

Make = Callable[[str, str, Record], Attempt]
"""An attempt at the deployment of a name, for a reason, that continues what the record tells of."""


class Resumption:
    """Asks for the rest of an answer.

    Args:
        request: that it answers.
        events: what the client has had of it; the rest is appended as it comes.
        broken: the attempt that broke off.
        make: how attempts are made.

    Attributes:
        answering: whose words are handed on.
    """

    def __init__(self, request: Request, events: list[Event], broken: Attempt, make: Make) -> None:
        self.answering = broken.record
        self._request = request
        self._events = events
        self._broken = broken
        self._make = make
        broken.record.so_far, broken.record.had = fold(events), tuple(events)

    async def rest(self, names: Iterable[str], error: AssayError) -> AsyncGenerator[Event, None]:
        """What follows, by the first of these deployments that manages; each is asked once.

        Args:
            names: who is known to continue answers.
            error: how the answer broke off.

        Raises:
            AssayError: nobody could; it is the error of the last one who had said something.
        """
        for name in names:
            so_far = msgspec.structs.replace(fold(self._events), finish=self._broken.finish)
            if obstacle(self._request, so_far, error) is not None:
                break
            self._broken.record.so_far = so_far
            why = f"continued: {self._broken.record.deployment} broke off with {type(error).__name__}"
            following = self._make(name, why, self._broken.record)
            joint, before = Joint(self._events, so_far.usage), len(self._events)
            try:
                async with aclosing(self._followed(following, joint)) as events:
                    async for event in events:
                        yield event
                return
            except AssayError as again:
                if len(self._events) > before:
                    self._broken, error = following, again
        raise error

    async def _followed(self, following: Attempt, joint: Joint) -> AsyncGenerator[Event, None]:
        async with aclosing(following.events()) as stream:
            async for event in stream:
                if (told := joint.follow(event)) is not None:
                    self.answering = following.record
                    self._events.append(told)
                    yield told
