"""Progress of long work on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from assay.cli.door import note
from assay.ledger.rows import ResultRow
from assay.numerals import plural, told_usd

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID

LINE_EVERY_S = 5.0


class _Progress:
    """How some work goes.

    Args:
        quiet: say nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._last = time.monotonic()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """A sentence about how it goes."""
        if self._bar is not None:
            self._bar.console.print(f"  {text}", highlight=False, markup=False)
        elif not self._quiet:
            note(f"  {text}")

    def _draw(self, label: str, total: int | None, *columns: ProgressColumn) -> None:
        """Begin a bar, where somebody looks."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        every = (TextColumn("{task.description}"), BarColumn(), *columns)
        self._bar = Progress(*every, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task(label, total=total, how="")
        self._bar.start()

    @property
    def _drawn(self) -> bool:
        """Whether there is a bar to begin."""
        return not self._quiet and sys.stderr.isatty()

    def _move(self, done: int, line: Callable[[], str], fields: Callable[[], dict[str, Any]] = dict) -> None:
        """The bar is moved, and shows new fields; without one, a line is told when it is time for one."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, **fields())
        elif not self._quiet and time.monotonic() - self._last >= LINE_EVERY_S:
            self._last = time.monotonic()
            note(f"  {line()}")


class EvalProgress(_Progress):
    """Counts samples as they come in: how many passed, what they cost, how fast they come and how long it will take.

    Args:
        total: how many there can be; early stopping may end before.
        quiet: say nothing.
    """

    def __init__(self, total: int, *, quiet: bool = False) -> None:
        super().__init__(quiet=quiet)
        self.total = total
        self._done = self._passed = self._unscored = 0
        self._usd: float | None = 0.0
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        if self._drawn:
            from rich.progress import MofNCompleteColumn, TextColumn

            self._draw("asking", self.total, MofNCompleteColumn(), TextColumn("{task.fields[how]}"))
        return self

    def result(self, target: str, row: ResultRow) -> None:
        """One sample is done."""
        self._done += 1
        self._passed += row.value is not None and row.value >= 1
        self._unscored += row.value is None
        failed_free = row.value is None and not row.cost_usd  # a call that failed and has no price cost nothing
        if not row.cached and not failed_free:
            self._spend(row.cost_usd, row.grading_usd)
        self._move(
            self._done,
            lambda: f"{self._done} of at most {self.total} asked, {self._how()}",
            lambda: {"description": f"{row.kind} · {target}", "how": self._how()},
        )

    def _spend(self, *costs: float | None) -> None:
        for usd in costs:
            self._usd = self._usd + usd if self._usd is not None and usd is not None else None

    def _how(self) -> str:
        """`81% passed, 0.0312 USD, 38.5 a second, 12 s left`."""
        scored = self._done - self._unscored
        told = [f"{self._passed / scored:.0%} passed"] if scored else []
        told += [f"{self._unscored} unscored"] if self._unscored else []
        told += [told_usd(self._usd)] if self._usd else []
        rate = self._done / max(1e-3, time.monotonic() - self._began)
        return ", ".join([*told, f"{rate:.1f} a second", f"{_span((self.total - self._done) / rate)} left"])

    def verdict(self, kind: str, candidate: str, verdict: str) -> None:
        """One candidate is decided for one kind."""
        self.say(f"{kind}: {candidate} {verdict}")


def _span(seconds: float) -> str:
    """`45 s`, `12 min`, `3.4 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


class PullProgress(_Progress):
    """How a download goes: bytes, rate and time left.

    Args:
        name: what is being pulled.
        whole_bytes: of the whole file; `None` = not known.
        quiet: say nothing.
    """

    def __init__(self, name: str, whole_bytes: int | None, *, quiet: bool = False) -> None:
        super().__init__(quiet=quiet)
        self._name = name
        self._whole = whole_bytes
        self._first: tuple[float, int] | None = None

    def __enter__(self) -> Self:
        if self._drawn:
            from rich.progress import DownloadColumn, TimeRemainingColumn, TransferSpeedColumn

            self._draw(self._name, self._whole, DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        return self

    def at(self, here_bytes: int) -> None:
        """So many bytes of the file are here."""
        now = time.monotonic()
        if self._first is None or here_bytes < self._first[1]:  # it starts here, or over
            self._first = (now, here_bytes)
        began, first = self._first
        self._move(here_bytes, lambda: self._line(here_bytes, now - began, here_bytes - first))

    def _line(self, here_bytes: int, elapsed_s: float, came_bytes: int) -> str:
        line = f"{here_bytes / 1e6:,.0f}" + (f" of {self._whole / 1e6:,.0f}" if self._whole else "") + " MB"
        if not came_bytes or elapsed_s <= 0:
            return line
        rate = came_bytes / elapsed_s
        left = f", {(self._whole - here_bytes) / rate:,.0f} s left" if self._whole else ""
        return f"{line}, {rate / 1e6:,.1f} MB/s{left}"


class VerdictProgress(_Progress):
    """Counts verdicts as they come in; `of` says how many there will be."""

    def __init__(self) -> None:
        super().__init__()
        self._total = self._done = 0

    def of(self, total: int) -> None:
        """So many verdicts are wanted."""
        self._total = total
        if self._drawn:
            from rich.progress import MofNCompleteColumn, TimeRemainingColumn

            self._draw("judging", total, MofNCompleteColumn(), TimeRemainingColumn())
        else:
            self.say(f"{plural(total, 'verdict')}")

    def one(self) -> None:
        """One verdict is here."""
        self._done += 1
        self._move(self._done, lambda: f"{self._done} of {plural(self._total, 'verdict')}")


class AnswerProgress(_Progress):
    """Counts answers as they come in, of whom they are."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what
        self._done = 0

    def __enter__(self) -> Self:
        if self._drawn:
            self._draw(self._what, None)
        return self

    def one(self, target: str) -> None:
        """One answer, or lack of one, of this target."""
        self._done += 1
        told = f"{self._what}: {target}, {plural(self._done, 'answer')}"
        self._move(self._done, lambda: told, lambda: {"description": told})
