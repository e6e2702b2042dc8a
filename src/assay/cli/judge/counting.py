"""How far an audit is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from assay.cli.door import note
from assay.cli.progress import LINE_EVERY_S

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Counting:
    """Counts verdicts as they come in; `of` says how many there will be."""

    def __init__(self) -> None:
        self._total = self._done = 0
        self._last = time.monotonic()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Counting:
        return self

    def of(self, total: int) -> None:
        """So many verdicts are wanted."""
        self._total = total
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("judging", total=total)
            self._bar.start()
        else:
            note(f"  {total} verdicts")

    def one(self) -> None:
        """One verdict is here."""
        self._done += 1
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done)
        elif time.monotonic() - self._last >= LINE_EVERY_S:
            self._last = time.monotonic()
            note(f"  {self._done} of {self._total} verdicts")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
