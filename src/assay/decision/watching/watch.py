"""Watching: rounds over panels that are kept, and what they come to."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from assay.config.watch import Watch
from assay.decision.watching.borders import Searching
from assay.decision.watching.draw import current
from assay.decision.watching.panel import Border, Panel, change_panel, read_panels
from assay.decision.watching.round import Asked, Round
from assay.decision.watching.standing import Standing, standing
from assay.decision.watching.watched import kinds_done, watched
from assay.errors import AssayError, BudgetExceeded, ConfigError, LedgerError
from assay.evals.suites.suite import Suite
from assay.inference.purse import Purse
from assay.inference.spine import Spine
from assay.types import Request

__all__ = ["Watching"]


class Watching:
    """What `assay watch` does, for one target at a time.

    Args:
        spine: where it is asked.
        settings: of the configuration.
        path: of the panels that are kept.
        suite: that canaries are from; None = there are none.
        work: kind -> the target that does it, by pins or decision.
        clock: seconds since 1970.
        purse: what all of it may cost.
        concurrency: requests of one target in flight.
        config_digest: kept with the runs.
        on_answer: told the target after each answer, or lack of one.
    """

    def __init__(
        self, spine: Spine, settings: Watch, path: Path, suite: Suite | None, work: Mapping[str, str], *,
        clock: Callable[[], float] = time.time, purse: Purse | None = None, concurrency: int = 8,
        config_digest: str = "", on_answer: Callable[[str], object] = lambda target: None,
    ) -> None:  # fmt: skip
        self._spine = spine
        self._settings = settings
        self._path = path
        self._suite = suite
        self._work = work
        self._clock = clock
        self._purse = purse
        self._concurrency = concurrency
        self._config_digest = config_digest
        self._on_answer = on_answer

    def targets(self, named: Sequence[str] = ()) -> tuple[str, ...]:
        """Those that were named, else those of the configuration, else the hosted ones that do the work.

        Raises:
            ConfigError: there is no such target, or nothing to watch.
        """
        found = tuple(dict.fromkeys(named or self._settings.deployments or watched(self._spine, self._work)))
        if not found:
            raise ConfigError(
                "nothing to watch: no pin and no decision uses a hosted deployment; name some with --model, or as "
                "watch.deployments in assay.toml"
            )
        for name in found:
            self._spine.route(name)
        return found

    async def round(self, target: str) -> Standing:
        """Ask what was not asked today, and say how it stands.

        Raises:
            ConfigError, BudgetExceeded, LedgerError, DecisionError: nothing can be asked, or kept.
        """
        panel, why = await self._panel(target)
        try:
            asked = await self._round(panel).ask()
        except (ConfigError, BudgetExceeded, LedgerError):  # not the host's fault
            raise
        except AssayError as error:  # its weights are not there, say: no news of the model
            asked = Asked(unanswered=1, problem=f"{type(error).__name__}: {error}")
        return await self._standing(panel, asked, why)

    async def status(self, target: str) -> Standing | None:
        """How it stands by what was asked so far; None = it was never watched.

        Raises:
            LedgerError, DecisionError: what is kept cannot be read.
        """
        kept = read_panels(self._path).get(target)
        return await self._standing(kept, None, None) if kept is not None else None

    async def requests(self, target: str) -> list[Request]:
        """What a round would ask; nothing is asked, and nothing kept.

        Raises:
            AssayError: the target cannot be identified.
        """
        return await self._round((await self._drawn(target))[0]).requests()

    async def find_borders(self, target: str) -> tuple[Border, ...]:
        """Find border inputs and keep them in place of those that there were.

        Raises:
            ConfigError: none are wanted.
            AssayError: nobody answers, or nothing can be kept.
        """
        self._check_wanted()
        panel, _ = await self._panel(target)
        found = await self._searching(target).find()
        change_panel(self._path, target, lambda kept: msgspec.structs.replace(kept or panel, borders=found))
        return found

    def search_requests(self, target: str) -> list[Request]:
        """What `find_borders` would ask at most.

        Raises:
            ConfigError: none are wanted.
        """
        self._check_wanted()
        return self._searching(target).requests

    async def reset(self, target: str) -> Panel:
        """What it answers from now on is what it is expected to answer: a change has been accepted.

        Raises:
            ConfigError: it was never watched.
            DecisionError: nothing can be kept.
        """
        kept = read_panels(self._path).get(target)
        if kept is None:
            raise ConfigError(f"{target!r} is not watched; `assay watch` begins with it")
        now = self._clock()
        change_panel(self._path, target, lambda found: msgspec.structs.replace(found or kept, began_at=now))
        return read_panels(self._path)[target]

    async def _panel(self, target: str) -> tuple[Panel, str | None]:
        panel, why = await self._drawn(target)
        if read_panels(self._path).get(target) != panel:
            change_panel(
                self._path, target,
                lambda kept: msgspec.structs.replace(panel, borders=kept.borders) if kept is not None else panel,
            )  # fmt: skip
        return panel, why

    async def _drawn(self, target: str) -> tuple[Panel, str | None]:
        suite = self._part(target)
        wanted = self._settings.canaries_per_day if suite is not None else 0
        return await current(self._spine, target, suite, wanted, read_panels(self._path).get(target), self._clock())

    def _part(self, target: str) -> Suite | None:
        """The suite, cut to the kinds that a target does."""
        if self._suite is None or self._settings.canaries_per_day == 0:
            return None
        kinds = tuple(kind for kind in kinds_done(self._spine, target, self._work) if kind in self._suite.kinds)
        return self._suite.only(kinds)

    def _check_wanted(self) -> None:
        if not self._settings.borders:
            raise ConfigError("no border inputs are wanted: watch.borders is 0 in assay.toml")

    def _round(self, panel: Panel) -> Round:
        return Round(
            self._spine, self._as_wanted(panel), self._part(panel.target), self._clock, purse=self._purse,
            concurrency=self._concurrency, config_digest=self._config_digest,
            on_answer=lambda: self._on_answer(panel.target),
        )  # fmt: skip

    def _searching(self, target: str) -> Searching:
        return Searching(
            self._spine, target, self._settings.borders, purse=self._purse, concurrency=self._concurrency,
            on_answer=lambda: self._on_answer(target),
        )  # fmt: skip

    def _as_wanted(self, panel: Panel) -> Panel:
        """With as many border inputs as are wanted now; the others stay where they are kept."""
        return msgspec.structs.replace(panel, borders=panel.borders[: self._settings.borders])

    async def _standing(self, panel: Panel, asked: Asked | None, why: str | None) -> Standing:
        return await standing(
            self._spine.ledger,
            self._as_wanted(panel),
            self._settings.alarms_per_year,
            self._clock,
            asked,
            begins_anew=why,
        )
