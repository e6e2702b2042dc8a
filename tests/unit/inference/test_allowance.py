"""Which budgets a request counts for: everybody's, those of each route on its way, and those of who asks."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from upstreams import ask

from assay.config.budget import Limit
from assay.config.load import load
from assay.config.schema import Constraints
from assay.errors import BudgetExceeded, ConfigError
from assay.inference.allowance import Allowance
from assay.inference.spine import Options, Spine
from assay.ledger.budgets import Account, Budget
from assay.ledger.rows import Intent, new_id
from assay.ledger.store import SqliteLedger

PRICED = """
[deployments.small]
model = "x/small"
dialect = "scripted"
script = "small.json"
price_usd_per_mtok = { input = 1.0, output = 1.0 }
settings = { max_tokens = 100 }
[deployments.other]
model = "x/other"
dialect = "scripted"
script = "small.json"
price_usd_per_mtok = { input = 1.0, output = 1.0 }
settings = { max_tokens = 100 }
[routes.inner]
candidates = ["small"]
policy = { kind = "fixed" }
[routes.outer]
candidates = ["inner"]
policy = { kind = "fixed" }
"""
SCRIPT = {"small.json": {"default": "yes"}}


def test_what_the_configuration_allows() -> None:
    """The month's budget and those without a team or a route are everybody's; a team's come with its keys."""
    allowance = Allowance(
        Constraints(usd_per_month=50.0),
        {
            "a": Limit(usd=5.0, per="day"),
            "b": Limit(usd=7.0, route="support"),
            "c": Limit(usd=1.0, per="total", route="support"),
            "d": Limit(usd=2.0, team="shop"),
        },
    )
    assert allowance.everything == (Budget("everything", 50.0), Budget("everything", 5.0, "day"))
    assert allowance.of("support") == (Budget("route:support", 7.0), Budget("route:support", 1.0, "total"))
    assert allowance.of("another") == ()


@pytest.mark.parametrize("scope", ["outer", "inner", "small"])
async def test_each_route_on_the_way_counts(make_spine: Callable[..., Spine], ledger: SqliteLedger, scope: str) -> None:
    """A budget of the route that was asked, of one inside it and of the deployment at the end stops the request."""
    spine = make_spine(f'{PRICED}\n[budgets.b]\nusd = 0\nroute = "{scope}"', SCRIPT)
    with pytest.raises(BudgetExceeded) as raised:
        await spine.answer(ask(), "outer")
    assert raised.value.scope == f"route:{scope}"
    assert (await spine.answer(ask(), "other")).text == "yes"


async def test_who_asks_has_budgets_too(make_spine: Callable[..., Spine], ledger: SqliteLedger) -> None:
    """A key's budget is held for its requests, and the rows say for which budgets each counts."""
    spine = make_spine(PRICED, SCRIPT)
    account = Account("k1", "shop", (Budget("key:k1", 1.0, "total"),))
    await spine.answer(ask(), "outer", options=Options(account=account))
    await spine.answer(ask(), "outer")
    assert [row["scopes"] for row in await ledger.attempts()] == [None, '[["key:k1",""]]']


async def test_a_request_waits_as_long_as_the_constraints_say(
    make_spine: Callable[..., Spine], ledger: SqliteLedger
) -> None:
    """`budget_wait_s` bounds the waiting for what running requests hold."""
    spine = make_spine(f"{PRICED}\n[constraints]\nusd_per_month = 1.0\nbudget_wait_s = 0.05", SCRIPT)
    running = Intent(
        id=new_id(), request_id="r", path="0", route="small", deployment="small", model="x/small", dialect="openai",
        kind=None, label="public", started_at=time.time(), passed_through=False, reserved_usd=1.0,
    )  # fmt: skip
    await ledger.hold(running, spine._targets.allowance.everything)
    began = asyncio.get_running_loop().time()
    with pytest.raises(BudgetExceeded, match="budget_wait_s"):
        await spine.answer(ask(), "small")
    assert 0.05 <= asyncio.get_running_loop().time() - began < 1


def test_a_budget_of_a_route_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """It would limit nothing, and nobody would notice."""
    (tmp_path / "small.json").write_text('{"default": "yes"}')
    (tmp_path / "assay.toml").write_text(f'{PRICED}\n[budgets.b]\nusd = 1\nroute = "outr"')
    with pytest.raises(ConfigError, match=r"budgets\.b\.route: unknown 'outr'; did you mean 'outer'"):
        load(tmp_path / "assay.toml")
