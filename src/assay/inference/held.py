"""What of an answer waits before it is handed on.

Raw bytes wait for what is decoded from them, so that bytes which tell of an error are not seen as a part of the
answer. Everything after a finish waits for the settlement: a client that sees the end may rely on the ledger.
"""

from __future__ import annotations

import msgspec

from assay.types import Event, Finished, Raw

__all__ = ["Held"]


class Held(msgspec.Struct, eq=False):
    """The events of one attempt that wait.

    Attributes:
        events: in order.
        ending: all that comes waits for the settlement.
    """

    events: list[Event] = []
    ending: bool = False

    def take(self, event: Event) -> list[Event]:
        """The events to hand on when `event` has come.

        Bytes that nothing was decoded from, a host's sign of life, go on when the next ones come.
        """
        self.ending = self.ending or isinstance(event, Finished)
        if self.ending:
            self.events.append(event)
            return []
        ready, self.events = self.events, []
        (self.events if isinstance(event, Raw) else ready).append(event)
        return ready

    def keep(self, event: Event) -> None:
        """Let an event wait for the settlement."""
        self.ending = True
        self.events.append(event)

    def rest(self) -> list[Event]:
        """What still waits when the attempt is settled."""
        return self.events
