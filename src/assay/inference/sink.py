"""Who is given a streamed answer as it comes."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol

from assay.types import Event

__all__ = ["Sink"]


class Sink(Protocol):
    """Takes an answer, piece by piece. What a method returns must be awaited before more is given: the client is slow.

    The trace of the request says whose answer it is.
    """

    def pass_head(self, data: bytes) -> Coroutine[Any, Any, None] | None:
        """Take bytes that say only that an answer begins; another one may still follow it."""
        ...

    def pass_on(self, data: bytes) -> Coroutine[Any, Any, None] | None:
        """Take a piece of the answer in the client's own form: whole events."""
        ...

    def tell(self, event: Event) -> Coroutine[Any, Any, None] | None:
        """Take what is said in whatever form."""
        ...
