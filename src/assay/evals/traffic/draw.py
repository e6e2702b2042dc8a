"""A draw from a stream: of each stratum some distinct requests, by chance, in one pass and bounded memory.

Every text has a priority: a hash of it and the seed. Of each stratum those with the least priorities are kept (a
bottom-k sketch: Cohen and Kaplan, PODC 2007), so that a text is as likely to be drawn whether it was asked once or a
thousand times, the draw hangs on the seed and on no order, and how often each drawn text was asked is counted exactly.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

from assay.evals.traffic.strata import Stratum

__all__ = ["Cell", "Draw", "Drawn"]


@dataclass(slots=True)
class Drawn:
    """One text of a stratum.

    Attributes:
        request_id: of the request that stands for all that are equal: the one that most is known of.
        rank: how much is known of it; less is more.
        copies: requests with this text.
    """

    request_id: str
    rank: int
    priority: int
    copies: int = 1


@dataclass(slots=True)
class Cell:
    """One stratum of one kind.

    Attributes:
        requests: all that belong to it.
    """

    requests: int = 0
    members: dict[str, Drawn] = field(default_factory=dict)
    _worst: list[tuple[int, str]] = field(default_factory=list)

    def add(self, text: str, one: Drawn, most: int) -> None:
        """Take a request into account; `text` is its fingerprint, `most` how many texts are kept."""
        self.requests += 1
        known = self.members.get(text)
        if known is not None:
            known.copies += 1
            if (one.rank, one.request_id) < (known.rank, known.request_id):
                known.request_id, known.rank = one.request_id, one.rank
            return
        if len(self.members) >= most:
            if -self._worst[0][0] <= one.priority:
                return
            del self.members[heapq.heappop(self._worst)[1]]
        self.members[text] = one
        heapq.heappush(self._worst, (-one.priority, text))

    def drawn(self) -> list[Drawn]:
        """Those that are kept, in the order of the draw."""
        return sorted(self.members.values(), key=lambda one: one.priority)


class Draw:
    """A draw of every kind and stratum.

    Args:
        most: texts that are kept of each stratum.
        seed: another one draws others.
    """

    def __init__(self, most: int, seed: int) -> None:
        self._most = most
        self._key = str(seed).encode()
        self._cells: dict[str, dict[Stratum, Cell]] = {}

    def add(self, kind: str, stratum: Stratum, text: str, request_id: str, rank: int) -> None:
        """Take a request into account; `text` is its fingerprint."""
        hashed = hashlib.blake2b(text.encode(), digest_size=8, key=self._key).digest()
        one = Drawn(request_id, rank, int.from_bytes(hashed))
        self._cells.setdefault(kind, {}).setdefault(stratum, Cell()).add(text, one, self._most)

    def kinds(self) -> Iterator[tuple[str, dict[Stratum, Cell]]]:
        """Each kind with its strata, by name."""
        yield from sorted(self._cells.items())
