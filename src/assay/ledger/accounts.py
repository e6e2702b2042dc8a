"""What this process may still hold, line by line of the books: pure arithmetic in memory, in whole picodollars.

In each line `lease = free + held by running attempts + spent by attempts that SQLite has not charged yet`. A charge
(`assay.ledger.leases`) takes the last off both sides, so that nothing here has to know of it.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from assay.ledger.budgets import Line, Lines

__all__ = ["Accounts", "Held"]


class Held(Struct, frozen=True, gc=False):
    """What a running attempt holds, on each of its lines."""

    lines: Lines
    pico: int


class Accounts:
    """The leases of one session. May be used by several threads.

    Attributes:
        short: the lines on which somebody waits for money (`assay.ledger.turns`); who comes later must not take it.
        freed: called when an attempt has ended, while somebody waits; None = nobody does.
    """

    def __init__(self) -> None:
        self.short: frozenset[Line] = frozenset()
        self.freed: Callable[[], None] | None = None
        self._lock = threading.Lock()
        # What is free is below 0 where no limit was set, or more was spent than anybody had bounded.
        self._free: defaultdict[Line, int] = defaultdict(int)
        self._held: defaultdict[Line, int] = defaultdict(int)
        self._attempts: dict[str, Held] = {}
        self._shrunk: dict[str, int] = {}  # bounds that nobody has needed yet

    def hold(self, attempt_id: str, lines: Lines, pico: int, *, in_turn: bool = False) -> bool:
        """Hold a bound on all of an attempt's lines; False = nothing was done.

        Then one of them lacks the money, or others wait for it and the attempt has not waited in turn.
        """
        free, held = self._free, self._held
        with self._lock:
            for line, limit in lines.limits:
                if limit is not None and (free.get(line, 0) < pico or (line in self.short and not in_turn)):
                    return False
            for line, _ in lines.limits:
                free[line] -= pico
                held[line] += pico
            self._attempts[attempt_id] = Held(lines, pico)
        return True

    def settle(self, attempt_id: str, cost_pico: int) -> None:
        """An attempt has ended, and cost so much; what it held beyond that is free."""
        free, held = self._free, self._held
        with self._lock:
            found = self._attempts.pop(attempt_id, None)
            if found is None:
                return
            if self._shrunk:
                self._shrunk.pop(attempt_id, None)
            for line, _ in found.lines.limits:
                free[line] += found.pico - cost_pico
                held[line] -= found.pico
        freed = self.freed
        if freed is not None:
            freed()

    def give_away(self, attempt_id: str) -> None:
        """What an attempt holds is another's from now on: it is neither held here nor free."""
        self.settle(attempt_id, self._attempts[attempt_id].pico)

    def lacks(self, lines: Lines, pico: int) -> dict[Line, int]:
        """How much each of the limited lines lacks for a bound."""
        with self._lock:
            wanting = {line: pico - self._free.get(line, 0) for line, limit in lines.limits if limit is not None}
        return {line: lack for line, lack in wanting.items() if lack > 0}

    def add(self, amounts: Mapping[Line, int]) -> None:
        """So much more has been leased."""
        with self._lock:
            for line, pico in amounts.items():
                self._free[line] += pico

    def take_out(self, wanted: Mapping[Line, int]) -> dict[Line, int]:
        """Of what is free, what others may have: at most so much, for each line where there is any."""
        with self._lock:
            taken = {line: min(pico, self._free.get(line, 0)) for line, pico in wanted.items()}
            taken = {line: pico for line, pico in taken.items() if pico > 0}
            for line, pico in taken.items():
                self._free[line] -= pico
        return taken

    def free(self, line: Line) -> int:
        """What may still be held on a line."""
        return self._free.get(line, 0)

    def held(self, line: Line) -> int:
        """What running attempts hold on a line."""
        return self._held.get(line, 0)

    @property
    def runs(self) -> bool:
        """Whether an attempt holds something, which may be free later."""
        return bool(self._attempts)

    def leased(self) -> list[Line]:
        """The lines that have something free."""
        with self._lock:
            return [line for line, pico in self._free.items() if pico > 0]

    def forget(self, today: str) -> None:
        """Drop the lines whose periods are over, on which nothing is free and nothing held. `today`: 2026-11-27."""
        with self._lock:
            over = [line for line in self._held if "" < line.period < today[: len(line.period)]]
            for line in over:
                if not self._held[line] and not self._free.get(line):
                    self._free.pop(line, None)
                    del self._held[line]

    # -------------------------------------------------------------------------------- smaller bounds

    def shrink(self, attempt_id: str, pico: int) -> None:
        """A running attempt costs so much at most. It is made use of when somebody lacks the money (`shrunk`)."""
        with self._lock:
            found = self._attempts.get(attempt_id)
            if found is not None and pico < min(found.pico, self._shrunk.get(attempt_id, found.pico)):
                self._shrunk[attempt_id] = pico

    def shrunk(self, lines: Mapping[Line, int]) -> dict[str, int]:
        """Smaller bounds of attempts that hold something on one of these lines."""
        with self._lock:
            return {
                attempt: pico
                for attempt, pico in self._shrunk.items()
                if any(line in lines for line, _ in self._attempts[attempt].lines.limits)
            }

    def apply(self, bounds: Mapping[str, int]) -> None:
        """These bounds are on record; what was held beyond them is free."""
        with self._lock:
            for attempt, pico in bounds.items():
                found = self._attempts.get(attempt)
                if found is None or found.pico <= pico:
                    continue
                self._attempts[attempt] = replace(found, pico=pico)
                if self._shrunk.get(attempt, pico - 1) >= pico:
                    self._shrunk.pop(attempt, None)
                for line, _ in found.lines.limits:
                    self._free[line] += found.pico - pico
                    self._held[line] -= found.pico - pico
