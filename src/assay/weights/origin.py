"""Where files of weights come from: what every origin must do."""

from __future__ import annotations

from typing import Protocol

from assay.weights.partial import Partial
from assay.weights.wanted import Wanted


class Watch(Protocol):
    """Whoever looks on."""

    def at(self, here_bytes: int) -> None:
        """So many bytes of the file are here."""

    def say(self, text: str) -> None:
        """A sentence for a person."""


class Origin(Protocol):
    """One place that has a file.

    Attributes:
        name: `hub`, `packages` or `path`: what `--from` calls it.
        source: what exactly is fetched, for people and for the manifest.
    """

    @property
    def name(self) -> str:
        """See above."""

    @property
    def source(self) -> str:
        """See above."""

    def room_bytes(self, wanted: Wanted, here_bytes: int) -> int:
        """Bytes of disk that the fetch will still take, of which `here_bytes` of the file are here already."""

    async def fetch(self, wanted: Wanted, partial: Partial, watch: Watch) -> None:
        """Bring all bytes into `partial`; goes on where it can. What comes is verified by the caller.

        Raises:
            PullError: this origin cannot give the file now; what is here stays for the next time.
            OSError: the store's disk refused.
        """
