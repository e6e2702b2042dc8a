"""Stop texts for an upstream whose format has none: the answer is cut where the first that is complete begins.

What comes after is read to its end, for the sake of its usage, and not handed on. The end of a text that may be the
beginning of a stop text waits until that is clear.
"""

from __future__ import annotations

import msgspec

from assay.types import Event, Finish, Finished, TextDelta

__all__ = ["StopCut"]


class _Tail:
    """What of one choice's text waits, and the stop text that has ended it."""

    __slots__ = ("hit", "waiting")

    def __init__(self) -> None:
        self.waiting: TextDelta | None = None
        self.hit: str | None = None


class StopCut:
    """Cuts the events of one answer; choices are cut each for itself.

    Args:
        stops: the texts that end the answer; they are not part of it. At least one.
    """

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._tails: dict[int, _Tail] = {}

    def take(self, event: Event) -> list[Event]:
        """The events to hand on when `event` has come."""
        choice = getattr(event, "choice", None)
        if choice is None:
            return [event]
        tail = self._tails.setdefault(choice, _Tail())
        if tail.hit is not None:
            return [_ended(event, tail.hit)] if isinstance(event, Finished) else []
        if isinstance(event, TextDelta):
            return self._text(tail, event)
        return [*_released(tail), event]

    def close(self) -> list[Event]:
        """What still waits when the upstream has nothing more to say."""
        return [event for tail in self._tails.values() for event in _released(tail)]

    def _text(self, tail: _Tail, event: TextDelta) -> list[Event]:
        before: list[Event] = []
        if tail.waiting is not None and tail.waiting.block != event.block:
            before = _released(tail)
        text = (tail.waiting.text if tail.waiting is not None else "") + event.text
        found = min(
            ((place + len(stop), place, stop) for stop in self._stops if (place := text.find(stop)) >= 0), default=None
        )
        if found is not None:
            _, place, tail.hit = found
            tail.waiting = None
            return [*before, *_told(event, text[:place])]
        kept = self._may_begin(text)
        tail.waiting = msgspec.structs.replace(event, text=text[len(text) - kept :]) if kept else None
        return [*before, *_told(event, text[: len(text) - kept])]

    def _may_begin(self, text: str) -> int:
        """How many characters at the end of `text` may be the beginning of a stop text."""
        longest = min(len(text), max(len(stop) for stop in self._stops) - 1)
        return next((n for n in range(longest, 0, -1) if any(stop.startswith(text[-n:]) for stop in self._stops)), 0)


def _told(event: TextDelta, text: str) -> list[Event]:
    return [msgspec.structs.replace(event, text=text)] if text else []


def _released(tail: _Tail) -> list[Event]:
    waiting, tail.waiting = tail.waiting, None
    return [waiting] if waiting is not None else []


def _ended(event: Finished, stop: str) -> Finished:
    return msgspec.structs.replace(event, finish=Finish(kind="stop", native="stop", stop_sequence=stop))
