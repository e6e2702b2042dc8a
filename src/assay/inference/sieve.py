"""An answer that is looked at while it streams: a sentence is handed on when guards have seen it.

What was handed on cannot be taken back. So each sentence is looked at together with what came before it, and where
something is found that begins there, the answer ends with a refusal. Calls of tools, notes and media wait for the end.
Several choices, and words and reasoning, may come by turns: each is looked at as whoever reads it puts it together.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Sequence

from msgspec.structs import replace

from assay.errors import AssayError
from assay.inference.guards import LiveGuard, refused_events
from assay.routing.guarded import refusal
from assay.types import (
    Begin,
    Event,
    Finished,
    Folder,
    JsonObject,
    Logprobs,
    OpaqueDelta,
    Raw,
    ReasoningDelta,
    RefusalDelta,
    Request,
    Response,
    Text,
    TextDelta,
    UsageReport,
    fold,
)

__all__ = ["Sieve"]

_Words = TextDelta | ReasoningDelta | RefusalDelta
_END = re.compile(r"[.!?…。！？][\"'”’)\]*_]{0,3}(?=\s)|\n")
_LONGEST = 2_000
"""A sentence of more characters is looked at in pieces."""
_BEFORE = 4_000
"""So many characters of what was handed on are looked at again with what follows."""


class Sieve:
    """Looks at one answer.

    Args:
        guards: ask no model.
        request: that it answers.

    Attributes:
        refused: why it ended; None = it did not.
    """

    def __init__(self, guards: Sequence[LiveGuard], request: Request) -> None:
        self.refused: str | None = None
        self._verdicts: dict[str, str] = {}
        self._said = ""
        self._guards = guards
        self._request = request
        self._folder = Folder()
        self._waiting: list[Event] = []  # for the end
        self._beside: JsonObject = {}  # that was looked at last
        self._words: dict[int, _Words] = {}  # by choice, a sentence that has not ended, as one event
        self._before: defaultdict[tuple[int, type[_Words]], str] = defaultdict(str)  # of each choice and sort of words

    @property
    def told(self) -> list[str]:
        """What each guard said of the answer: `after NAME=VERDICT`."""
        return [f"after {guard.name}={self._verdicts.get(guard.name, 'allow')}" for guard in self._guards]

    @property
    def response(self) -> Response:
        """What was handed on."""
        return self._folder.response()

    async def take(self, event: Event) -> list[Event]:
        """What to hand on when `event` has come."""
        match event:
            case TextDelta() | ReasoningDelta() | RefusalDelta():
                return self._given(await self._take_words(event))
            case Begin():
                await self._look_beside(event)
                return self._given([event if self.refused is None else replace(event, extra={})])
            case UsageReport() | OpaqueDelta():
                return self._given([event])
            case Raw() | Logprobs():
                return []  # they say in other words what is looked at here
            case Finished():
                ready = [*await self._flush(event.choice), *await self._flush_waiting(event.choice)]
                await self._look_beside(event)
                return self._given([*ready, event] if self.refused is None else ready)
            case _:
                self._waiting.append(event)
                return []

    async def close(self) -> list[Event]:
        """What to hand on when no more comes; the refusal, where it ended with one."""
        ready = [event for choice in sorted(self._words) for event in await self._flush(choice)]
        ready += await self._flush_waiting(None)
        if self.refused is not None:
            ready = refused_events(self._said)[1:]  # its head has been handed on
        return self._given(ready)

    def _given(self, events: list[Event]) -> list[Event]:
        for event in events:
            self._folder.add(event)
        return events

    async def _take_words(self, event: _Words) -> list[Event]:
        ready: list[Event] = []
        before = self._words.get(event.choice)
        if before is not None and not _continues(before, event):
            ready += await self._flush(event.choice)
            before = None
        words = event if before is None else replace(before, text=before.text + event.text)
        self._words[event.choice] = words
        end = max((found.end() for found in _END.finditer(words.text)), default=0)
        if not end and len(words.text) > _LONGEST:
            end = words.text.rfind(" ") + 1 or len(words.text)
        if end and self.refused is None:
            rest = words.text[end:]
            self._words[event.choice] = replace(words, text=words.text[:end])
            ready += await self._flush(event.choice)
            if rest:
                self._words[event.choice] = replace(words, text=rest)
        return ready

    async def _flush(self, choice: int) -> list[Event]:
        """The words of a choice that wait, if they may pass."""
        words = self._words.pop(choice, None)
        if words is None or self.refused is not None:
            return []
        text = await asyncio.to_thread(self._passed, words)
        return [replace(words, text=text)] if text else []

    async def _flush_waiting(self, choice: int | None) -> list[Event]:
        """What of a choice, or of all, waited for the end, if the answer may pass with it."""
        waiting: list[Event] = []
        later: list[Event] = []
        for event in self._waiting:
            (waiting if choice in (None, getattr(event, "choice", 0)) else later).append(event)
        self._waiting = later
        if waiting:
            await self._look_at(fold(waiting))
        return waiting if self.refused is None else []

    async def _look_beside(self, event: Begin | Finished) -> None:
        """What a host says beside the answer may repeat it: sources, and the sentences that they are for."""
        if event.extra and event.extra != self._beside:
            self._beside = event.extra
            await self._look_at(Response(extra=event.extra))

    async def _look_at(self, answer: Response) -> None:
        """End the answer where something is found in this part of it, which stays as it is or goes."""
        for guard in self._guards if self.refused is None else ():
            found = await asyncio.to_thread(_look, guard, self._request, answer)
            if found is not None:
                self._refuse(guard, found)
                return

    def _passed(self, words: _Words) -> str:
        """A sentence as it may be handed on; empty where it may not."""
        text, place = words.text, (words.choice, type(words))
        for guard in self._guards:
            redact = getattr(guard.check, "redact", None)
            if guard.config.found == "revise" and redact is not None and (changed := redact(text)) != text:
                self._verdicts[guard.name] = "revise"
                text = changed
            found = _look(guard, self._request, Response(parts=(Text(text=self._before[place] + text),)))
            if found is not None:
                self._refuse(guard, found)
                return ""
        self._before[place] = (self._before[place] + text)[-_BEFORE:]
        return text

    def _refuse(self, guard: LiveGuard, found: str) -> None:
        self.refused, self._said = refusal(guard.name, found, guard.config.message)
        self._verdicts[guard.name] = "refuse"


def _continues(before: _Words, event: _Words) -> bool:
    """Whether an event goes on with the part that came before."""
    if type(before) is not type(event) or before.choice != event.choice:
        return False
    return getattr(before, "block", None) == getattr(event, "block", None)


def _look(guard: LiveGuard, request: Request, answer: Response) -> str | None:
    """What a guard that may change nothing finds; None = nothing."""
    try:
        looked = guard.checked(request, answer, revise=False).looked
    except AssayError as error:
        return f"could not do its work ({error})" if guard.config.on_error == "refuse" else None
    return looked.explanation if looked.verdict == "refuse" else None
