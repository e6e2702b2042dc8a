"""Shadows: asked for comparison, recorded, shown to nobody, waited for by nobody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any, cast

import pytest
from upstreams import PRIVATE, ask, held_usd, rows, settled, strangers, whole

from assay.config.comparing import Comparing
from assay.errors import AssayError
from assay.inference import shadows
from assay.inference.pair import Asked, Pair, Side
from assay.inference.spine import Spine
from assay.inference.trace import Trace
from assay.ledger.store import SqliteLedger
from assay.types import Label, Request, Response, Text
from faults import Answer, FaultyHost

MakeSpine = Callable[..., Spine]
PRICE = "price_usd_per_mtok = { input = 1.0, output = 2.0 }\nsettings = { max_tokens = 100 }"


def toml(shadow_url: str, policy: str = 'kind = "shadow", shadow = ["other"]', more: str = "", head: str = "") -> str:
    """A route `r` whose primary is scripted and whose shadow is at a host."""
    return (
        f'{head}[deployments.main]\nmodel = "x/main"\ndialect = "scripted"\nscript = "main.json"\n'
        f'[deployments.other]\nmodel = "x/other"\ndialect = "openai"\nbase_url = "{shadow_url}"\nretries = 0\n{PRICE}\n'
        f'{more}\n[routes.r]\ncandidates = ["main", "other"]\npolicy = {{ {policy} }}\n'
    )


MAIN = {"main.json": {"default": "from main"}}


async def by_path(ledger: SqliteLedger, count: int) -> dict[str, dict[str, Any]]:
    """The attempts, settled, by their place."""
    return {row["path"]: row for row in await settled(ledger.path, count)}


async def test_the_client_has_the_primary_s_answer(make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """The shadow's attempt is on record as such, with kind, cost and reason; the request's own cost is without it."""
    async with FaultyHost(Answer(body=whole("from other"))) as host:
        spine, trace = make_spine(toml(host.url), MAIN), Trace()
        assert (await spine.answer(ask(kind="sql"), "r", trace)).text == "from main"
        await spine.shadows.ended()
        found = await by_path(ledger, 2)
        shadow = found["s0"]
        assert (shadow["shadow"], shadow["outcome"], shadow["deployment"]) == (1, "ok", "other")
        assert (shadow["kind"], shadow["request_id"], shadow["why"]) == ("sql", trace.request_id, "shadow of main")
        assert (shadow["cost_basis"], shadow["output_tokens"]) == ("measured", 2)
        assert found["0"]["shadow"] == 0
        [request] = rows(ledger.path, "select * from requests")
        assert (request["attempts"], request["deployment"]) == (1, "main")
        assert trace.tried == "main=ok"


async def test_nobody_waits_for_it(make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """A shadow that hangs delays neither this answer nor the next; closing the spine settles it."""
    async with FaultyHost(Answer(stop="request", how="hang")) as host:
        spine = make_spine(toml(host.url), MAIN)
        began = time.monotonic()
        for _ in range(3):
            await spine.answer(ask(stream=True), "r")
        assert time.monotonic() - began < 2
        await host.arrived(3)
        before = asyncio.all_tasks()
        await spine.close()
        found = await settled(ledger.path, 6)
        assert [row["outcome"] for row in found if row["shadow"]] == ["cancelled"] * 3
        assert held_usd(ledger.path) == 0
        assert not strangers(before)


async def test_it_is_asked_when_the_answer_has_ended(make_spine: MakeSpine) -> None:
    """While the primary answers, its shadow takes nothing of the machine."""
    async with FaultyHost(Answer(body=whole())) as host:
        slow = {"main.json": {"rules": [{"answer": "one two three", "chunk_delay_s": 0.02}]}}
        spine = make_spine(toml(host.url), slow)
        async with aclosing(spine.generate(ask(stream=True), "r")) as events:
            async for _ in events:
                assert not host.received
        await host.arrived(1)


@pytest.mark.parametrize("answer", [Answer(status=500), Answer(body=b"{"), Answer(stop="request")])
async def test_its_faults_are_its_own(answer: Answer, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """The client hears nothing of them; the ledger does."""
    async with FaultyHost(answer) as host:
        spine = make_spine(toml(host.url), MAIN)
        assert (await spine.answer(ask(), "r")).text == "from main"
        await spine.shadows.ended()
        assert (await by_path(ledger, 2))["s0"]["outcome"] == "error"


async def test_it_is_asked_though_the_primary_failed(make_spine: MakeSpine) -> None:
    """What another one would have said is of interest just then."""
    async with FaultyHost(Answer(body=whole())) as host:
        spine = make_spine(toml(host.url), {"main.json": {"rules": [{"error": "BadRequest"}]}})
        with pytest.raises(AssayError):
            await spine.answer(ask(), "r")
        await host.arrived(1)


async def test_private_data_has_no_shadow_abroad(make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """Labels hold for shadows as for answers."""
    async with FaultyHost(Answer(body=whole())) as host:
        spine = make_spine(toml(host.url), MAIN)
        await spine.answer(ask(label=PRIVATE), "r")
        await spine.shadows.ended()
        assert not host.received
    await settled(ledger.path, 1)


async def test_the_budget_holds(make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """A shadow that the month's budget has no room for is not asked."""
    async with FaultyHost(Answer(body=whole())) as host:
        spine = make_spine(toml(host.url, head="[constraints]\nusd_per_month = 1e-6\n"), MAIN)
        assert (await spine.answer(ask(), "r")).text == "from main"
        await spine.shadows.ended()
        assert not host.received
    assert held_usd(ledger.path) == 0


async def test_their_number_is_bounded(make_spine: MakeSpine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound they are left out and counted."""
    monkeypatch.setattr(shadows, "AT_ONCE", 2)
    async with FaultyHost(Answer(stop="request", how="hang")) as host:
        spine = make_spine(toml(host.url), MAIN)
        for _ in range(5):
            await spine.answer(ask(), "r")
        await host.arrived(2)
        assert spine.shadows.skipped == 3
        assert len(host.received) == 2


async def test_a_busy_deployment_has_no_place_for_one(make_spine: MakeSpine) -> None:
    """Who serves as much as it may is not asked for comparison."""
    async with FaultyHost(Answer(stop="request", how="hang")) as host:
        spine = make_spine(toml(host.url, more="concurrency = 1"), MAIN)
        live = asyncio.create_task(spine.answer(ask(), "other"))
        await host.arrived(1)
        await spine.answer(ask(), "r")
        await asyncio.sleep(0)
        assert len(host.received) == 1
        live.cancel()
        await asyncio.gather(live, return_exceptions=True)


async def test_a_client_that_leaves_early_has_none(make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """Nothing is asked for an answer that was given up; one under way goes on when its client has gone."""
    slow = {"main.json": {"rules": [{"match": "slow", "answer": "one two", "chunk_delay_s": 0.02}, {"answer": "x"}]}}
    async with FaultyHost(Answer(body=whole(), pause_s=0.05)) as host:
        spine = make_spine(toml(host.url), slow)
        async with aclosing(spine.generate(ask("slow", stream=True), "r")) as events:
            await anext(events)
        await settled(ledger.path, 1)
        assert not host.received
        await asyncio.create_task(spine.answer(ask(), "r"))
        await spine.shadows.ended()
        assert (await by_path(ledger, 3))["s0"]["outcome"] == "ok"


async def test_a_run_has_none(make_spine: MakeSpine) -> None:
    """An eval of the route measures what a client gets, and pays for no more."""
    async with FaultyHost(Answer(body=whole())) as host:
        spine = make_spine(toml(host.url), MAIN)
        await spine.answer(ask(), "r", Trace(run_id="run"))
        await spine.shadows.ended()
        assert not host.received


async def test_a_shadow_route_has_no_shadows(make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """A shadow may be a route; shadows of shadows are not asked."""
    inner = '[routes.inner]\ncandidates = ["main", "other"]\npolicy = { kind = "shadow", shadow = ["other"] }\n'
    async with FaultyHost(Answer(body=whole())) as host:
        spine = make_spine(
            toml(host.url, 'kind = "shadow", primary = "main", shadow = ["inner"]').replace(
                '["main", "other"]\npolicy', '["main", "inner"]\npolicy'
            )
            + inner,
            MAIN,
        )
        await spine.answer(ask(), "r")
        await spine.shadows.ended()
        assert not host.received
    assert {path: row["shadow"] for path, row in (await by_path(ledger, 2)).items()} == {"0": 0, "s0.0": 1}


async def test_what_is_not_compared_is_counted_and_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond so many that wait the answers are let go of; that there were two, one of them paid, stays on record."""
    monkeypatch.setattr(shadows, "_MOST_WAITING", 4)
    made, compared, gate = shadows.Shadows(), list[Pair](), asyncio.Event()

    async def compare(pair: Pair) -> None:
        compared.append(pair)
        if pair.outcome == "answered":
            await gate.wait()

    made.comparer = compare
    answer = Response(parts=(Text(text="x"),))
    for number in range(10):
        sides = Side("a", answer, 0.1), Side("b", answer, 0.2)
        pair = Pair(str(number), "r", "r", "audit", Comparing(), ask(), Label.PUBLIC, *sides, "answered", nobody)
        made.compare(pair)
    await asyncio.sleep(0)
    left = [pair for pair in compared if pair.outcome == "uncompared"]
    assert made.left_out["uncompared"] == 6
    assert [pair.request_id for pair in left] == ["4", "5", "6", "7"]  # twice as many are the end
    assert {(pair.own.response, pair.other.response, pair.other.usd) for pair in left} == {(None, None, 0.2)}
    assert {pair.why for pair in left} == {"crowded: 4 other pairs waited to be compared"}
    gate.set()
    await made.ended()
    assert len(compared) == 8


async def nobody(request: Request, target: str) -> Asked:
    """No judge is asked."""
    raise AssertionError(target)


async def test_few_comparisons_run_at_a_time() -> None:
    """A judge may answer clients too: what is to be compared stands in line here, and not before the judge."""
    made, running, most = shadows.Shadows(), 0, 0

    async def compare(_: Pair) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    made.comparer = compare
    for number in range(4 * shadows.AT_ONCE):
        made.compare(cast(Pair, SimpleNamespace(request_id=str(number))))
    await made.ended()
    assert most == shadows.AT_ONCE
