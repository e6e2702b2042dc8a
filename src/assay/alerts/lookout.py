"""Looks for what is to be told, and tells it: beside the traffic, never in its way."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime

from assay.access.key import Key
from assay.access.keyring import Keyring
from assay.alerts.alert import Alert, body_of
from assay.alerts.budgets import budget_alerts, budgets_of, refusal_alerts
from assay.alerts.models import breaker_alert, drift_alert, open_breakers, retirement_alerts
from assay.alerts.webhook import TIMEOUT_S, post
from assay.config.schema import Config
from assay.errors import BudgetExceeded, LedgerError
from assay.inference.spine import Spine
from assay.ledger.alerts import add_alert, alarms_since, note_failed, note_told, settled_lines, take_alert
from assay.ledger.budgets import period_of
from assay.ledger.rows import AlertRow, new_id

__all__ = ["Lookout"]

_BREAKERS_EVERY_S = 1.0
_BOOKS_EVERY_S = 5.0
_RETRY_EVERY_S = 15.0
_LONGEST_PAUSE_S = 600.0
_DRIFT_S = 7 * 86_400.0
"""Older alarms of `assay watch` are no news to who sets a webhook up."""

log = logging.getLogger("assay.alerts")


class Lookout:
    """Looks at budgets, breakers, alarms and dates, and tells a webhook of each once.

    What is to be told stands in the ledger first: it is told after a restart too, and by one of several processes. One
    that dies just when the webhook has taken an alert tells it again.

    Args:
        url: of the webhook.
        config: what is told, and the budgets.
        spine: with the deployments and the ledger.
        keyring: keys with budgets of their own.
    """

    def __init__(self, url: str, config: Config, spine: Spine, keyring: Keyring | None = None) -> None:
        self._url = url
        self._config = config
        self._spine = spine
        self._keyring = keyring
        # Since the last look: by scope, period, and whether all of the budget would not have been enough.
        self._refused: dict[tuple[str, str, bool], BudgetExceeded] = {}
        self._open: set[str] = set()  # breakers that were open at the last look
        self._known: set[tuple[str, str]] = set()  # what is on record, so that a look at it costs no write
        self._news = asyncio.Event()

    async def follow(self) -> None:
        """Look and tell, until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._again(self.look_at_breakers, _BREAKERS_EVERY_S))
            tasks.create_task(self._again(self.look_at_books, _BOOKS_EVERY_S))
            tasks.create_task(self._again(self._tell_news, 0.0))

    def hear(self, error: BudgetExceeded) -> None:
        """A request was refused for want of money."""
        if self._config.alerts.budget_shares:  # else nobody would ever look at it
            self._refused[error.scope, error.period, error.need_usd > error.limit_usd] = error

    async def look_at_books(self) -> int:
        """Look at budgets, at what `assay watch` has found and at the ends of models; says how much is new.

        Raises:
            LedgerError: the ledger cannot be read or written.
        """
        wanted, now = self._config.alerts, time.time()
        found: list[Alert] = []
        if wanted.budget_shares:
            periods = {period_of(now, "day"), period_of(now, "month"), ""}
            settled = await settled_lines(self._spine.ledger, periods)
            budgets = budgets_of(self._config, self._keys, now)
            found += budget_alerts(budgets, settled, wanted.budget_shares, now)
            found += refusal_alerts(budgets, self._refused.values(), now)
            self._refused.clear()
        if wanted.drift:
            found += [drift_alert(alarm) for alarm in await alarms_since(self._spine.ledger, now - _DRIFT_S)]
        if wanted.retirement_days:
            found += retirement_alerts(self._spine.targets, wanted.retirement_days, datetime.now(UTC).date())
        return await self._put(found)

    async def look_at_breakers(self) -> int:
        """Look for breakers that have opened since the last look; says how many.

        Raises:
            LedgerError: the ledger cannot be written.
        """
        if not self._config.alerts.breakers:
            return 0
        reasons = open_breakers(self._spine.targets, time.monotonic())
        new = await self._put(breaker_alert(name, reasons[name]) for name in sorted(reasons.keys() - self._open))
        self._open = set(reasons)
        return new

    async def tell(self) -> int:
        """Tell what is due, one after the other; says how much was told.

        Raises:
            LedgerError: the ledger cannot be written.
        """
        ledger, told = self._spine.ledger, 0
        while (row := await take_alert(ledger, time.time(), 4 * TIMEOUT_S)) is not None:
            problem = await post(self._url, row.body)
            if problem is None:
                told += 1
                await note_told(ledger, row.id, time.time())
            else:
                log.warning("alert not told, try %d: %s", row.tries, problem)
                await note_failed(ledger, row.id, problem, time.time() + min(2.0**row.tries, _LONGEST_PAUSE_S))
        return told

    @property
    def _keys(self) -> tuple[Key, ...]:
        return self._keyring.keys if self._keyring is not None else ()

    async def _put(self, found: Iterable[Alert]) -> int:
        new = 0
        for alert in found:
            once = alert.again_after_s is None
            if once and (alert.what, alert.about) in self._known:
                continue
            now = time.time()
            row = AlertRow(
                id=new_id(),
                created_at=now,
                what=alert.what,
                about=alert.about,
                body=body_of(alert.what, alert.about, alert.text, alert.facts),
                tries=0,
                next_at=now,
            )
            since = now - alert.again_after_s if alert.again_after_s is not None else 0.0
            new += await add_alert(self._spine.ledger, row, since=since)
            if once:
                self._known.add((alert.what, alert.about))
        if new:
            self._news.set()
        return new

    async def _tell_news(self) -> None:
        """Tell when something is new, and now and then what could not be told before."""
        try:
            async with asyncio.timeout(_RETRY_EVERY_S):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()
        await self.tell()

    async def _again(self, look: Callable[[], Awaitable[object]], every_s: float) -> None:
        """Look again and again; a ledger that cannot be used now can be later."""
        while True:
            try:
                await look()
            except LedgerError as error:
                log.error("alerts: %s", error)
                await asyncio.sleep(_BOOKS_EVERY_S)
            except Exception:  # an outer door: nobody waits for this task, who would see that it has ended?
                log.exception("alerts: a mistake in assay itself")
                await asyncio.sleep(_BOOKS_EVERY_S)
            await asyncio.sleep(every_s)
