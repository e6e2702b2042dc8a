"""Reading of an answer whose bytes pass on as they are: only what money, the ledger and the answer's end need.

A skim sees the same bytes as a decoder and comes to the same verdict. `Skim` is for any format: it decodes everything.
A format that most of its traffic is in may offer a lighter one (`Outbound.skim`), which leaves to the decoder whatever
it does not know exactly. The lighter one passes over members that nobody reads, also where a number there is too large
for the decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Protocol

from assay.dialects.dialect import Decoder, Outbound
from assay.dialects.outline import Fits, nothing_fits
from assay.errors import MalformedReply
from assay.types import Begin, Event, Failed, Finished, Folder, Response, Usage, UsageReport

__all__ = ["Skim", "Skimming", "said_by", "skim_of"]


class Skimming(Protocol):
    """Follows one streamed answer.

    Attributes:
        begun: a piece of the answer itself has come, not only its head.
        heads: the event that came last says only that an answer begins; it is known exactly, and may go on at once.
        ending: it has been told why the answer ended; what follows is for the settlement.
        failed: the event by which the host said that the answer failed; nothing is read after it.
        used: what the host last said of its use, before the answer's end: the input, of some formats.
        had: all events that came.
        fits: tells of a piece of the stream that it is one event which says nothing but more words of an answer that
            has begun. Such a one need not be fed, and is only added to what was had.
    """

    begun: bool
    heads: bool
    ending: bool
    failed: Failed | None
    used: Usage | None
    had: list[bytes]
    fits: Fits

    def feed(self, event: bytes) -> None:
        """Take one whole event of the stream.

        Raises:
            MalformedReply: it cannot be read.
        """
        ...

    def close(self) -> Response:
        """The stream has ended: what came of it. Where nobody needs the words, they may be left out.

        Raises:
            MalformedReply: the end marker of the format was not seen (a cut stream).
        """
        ...

    def events(self) -> list[Event]:
        """All that has come so far, decoded: for whoever must know the words after all (see `said_by`)."""
        ...


class Skim:
    """Decodes every event."""

    def __init__(self, decoder: Decoder) -> None:
        self.begun = self.heads = self.ending = False
        self.failed: Failed | None = None
        self.used: Usage | None = None
        self.had: list[bytes] = []
        self.fits: Fits = nothing_fits
        self._decoder = decoder
        self._events: list[Event] = []

    def feed(self, event: bytes) -> None:
        """See `Skimming.feed`."""
        self.had.append(event)
        for told in self._decoder.feed(event):
            self._take(told)

    def close(self) -> Response:
        """See `Skimming.close`."""
        for told in self._decoder.close():
            self._take(told)
        folder = Folder()
        for told in self._events:
            folder.add(told)
        return folder.response()

    def events(self) -> list[Event]:
        """See `Skimming.events`."""
        return self._events

    def _take(self, event: Event) -> None:
        if isinstance(event, Failed):
            self.failed = self.failed or event
        if self.failed is None:
            self._events.append(event)
            self.begun = self.begun or not isinstance(event, Begin)
            self.ending = self.ending or isinstance(event, Finished)
            if isinstance(event, UsageReport):
                self.used = event.usage


def said_by(events: Iterable[bytes], decoder: Decoder) -> list[Event]:
    """What whole events say, up to one that cannot be read: whoever fed that one was told, or needed nothing of it."""
    skim = Skim(decoder)
    with suppress(MalformedReply):
        for event in events:
            skim.feed(event)
    return skim.events()


def skim_of(dialect: Outbound) -> Skimming:
    """What follows an answer of this format."""
    light: Callable[[], Skimming] | None = getattr(dialect, "skim", None)
    return light() if light is not None else Skim(dialect.decoder())
