"""Rollouts while the gateway runs: their weights are taken up, what came of a stage is looked at, and they are moved.

Nobody has to be there: an arm that does harm is gone within a second or two of the evidence. Of several gateways each
looks for itself, and the ledger lets one of them move.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from assay.decision.experiments.rollout import ACTIVE, look, perform, rolled
from assay.errors import AssayError
from assay.inference.spine import Spine
from assay.ledger.rollouts import RolloutReader
from assay.ledger.rows import RolloutRow

__all__ = ["LOOK_EVERY_S", "Rollouts"]

LOOK_EVERY_S = 1.0
_REST = 4.0
"""Between two looks so many times as long as the last one took, which is beside the loop: long stages have much to add
up."""

log = logging.getLogger("assay.gateway")


class Rollouts:
    """Follows the rollouts of a ledger for one spine.

    Args:
        spine: whose splits they are.
        path: of its ledger.
        told: hears a line for each move that was made here, or that was seen.
    """

    def __init__(self, spine: Spine, path: Path, told: Callable[[str], None] = log.info) -> None:
        self._spine = spine
        self._reader = RolloutReader(path)
        self._told = told
        self._who = f"gateway {socket.gethostname()}:{os.getpid()}"
        self._seen: dict[str, RolloutRow] = {}
        self._next: dict[str, float] = {}

    async def follow(self, every_s: float = LOOK_EVERY_S) -> None:
        """Look again and again, until it is cancelled. What goes wrong is told, and tried again."""
        problem = ""
        while True:
            await asyncio.sleep(every_s)
            try:
                await self.look()
                problem = ""
            except AssayError as error:
                if str(error) != problem:
                    self._told(f"rollouts cannot be looked at, and stay as they are: {error}")
                problem = str(error)
            except Exception:  # the outer door of this task: a mistake of ours must not end it unheard
                log.exception("unexpected error while looking at rollouts")

    async def look(self) -> None:
        """Take up the weights that count now, and move what is to be moved.

        Raises:
            AssayError: the ledger cannot be read or written.
        """
        rows = self._reader.newest()
        self._take(rows)
        if [row for row in rows if row.state in ACTIVE and await self._moved(row)]:
            self._take(self._reader.newest())

    def close(self) -> None:
        """Let go of the ledger's file."""
        self._reader.close()

    def _take(self, rows: list[RolloutRow]) -> None:
        weights = rolled(rows)
        if weights != self._spine.rolled:
            self._spine.take_rolled(weights)
        for row in rows:
            before = self._seen.get(row.route)
            if before != row and (before is not None or row.state in ACTIVE):
                self._told(f"rollout of {row.route!r}: {row.state}, {row.new} gets {row.share:.3g} of the traffic")
        self._seen = {row.route: row for row in rows}

    async def _moved(self, row: RolloutRow) -> bool:
        """Look at a stage, when it is time; whether it was moved, by whomever."""
        began = time.monotonic()
        if began < self._next.get(row.id, 0.0):
            return False
        found = await look(self._spine.ledger, row)
        self._next[row.id] = began + _REST * (time.monotonic() - began)
        if found.move is None:
            return False
        after = await perform(self._spine.ledger, row, found, self._who)
        if after is not None:
            self._told(f"rollout of {row.route!r}: {found.move}: {found.why}")
        return after is not None
