"""Identical calls are answered from the ledger, marked, and never counted as new ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from upstreams import ask, held_usd, host, rows, well

from assay.errors import BadRequest, MalformedReply
from assay.inference.spine import Options, Spine
from assay.inference.trace import Trace
from assay.ledger.store import SqliteLedger
from assay.types import Message, Request, Sampling

MakeSpine = Callable[..., Spine]
CACHED = Options(use_cache=True, seed=1)
PRICED = "price_usd_per_mtok = { input = 1.0, output = 2.0 }"


def toml(more: str = "") -> str:
    """One scripted deployment, `m`."""
    return f'[deployments.m]\nmodel = "test/m"\ndialect = "scripted"\nscript = "m.json"\n{PRICED}\n{more}\n'


def count(ledger: SqliteLedger) -> int:
    """Calls of a model so far."""
    return sum(row["outcome"] != "cached" for row in rows(ledger.path))


SCRIPT = {"rules": [{"answer": "one two", "delay_s": 0.02}]}


class TestHit:
    """The same call again."""

    async def test_identical_call_is_not_made_again(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """0 calls, the same answer and tokens, marked cached, costs nothing, keeps its worth, and holds no money."""
        spine = make_spine(toml(), {"m.json": SCRIPT})
        first, second = Trace(), Trace()
        answer = await spine.answer(ask(), "m", first, CACHED)
        assert await spine.answer(ask(), "m", second, CACHED) == answer
        assert count(ledger) == 1
        assert (first.cached, second.cached) == (False, True)
        assert second.cost == (0.0, "none")
        assert second.worth == first.worth == first.cost
        assert first.cost[1] == "measured"
        assert held_usd(ledger.path) == 0
        made, row = rows(ledger.path)
        assert (row["outcome"], row["first_event_s"], row["sent_bytes"]) == ("cached", None, 0)
        assert row["input_tokens"] == made["input_tokens"] is not None
        assert row["total_s"] < 0.02
        assert [row["cached"] for row in rows(ledger.path, "select * from requests order by started_at")] == [0, 1]

    async def test_only_when_asked_for(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """Without the option every call is made, also when the answer is known."""
        spine = make_spine(toml(), {"m.json": SCRIPT})
        for options in (CACHED, Options(seed=1), Options(seed=1)):
            await spine.answer(ask(), "m", None, options)
        assert count(ledger) == 3

    async def test_what_does_not_decide_the_answer_does_not_matter(
        self, make_spine: MakeSpine, ledger: SqliteLedger
    ) -> None:
        """Streaming, session, deadline and the name that was called are not part of the key."""
        spine = make_spine(toml('[routes.r]\ncandidates = ["m"]'), {"m.json": SCRIPT})
        await spine.answer(ask(), "m", None, CACHED)
        other: Any = {"stream": True, "stream_usage": True, "session": "s", "deadline_s": 9.0, "model": "other"}
        await spine.answer(ask(**other), "r", None, CACHED)
        assert count(ledger) == 1

    async def test_in_another_process(self, make_spine: MakeSpine, ledger: SqliteLedger, tmp_path: Path) -> None:
        """Another spine over the same file finds the answer."""
        await make_spine(toml(), {"m.json": SCRIPT}).answer(ask(), "m", None, CACHED)
        trace = Trace()
        await make_spine(toml()).answer(ask(), "m", trace, CACHED)
        assert trace.cached

    async def test_streamed_from_the_cache(self, make_spine: MakeSpine) -> None:
        """A cached answer comes as events whose fold is the answer, a finish at the end."""
        spine = make_spine(toml(), {"m.json": SCRIPT})
        answer = await spine.answer(ask(), "m", None, CACHED)
        from assay.types import fold

        assert fold([event async for event in spine.generate(ask(), "m", None, CACHED)]) == answer

    async def test_vote_repeats_from_the_cache(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """Each call of a vote has its own entry, and a repeated vote makes no call."""
        spine = make_spine(
            toml('[routes.v]\ncandidates = ["m"]\npolicy = { kind = "vote", n = 3, at_once = true }'),
            {"m.json": SCRIPT},
        )
        for _ in range(2):
            await spine.answer(ask(), "v", None, CACHED)
        assert count(ledger) == 3

    @pytest.mark.parametrize("policy", ["hedge", "cascade"])
    async def test_other_policies_from_the_cache(
        self, make_spine: MakeSpine, ledger: SqliteLedger, policy: str
    ) -> None:
        """Held and hedged answers come from the cache like any other."""
        option = ', check = { check = "regex", pattern = "one" }' if policy == "cascade" else ""
        spine = make_spine(
            toml(f'[routes.r]\ncandidates = ["m"]\npolicy = {{ kind = "{policy}"{option} }}'), {"m.json": SCRIPT}
        )
        texts = {(await spine.answer(ask(), "r", None, CACHED)).text for _ in range(2)}
        assert texts == {"one two"}
        assert count(ledger) == 1

    async def test_private_data_in_the_cache_is_guarded(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """Where private data may not go now, it gets no answer from the cache either."""
        from assay.errors import NoCandidate
        from assay.types import Label

        spine = make_spine(toml("private = false"), {"m.json": SCRIPT})
        await spine.answer(ask(label=Label.PUBLIC), "m", None, CACHED)
        with pytest.raises(NoCandidate):
            await spine.answer(ask(label=Label.PRIVATE_ONLY), "m", None, CACHED)


class TestMiss:
    """What asks again."""

    @pytest.mark.parametrize(
        ("changed", "options"),
        [
            (ask("other"), CACHED),
            (ask(), Options(use_cache=True, seed=2)),
            (ask(sampling=Sampling(max_tokens=51)), CACHED),
            (ask(sampling=Sampling(max_tokens=50, temperature=0.0)), CACHED),
            (Request(messages=(Message.of("system", "be brief"), *ask().messages)), CACHED),
            (ask(kind="sql"), CACHED),
        ],
    )
    async def test_other_request(
        self, make_spine: MakeSpine, ledger: SqliteLedger, changed: Request, options: Options
    ) -> None:
        """Another text, seed, parameter, instruction or kind with a prompt is another call."""
        spine = make_spine(toml('[deployments.m.kinds.sql]\nsystem = "Write SQL."'), {"m.json": SCRIPT})
        await spine.answer(ask(), "m", None, CACHED)
        await spine.answer(changed, "m", None, options)
        assert count(ledger) == 2

    async def test_other_prompt(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """A deployment whose prompt has changed is asked again."""
        await make_spine(toml(), {"m.json": SCRIPT}).answer(ask(), "m", None, CACHED)
        for system in ("Be brief.", "Be long."):
            await make_spine(toml(f'settings = {{ system = "{system}" }}')).answer(ask(), "m", None, CACHED)
        assert count(ledger) == 3

    async def test_other_weights(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """Other weights (of a scripted model: another script) are asked again."""
        await make_spine(toml(), {"m.json": SCRIPT}).answer(ask(), "m", None, CACHED)
        await make_spine(toml(), {"m.json": {"default": "other"}}).answer(ask(), "m", None, CACHED)
        assert count(ledger) == 2

    async def test_errors_are_not_kept(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """A failed call is made again."""
        spine = make_spine(toml(), {"m.json": {"rules": [{"error": "BadRequest", "times": 1}, {"answer": "x"}]}})
        with pytest.raises(BadRequest):
            await spine.answer(ask(), "m", None, CACHED)
        assert (await spine.answer(ask(), "m", None, CACHED)).text == "x"
        assert count(ledger) == 2

    async def test_cancelled_calls_are_not_kept(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """Half an answer is never served."""
        spine = make_spine(toml(), {"m.json": {"rules": [{"answer": "one two", "chunk_delay_s": 0.03}]}})
        stream = spine.generate(ask(stream=True), "m", None, CACHED)
        await anext(stream)
        await anext(stream)
        await stream.aclose()
        trace = Trace()
        assert (await spine.answer(ask(), "m", trace, CACHED)).text == "one two"
        assert not trace.cached

    async def test_unreadable_entry(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """An entry of another version is a typed error that says what to do."""
        spine = make_spine(toml("retries = 0"), {"m.json": SCRIPT})
        await spine.answer(ask(), "m", None, CACHED)
        await ledger._writer.write(lambda connection: connection.execute("update replies set response = x'00'"))
        with pytest.raises(MalformedReply, match="cache clear"):
            await spine.answer(ask(), "m", None, CACHED)

    async def test_cancelled_while_it_is_replayed(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """A replay that is given up at any moment leaves no open row."""
        from upstreams import settled

        spine = make_spine(toml(), {"m.json": SCRIPT})
        await spine.answer(ask(), "m", None, CACHED)
        for turns in range(0, 40, 2):
            task = asyncio.create_task(spine.answer(ask(), "m", None, CACHED))
            for _ in range(turns):
                await asyncio.sleep(0.0001)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert {row["outcome"] for row in await settled(ledger.path)} <= {"ok", "cached", "cancelled"}

    async def test_pass_through_is_not_cached(self, make_spine: MakeSpine) -> None:
        """Raw bytes of a client go upstream each time: their answer is handed on byte by byte."""
        async with host(well) as up:
            spine = make_spine(f'[deployments.m]\nmodel = "x/m"\ndialect = "openai"\nbase_url = "{up.url}"\n')
            raw = '{"model": "m", "messages": [{"role": "user", "content": "hi"}]}'
            for _ in range(2):
                await spine.answer(ask(native=raw), "m", None, CACHED)
            assert len(up.seen) == 2
