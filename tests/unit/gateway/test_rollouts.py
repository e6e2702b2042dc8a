"""A gateway that runs takes up a rollout, sends a bad arm back by itself, and promotes a good one; nobody is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from assay.config.load import parse
from assay.config.schema import Serve
from assay.decision.experiments.guard import Plan
from assay.decision.experiments.rollout import begin, present
from assay.errors import LedgerError
from assay.gateway import server
from assay.gateway.asgi import Gateway
from assay.gateway.rollouts import Rollouts
from assay.inference.spine import Spine
from assay.ledger.rollouts import RolloutReader, rollout_moves
from assay.ledger.store import SqliteLedger

TOML = """
[deployments.old]
model = "x/old"
dialect = "scripted"
script = "old.json"
retries = 0
[deployments.new]
model = "x/new"
dialect = "scripted"
script = "new.json"
retries = 0
breaker = { failures = 100000 }
[routes.desk]
candidates = ["old", "new"]
policy = { kind = "split", weights = { old = 1, new = 0 }, on_failure = "next" }
"""
PLAN = Plan(stages=(0.5, 1.0), min_requests=10, max_error_rise=0.4)
YES, BUSY = {"default": "from old"}, {"rules": [{"match": ".", "error": "Overloaded"}]}


async def served(spine: Spine, path: Path, told: list[str], work: Callable[[str], Any]) -> None:
    """A gateway with a follower of rollouts, for as long as the work takes."""
    listener = server.listen(Serve(port=0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1/chat/completions"
    rollouts = Rollouts(spine, path, told.append)
    tasks = [
        asyncio.create_task(server.run(Gateway(spine, Serve(port=0)), listener, signals=False)),
        asyncio.create_task(rollouts.follow(every_s=0.01)),
    ]
    try:
        await work(url)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        rollouts.close()


async def ask_until(url: str, ended: Callable[[], bool]) -> list[int]:
    """Statuses of requests, each of a session of its own, until something has come about."""
    statuses: list[int] = []
    async with aiohttp.ClientSession() as client:
        while not ended() and len(statuses) < 2000:
            body = {"model": "desk", "messages": [{"role": "user", "content": "hello"}]}
            async with client.post(url, json=body, headers={"x-assay-session": f"s{len(statuses)}"}) as answer:
                statuses.append(answer.status)
    return statuses


@pytest.mark.parametrize(("new", "state"), [(BUSY, "rolled-back"), (YES, "done")])
async def test_it_moves_by_itself(
    new: dict[str, Any], state: str, make_spine: Callable[..., Spine], ledger: SqliteLedger, tmp_path: Path
) -> None:
    """Begun while the gateway runs, ended by the gateway: no restart, no person, and no client that saw a failure."""
    spine = make_spine(TOML, {"old.json": YES, "new.json": new})
    told: list[str] = []

    async def work(url: str) -> None:
        await begin(ledger, parse(TOML.encode(), tmp_path / "assay.toml"), "desk", "old", "new", PLAN, "a test")
        statuses = await ask_until(url, lambda: f"rollout of 'desk': {state}" in "\n".join(told))
        assert set(statuses) == {200}
        weights = spine.rolled["desk"].weights
        assert weights == ({"old": 0.0, "new": 1.0} if state == "done" else {"old": 1.0, "new": 0.0})

    await served(spine, ledger.path, told, work)
    row = await present(ledger, "desk")
    assert row.state == state
    moves = await rollout_moves(ledger, row.id)
    assert moves[-1].who.startswith("gateway ")
    assert moves[-1].why.startswith("worse: failed: 1" if state == "rolled-back" else "no worse: failed: 0")


async def test_a_ledger_that_cannot_be_read_changes_nothing(
    make_spine: Callable[..., Spine], ledger: SqliteLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights stay, it is told once, and the next look that works takes up what there is."""
    spine = make_spine(TOML, {"old.json": YES, "new.json": YES})
    row = await begin(ledger, parse(TOML.encode(), tmp_path / "assay.toml"), "desk", "old", "new", PLAN, "a test")
    told: list[str] = []
    failures, worked = 3, asyncio.Event()
    real = RolloutReader.newest

    def flaky(reader: RolloutReader) -> Any:
        nonlocal failures
        if failures:
            failures -= 1
            raise LedgerError("the disk is gone")
        asyncio.get_running_loop().call_soon(worked.set)  # what is read is taken up in this turn of the loop
        return real(reader)

    monkeypatch.setattr(RolloutReader, "newest", flaky)
    rollouts = Rollouts(spine, ledger.path, told.append)
    task = asyncio.create_task(rollouts.follow(every_s=0.005))
    await asyncio.wait_for(worked.wait(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    rollouts.close()
    assert spine.rolled["desk"].version == row.id
    assert [line for line in told if "disk is gone" in line] == [told[0]]
