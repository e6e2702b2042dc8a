"""Skimming streamed messages: of pieces of a text, or of thoughts, that differ in their words alone, one is decoded."""

from __future__ import annotations

from assay.dialects.anthropic_answer import Reader
from assay.dialects.chunk_stream import StreamDecoder
from assay.dialects.outline import Outlines, nothing_fits
from assay.dialects.skim import Skim, said_by
from assay.types import Event, ReasoningDelta, TextDelta

__all__ = ["MessageSkim"]

_OUTLINES = Outlines({"text", "thinking"})  # of a delta no more is asked than whether there are any


class MessageSkim(Skim):
    """Follows one streamed message; see `skim`."""

    def __init__(self) -> None:
        super().__init__(StreamDecoder(Reader()))
        self._decoded = 0  # so many events; the others are in `had` alone

    def feed(self, event: bytes) -> None:
        """See `Skimming.feed`."""
        if self.fits(event):
            self.had.append(event)
            return
        self.fits = nothing_fits
        self._decoded += 1
        before = len(self._events)
        super().feed(event)
        told = self._events[before:]
        if b"\r" in event:  # it may be several, whose line ends differ
            return
        if len(told) == 1 and isinstance(told[0], TextDelta | ReasoningDelta) and not self.ending:
            self.fits = _OUTLINES.of(event)  # another one like it would leave the decoder as it is

    def events(self) -> list[Event]:
        """See `Skimming.events`."""
        if self._decoded == len(self.had):
            return self._events
        return said_by(self.had, StreamDecoder(Reader()))
