"""What is told, once each, beside the traffic."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from receiver import Receiver

from assay.access.key import Terms
from assay.access.keyring import Keyring
from assay.access.made import make_key
from assay.alerts.budgets import budget_alerts, budgets_of, refusal_alerts
from assay.alerts.lookout import Lookout
from assay.alerts.models import open_breakers, retirement_alerts
from assay.config.load import parse
from assay.config.schema import Config
from assay.errors import AssayError, BudgetExceeded
from assay.inference.spine import Options, Spine
from assay.ledger.alerts import MOST_TRIES, add_alert, alerts, take_alert, waiting
from assay.ledger.budgets import Account, Budget, Line, period_of, pico_of
from assay.ledger.keys import KeyReader
from assay.ledger.observations import add_alarm
from assay.ledger.rows import AlarmRow, AlertRow, new_id
from assay.ledger.store import SqliteLedger
from assay.types import Message, Request, Text

CONFIG = """
[deployments.small]
model = "x/small"
dialect = "scripted"
script = "small.json"
retries = 0
breaker = { failures = 2, open_s = 60 }
settings = { max_tokens = 10 }
price_usd_per_mtok = { input = 1000.0, output = 1000.0 }
[constraints]
usd_per_month = 1.0
[budgets.shop]
usd = 0.5
per = "day"
team = "shop"
[alerts]
url = "http://127.0.0.1:1/none"
"""
RULES: dict[str, Any] = {"rules": [{"match": "fail", "error": "Overloaded"}], "default": "yes"}
NOON = 1_795_780_800.0  # 2026-11-27, 16:00 UTC


@pytest.fixture
def spine(make_spine: Callable[..., Spine]) -> Spine:
    """One dear deployment, and a budget."""
    return make_spine(CONFIG, {"small.json": RULES})


@pytest.fixture
def config(tmp_path: Path, spine: Spine) -> Config:
    """Its configuration."""
    return parse(CONFIG.encode(), tmp_path / "assay.toml")


async def ask(spine: Spine, text: str = "x", account: Account | None = None) -> None:
    """One request, whatever comes of it."""
    request = Request(model="small", messages=(Message(role="user", parts=(Text(text=text),)),))
    with suppress(AssayError):
        await spine.answer(request, "small", options=Options(account=account) if account else Options())


def alarm(days_ago: float, what: Any = "canary") -> AlarmRow:
    """An alarm of `assay watch`."""
    at = time.time() - days_ago * 86_400
    return AlarmRow(id=new_id(), created_at=at, target="small", watch="w", what=what, since=at - 86_400, body=b"{}")


# ------------------------------------------------------------------------------------------------ what is found


def test_the_highest_share_is_told() -> None:
    """Who spends half and nine tenths between two looks hears of the higher one alone, in the period that runs."""
    budgets = {Budget("team:shop", 10.0, "day"): "team shop", Budget("key:k", 2.0, "total"): "key web"}
    settled = {
        Line("team:shop", "2026-11-27"): pico_of(9.5),
        Line("team:shop", "2026-11-26"): pico_of(10.0),
        Line("key:k", ""): pico_of(0.99),
    }
    [found] = budget_alerts(budgets, settled, (0.5, 0.9, 1.0), NOON)
    assert found.text == "budget of team shop: 90% is spent: 9.50 spent of 10.00 USD in 2026-11-27"
    assert found.facts["share"] == 0.9
    settled[Line("key:k", "")] = pico_of(1.0)
    *_, other = budget_alerts(budgets, settled, (0.5, 0.9, 1.0), NOON)
    assert other.text == "budget of key web: 50% is spent: 1.00 spent of 2.00 USD in all"


def test_a_refusal_is_told(config: Config) -> None:
    """A budget is hardly ever spent to the last cent: that a request was refused is what its owner must know."""
    budgets = budgets_of(config)
    of_shop = BudgetExceeded(
        "team:shop", need_usd=0.1, spent_usd=0.45, held_usd=0.0, limit_usd=0.5, period="2026-11-27"
    )
    of_run = BudgetExceeded("run:r", need_usd=0.1, spent_usd=0.45, held_usd=0.0, limit_usd=0.5)
    [found] = refusal_alerts(budgets, [of_shop, of_run], NOON)
    assert found.text == (
        "budget of team shop: a request was refused: 0.450 spent and 0.00 held of 0.500 USD in 2026-11-27"
    )
    assert refusal_alerts(budgets, [of_shop], NOON + 86_400) == []


async def test_a_request_that_no_budget_would_pay_is_told_apart(spine: Spine, config: Config) -> None:
    """Somebody who asks for too much must not use up the one word that a budget's owner gets of its end."""
    lookout, budgets = Lookout("http://127.0.0.1:1/", config, spine), budgets_of(config)
    period = period_of(time.time(), "month")
    ended, oversized = (
        BudgetExceeded("everything", need_usd=need, spent_usd=0.75, held_usd=0.0, limit_usd=1.0, period=period)
        for need in (0.5, 3855.0)
    )
    texts = [one.text for one in refusal_alerts(budgets, [oversized], time.time())]
    assert texts == [
        "budget of everything: a request was refused that may cost 3,855.00 USD, more than all of it: "
        f"0.750 spent and 0.00 held of 1.00 USD in {period}"
    ]
    for errors, new in (((oversized,), 1), ((ended, oversized), 1), ((ended, oversized), 0)):
        for error in errors:
            lookout.hear(error)
        assert await lookout.look_at_books() == new


@pytest.mark.parametrize(
    ("need", "told"), [(0.1, ["0.500 USD"]), (0.6, ["0.500 USD", "1.00 USD"]), (2.0, ["0.500 USD", "1.00 USD"])]
)
def test_of_two_budgets_for_the_same_each_that_refuses_is_told(need: float, told: list[str]) -> None:
    """A refusal names the least; another of the same team and day is told where the request does not fit it either."""
    budgets = {Budget("team:shop", limit, "day"): "team shop" for limit in (0.5, 1.0, 9.0)}
    error = BudgetExceeded("team:shop", need_usd=need, spent_usd=0.45, held_usd=0.0, limit_usd=0.5, period="2026-11-27")
    found = refusal_alerts(budgets, [error], NOON)
    assert [one.text.split(" of ")[-1] for one in found] == [f"{limit} in 2026-11-27" for limit in told]
    assert len({one.about for one in found}) == len(told)


def test_a_small_budget_does_not_look_free() -> None:
    """Sums of less than a cent have their figures."""
    [found] = budget_alerts(
        {Budget("key:k", 0.003, "total"): "key web"}, {Line("key:k", ""): pico_of(0.00169)}, (0.5,), NOON
    )
    assert found.text == "budget of key web: 50% is spent: 0.00169 spent of 0.00300 USD in all"


async def test_what_is_heard_is_told_at_the_next_look(spine: Spine, config: Config) -> None:
    """Once in its period, however many requests are refused."""
    lookout = Lookout("http://127.0.0.1:1/", config, spine)
    period = period_of(time.time(), "month")
    for _ in range(3):
        lookout.hear(BudgetExceeded("everything", need_usd=1, spent_usd=1, held_usd=0, limit_usd=1, period=period))
    assert [await lookout.look_at_books(), await lookout.look_at_books()] == [1, 0]


def test_a_higher_limit_begins_anew() -> None:
    """A budget that was raised is told again at its own shares."""
    settled = {Line("team:shop", "2026-11"): pico_of(60.0)}
    first = budget_alerts({Budget("team:shop", 100.0): "team shop"}, settled, (0.5,), NOON)
    second = budget_alerts({Budget("team:shop", 110.0): "team shop"}, settled, (0.5,), NOON)
    assert first[0].about != second[0].about


async def test_every_budget_is_looked_at(config: Config, ledger: SqliteLedger) -> None:
    """The month's, those of the configuration, and those of keys that still hold."""
    await make_key(ledger, "web", Terms(usd=3.0))
    await make_key(ledger, "old", Terms(usd=3.0), expires_at=time.time() - 1)
    keyring = Keyring(KeyReader(ledger.path), config.budgets)
    found = budgets_of(config, keyring.keys, time.time())
    assert sorted(found.values()) == ["everything", "key web", "team shop"]
    keyring.close()


def test_models_that_retire(make_spine: Callable[..., Spine]) -> None:
    """A rented model within its days is told with all deployments that call it; weights of one's own do not retire."""
    spine = make_spine(
        '[deployments.a]\nmodel = "openai/gpt-4o"\ndialect = "openai"\nbase_url = "http://127.0.0.1:9"\n'
    )
    live: Any = spine.targets["a"]
    model = msgspec.structs.replace(live.model, retires="2027-01-10", successor="openai/next")
    targets: Any = {name: dataclasses.replace(live, name=name, model=model) for name in ("a", "b")}
    assert retirement_alerts(targets, 30, date(2026, 12, 1)) == []
    [found] = retirement_alerts(targets, 30, date(2026, 12, 15))
    assert found.text == (
        "openai/gpt-4o retires 2027-01-10, in 26 days; its maker names openai/next as its successor; "
        "called by a, b (`assay migrate` makes the move)"
    )
    [late] = retirement_alerts(targets, 30, date(2027, 2, 1))
    assert "has been due to retire since" in late.text
    assert late.about == found.about


async def test_a_pause_is_no_open_breaker(make_spine: Callable[..., Spine]) -> None:
    """A host that asks for a pause is well; one that failed too often is left alone, and the reason is told."""
    rules = {"rules": [{"match": "busy", "error": "RateLimited", "retry_after_s": 30, "status": 429},
                       {"match": "fail", "error": "Overloaded"}], "default": "yes"}  # fmt: skip
    spine = make_spine(CONFIG, {"small.json": rules})
    await ask(spine, "busy")
    assert open_breakers(spine.targets, time.monotonic()) == {}
    spine = make_spine(CONFIG, {"small.json": rules})
    for _ in range(2):
        await ask(spine, "fail")
    [(name, reason)] = open_breakers(spine.targets, time.monotonic()).items()
    assert name == "small"
    assert "2 in a row failed, the last with Overloaded" in reason


# ------------------------------------------------------------------------------------------------ what is told


async def test_a_share_is_told_once(spine: Spine, config: Config) -> None:
    """However often somebody looks, and also another process that looks: one alert, with names and figures only."""
    shop = Account("k", "shop", (Budget("team:shop", 0.5, "day"),))
    for _ in range(15):
        await ask(spine, "a secret question", shop)
    config = msgspec.structs.replace(config, alerts=msgspec.structs.replace(config.alerts, budget_shares=(0.02, 0.05)))
    async with Receiver() as hook:
        lookout = Lookout(hook.url, config, spine)
        assert await lookout.look_at_books() >= 1
        assert await lookout.look_at_books() == 0
        assert await Lookout(hook.url, config, spine).look_at_books() == 0
        assert await lookout.tell() >= 1
        assert await lookout.tell() == 0
    assert all(set(body) == {"text", "alert"} for body in hook.got)
    assert any(body["alert"].get("budget") == "team shop" for body in hook.got)
    assert "secret" not in str(hook.got)


async def test_an_open_breaker_is_told_when_it_opens(spine: Spine, config: Config) -> None:
    """Once as long as it is open, and not again by another process or a little later."""
    async with Receiver() as hook:
        lookout = Lookout(hook.url, config, spine)
        assert await lookout.look_at_breakers() == 0
        for _ in range(2):
            await ask(spine, "fail")
        assert await lookout.look_at_breakers() == 1
        assert await lookout.look_at_breakers() == 0
        assert await Lookout(hook.url, config, spine).look_at_breakers() == 0
        await lookout.tell()
        [body] = hook.got
        assert body["text"].startswith("small is left alone for")


async def test_an_alarm_of_watching_is_told(spine: Spine, config: Config, ledger: SqliteLedger) -> None:
    """A change that was found in the last week; older ones are no news."""
    await add_alarm(ledger, alarm(days_ago=30))
    await add_alarm(ledger, alarm(days_ago=1, what="border"))
    async with Receiver() as hook:
        lookout = Lookout(hook.url, config, spine)
        assert await lookout.look_at_books() == 1
        await lookout.tell()
        assert "small answers differently: answers to border inputs have changed, probably since" in hook.got[0]["text"]


async def test_what_is_switched_off_is_not_looked_for(spine: Spine, config: Config, ledger: SqliteLedger) -> None:
    """Each sort has its switch."""
    await add_alarm(ledger, alarm(days_ago=1))
    for _ in range(2):
        await ask(spine, "fail")
    off = msgspec.structs.replace(config.alerts, budget_shares=(), breakers=False, drift=False, retirement_days=0)
    lookout = Lookout("http://127.0.0.1:1/", msgspec.structs.replace(config, alerts=off), spine)
    assert await lookout.look_at_books() + await lookout.look_at_breakers() == 0


async def test_a_failing_webhook_is_tried_again(spine: Spine, config: Config, ledger: SqliteLedger) -> None:
    """What it does not take stays on record with the reason, is due later, and is told then."""
    await add_alarm(ledger, alarm(days_ago=1))
    async with Receiver() as hook:
        hook.statuses = [500, 0]
        lookout = Lookout(hook.url, config, spine)
        await lookout.look_at_books()
        assert await lookout.tell() == 0
        [row] = await alerts(ledger)
        assert (row.tries, row.told_at, row.error) == (1, None, "127.0.0.1 answered 500")
        assert 1 < row.next_at - time.time() <= 2
        assert await lookout.tell() == 0  # it is not due
        assert len(hook.got) == 1
        await make_due(ledger)
        assert await lookout.tell() == 0
        await make_due(ledger)
        assert await lookout.tell() == 1
        [row] = await alerts(ledger)
        assert (row.tries, row.error) == (3, None)
        assert row.told_at is not None


async def make_due(ledger: SqliteLedger) -> None:
    """Put the clock of all alerts forward."""
    await ledger.write(lambda connection: connection.execute("update alerts set next_at = 0"))


async def test_a_webhook_that_never_takes_it_is_given_up(ledger: SqliteLedger) -> None:
    """After so many tries nobody tries any more, and it does not count as waiting."""
    row = AlertRow(id=new_id(), created_at=1.0, what="drift", about="x", body=b"{}", tries=0, next_at=0.0)
    assert await add_alert(ledger, row)
    for _ in range(MOST_TRIES):
        assert await waiting(ledger) == 1
        assert await take_alert(ledger, 1.0, 0.0) is not None
    assert await take_alert(ledger, 1e12, 0.0) is None
    assert await waiting(ledger) == 0


async def test_two_processes_do_not_tell_the_same(ledger: SqliteLedger) -> None:
    """What one is trying the other leaves alone, until it has had its time."""
    row = AlertRow(id=new_id(), created_at=1.0, what="drift", about="x", body=b"{}", tries=0, next_at=0.0)
    await add_alert(ledger, row)
    assert await take_alert(ledger, 100.0, 20.0) is not None
    assert await take_alert(ledger, 110.0, 20.0) is None
    assert await take_alert(ledger, 121.0, 20.0) is not None


async def test_a_slow_webhook_holds_nobody_up(spine: Spine, config: Config, ledger: SqliteLedger) -> None:
    """While it dawdles requests are answered; it is told in the background as soon as something is new."""
    await add_alarm(ledger, alarm(days_ago=1))
    async with Receiver() as hook:
        hook.hold.clear()
        following = asyncio.create_task(Lookout(hook.url, config, spine).follow())
        async with asyncio.timeout(5):
            await hook.came.wait()
            begun = time.monotonic()
            await ask(spine)
            assert time.monotonic() - begun < 2
        following.cancel()
        with pytest.raises(asyncio.CancelledError):
            await following
