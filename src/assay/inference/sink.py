"""Who is given a streamed answer as it comes."""

from __future__ import annotations

from typing import Protocol

from assay.providers.transport import Later, Take
from assay.types import Event

__all__ = ["Later", "Sink", "Take"]


class Sink(Protocol):
    """Takes an answer, piece by piece. What a method returns must be done before more is given: the client is slow.

    The trace of the request says whose answer it is.
    """

    def pass_head(self, data: bytes) -> Later | None:
        """Take bytes that say only that an answer begins; another one may still follow it."""
        ...

    def pass_on(self, data: bytes) -> Later | None:
        """Take a piece of the answer in the client's own form: whole events."""
        ...

    def pass_more(self, data: bytes) -> Later | None:
        """Take a piece that holds nothing but more words, behind one given to `pass_on`."""
        ...

    def tell(self, event: Event) -> Later | None:
        """Take what is said in whatever form."""
        ...
