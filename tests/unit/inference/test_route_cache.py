"""The cache of a route: whose answers it gives to whom, which it keeps, for how long and how many."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest
from upstreams import ask

from assay.errors import BudgetExceeded
from assay.inference.cache import Caching
from assay.inference.spine import Options, Spine
from assay.inference.trace import Trace
from assay.ledger.budgets import Account
from assay.ledger.caches import caches, clear_replies
from assay.ledger.replies import ROW_BYTES
from assay.ledger.rows import Row
from assay.ledger.store import SqliteLedger
from assay.types import Image, Label, Message, Request, Sampling, Tool, fold

MakeSpine = Callable[..., Spine]
COUNTED = {"rules": [{"match": "hello", "answer": "one", "times": 1}, {"match": "hello", "answer": "two"}]}
A, B, C = Account("a", "red"), Account("b", "red"), Account("c", "blue")
COLD = Sampling(temperature=0.0, max_tokens=50)


class AttemptSeen(Row, frozen=True, kw_only=True):
    """Some columns of an attempt."""

    outcome: str
    cost_usd: float | None
    worth_usd: float | None


SHOWN = Request(messages=(Message(role="user", parts=(Image(url="http://x.test/y.png"),)),), sampling=COLD)


def toml(cache: str = "", more: str = "") -> str:
    """A route with a cache over one priced deployment."""
    return (
        '[deployments.m]\nmodel = "test/m"\ndialect = "scripted"\nscript = "m.json"\nretries = 0\n'
        "price_usd_per_mtok = { input = 1.0, output = 2.0 }\n"
        f'[routes.r]\ncandidates = ["m"]\ncache = {{ {cache} }}\n{more}\n'
    )


def cold(text: str = "hello", **more: Any) -> Request:
    """A request at temperature 0."""
    return ask(text, **{"sampling": COLD, **more})


async def said(spine: Spine, request: Request, account: Account = A, caching: Caching = Caching()) -> tuple[str, Trace]:  # noqa: B008 - a value
    """The answer to a request of a key, and its trace."""
    trace = Trace()
    response = await spine.answer(request, "r", trace, Options(account=account, caching=caching))
    return response.text, trace


class TestWho:
    """Whose answers are given to whom."""

    @pytest.mark.parametrize(
        ("share", "first", "then", "hit"),
        [
            ("key", A, A, True),
            ("key", A, B, False),
            ("key", Account(), Account(), True),
            ("key", A, Account(), False),
            ("team", A, B, True),
            ("team", A, C, False),
            ("team", Account("x"), Account("y"), False),
            ("all", A, C, True),
            ("all", A, Account(), True),
        ],
    )
    async def test_shared_as_the_route_says(
        self, make_spine: MakeSpine, share: str, first: Account, then: Account, hit: bool
    ) -> None:
        """By default an answer never reaches another key; teams and everybody only where that is configured."""
        spine = make_spine(toml(f'share = "{share}"'), {"m.json": COUNTED})
        assert (await said(spine, cold(), first))[0] == "one"
        text, trace = await said(spine, cold(), then)
        assert (text, trace.cached) == (("one", True) if hit else ("two", False))

    async def test_nothing_that_a_client_sends_reaches_another_key(self, make_spine: MakeSpine) -> None:
        """No session, tag, kind, name or field of a request of key B gets the answer that key A has paid for."""
        spine = make_spine(toml(), {"m.json": COUNTED})
        await said(spine, cold(), A)
        tricks: list[dict[str, Any]] = [
            {"session": "a"}, {"tags": {"key_id": "a"}}, {"kind": "a"}, {"extra": {"user": "a", "key": "a"}},
            {"model": "r\0key a\0unlabelled"}, {"session": "key a"},
        ]  # fmt: skip
        for trick in tricks:
            assert (await said(spine, cold(**trick), B))[0] == "two"

    async def test_names_cannot_be_made_up_to_be_another_space(self, make_spine: MakeSpine) -> None:
        """A key whose id holds the words of another space is not in it."""
        spine = make_spine(toml('share = "team"'), {"m.json": COUNTED})
        await said(spine, cold(), Account("x", "red"))
        assert (await said(spine, cold(), Account("red", None)))[0] == "two"
        assert (await said(spine, cold(), Account("team red", None)))[0] == "two"

    async def test_evals_and_clients_do_not_mix(self, make_spine: MakeSpine) -> None:
        """What a run has cached is not given to clients, and a run is not answered from the route's cache."""
        spine = make_spine(toml('share = "all"'), {"m.json": COUNTED})
        await spine.answer(cold(), "r", Trace(run_id="1"), Options(use_cache=True, seed=1))
        assert (await said(spine, cold(), Account()))[0] == "two"
        again = Trace(run_id="2")
        await spine.answer(cold(), "r", again, Options())
        assert not again.cached


class TestWhat:
    """Which answers are kept."""

    @pytest.mark.parametrize(
        ("cache", "request_", "hit"),
        [
            ("", cold(), True),
            ("", ask(), False),
            ("", ask(sampling=Sampling(temperature=0.7)), False),
            ("", ask(sampling=Sampling(seed=7)), True),
            ("any_temperature = true", ask(sampling=Sampling(temperature=0.7)), True),
            ("", cold(label=Label.PRIVATE_ONLY), False),
            ("private = true", cold(label=Label.PRIVATE_ONLY), True),
            ("", cold(extra={"previous_response_id": "resp_1"}), False),
            ("", cold(tools=(Tool(name="web_search", native={"type": "web_search"}),)), False),
            ("", SHOWN, False),
        ],
    )  # fmt: skip
    async def test_requests(self, make_spine: MakeSpine, cache: str, request_: Request, hit: bool) -> None:
        """Temperature 0 or a seed of the client's own; not what hangs on things outside; private data if told so."""
        spine = make_spine(toml(cache), {"m.json": {"rules": [{"answer": "x"}]}})
        await said(spine, request_)
        assert (await said(spine, request_))[1].cached is hit

    async def test_private_answers_stay_with_private_requests(self, make_spine: MakeSpine) -> None:
        """The same words without the label are another call."""
        spine = make_spine(toml("private = true"), {"m.json": COUNTED})
        await said(spine, cold(label=Label.PRIVATE_ONLY))
        assert (await said(spine, cold()))[0] == "two"

    @pytest.mark.parametrize(
        "rule",
        [
            {"answer": "x", "finish": "length"},
            {"answer": "x", "finish": "content_filter"},
            {"refusal": "no"},
            {"answer": "x y z", "error": "ProviderFault", "fail_after": 1},
        ],
    )
    async def test_answers(self, make_spine: MakeSpine, ledger: SqliteLedger, rule: dict[str, Any]) -> None:
        """What was cut, filtered, refused or broke off is asked again."""
        spine = make_spine(toml(), {"m.json": {"rules": [rule]}})
        for _ in range(2):
            async with aclosing(spine.generate(cold(stream=True), "r", None, Options(account=A))) as events:
                async for _event in events:
                    pass
        assert [row.answers for row in await caches(ledger) if row.route == "r"] in ([], [0])

    @pytest.mark.parametrize("stream", [False, True])
    async def test_calls_of_tools_come_again(self, make_spine: MakeSpine, stream: bool) -> None:
        """A kept answer has its calls, and is streamed as a stream, with tokens that are told and cost nothing."""
        spine = make_spine(toml(), {"m.json": {"rules": [{"tool_calls": [{"name": "f", "arguments": {"x": 1}}]}]}})
        first = await spine.answer(cold(), "r", None, Options(account=A))
        trace = Trace()
        async with aclosing(spine.generate(cold(stream=stream), "r", trace, Options(account=A))) as events:
            again = fold([event async for event in events])
        assert again == first
        assert trace.cost == (0.0, "none")
        assert trace.worth[0] is not None
        assert trace.worth[0] > 0

    async def test_seeds_that_a_policy_draws_are_not_kept(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """They are others each time; the client's own are kept, one by one."""
        spine = make_spine(toml(more='policy = { kind = "vote", n = 2, at_once = true }'), {"m.json": COUNTED})
        await said(spine, cold())
        assert [row.answers for row in await caches(ledger) if row.route == "r"] in ([], [0])
        for _ in range(2):
            trace = (await said(spine, cold(sampling=Sampling(seed=1))))[1]
        assert trace.cached

    async def test_a_route_inside(self, make_spine: MakeSpine) -> None:
        """The cache of an inner route works for requests to the outer one; a direct call of the deployment has none."""
        spine = make_spine(toml(more='[routes.out]\ncandidates = ["r"]'), {"m.json": {"rules": [{"answer": "x"}]}})
        hits = []
        for target in ("out", "out", "r", "m"):
            trace = Trace()
            await spine.answer(cold(), target, trace, Options(account=A))
            hits.append(trace.cached)
        assert hits == [False, True, True, False]


class TestClient:
    """What a client says of it."""

    async def test_no_cache_and_no_store(self, make_spine: MakeSpine) -> None:
        """Without reading, a new answer takes the place of the old; without writing, the old stays."""
        script = {"rules": [{"match": "hello", "answer": text, "times": 1} for text in ("one", "two", "three", "four")]}
        spine = make_spine(toml(), {"m.json": script})
        told = [
            (await said(spine, cold(), caching=caching))[0]
            for caching in (Caching(), Caching(read=False), Caching(), Caching(False, False), Caching())
        ]
        assert told == ["one", "two", "two", "three", "two"]

    async def test_rows(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """A hit is an attempt of its own that cost 0, with what it would have cost; the cache sums that up."""
        spine = make_spine(toml(), {"m.json": COUNTED})
        for _ in range(3):
            await said(spine, cold())
        made, *hits = await ledger.rows(AttemptSeen, "select * from attempts order by started_at, id")
        assert [(hit.outcome, hit.cost_usd, hit.worth_usd) for hit in hits] == [("cached", 0.0, made.cost_usd)] * 2
        [cache] = [row for row in await caches(ledger) if row.route == "r"]
        assert (cache.answers, cache.hits) == (1, 2)
        assert cache.saved_usd == pytest.approx(2 * (made.cost_usd or 0))


class TestBounds:
    """Time and size."""

    async def test_answers_expire(self, make_spine: MakeSpine, monkeypatch: pytest.MonkeyPatch) -> None:
        """After ttl_s the model is asked again."""
        spine = make_spine(toml("ttl_s = 60"), {"m.json": COUNTED})
        assert (await said(spine, cold()))[0] == "one"
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() + 61)
        assert (await said(spine, cold()))[0] == "two"

    async def test_old_answers_make_room(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """The bytes of a route's answers stay below its bound; the oldest go first; other caches are left alone."""
        rules = {"rules": [{"answer": "x" * 2000}]}
        spine = make_spine(toml("max_mib = 0.01"), {"m.json": rules})
        await spine.answer(cold(), "m", None, Options(use_cache=True, seed=1))
        for number in range(12):
            await said(spine, cold(f"hello {number}"))
            [row] = [row for row in await caches(ledger) if row.route == "r"]
            assert 0 < row.bytes <= 0.01 * 1024 * 1024
        assert (await said(spine, cold("hello 11")))[1].cached
        assert not (await said(spine, cold("hello 0")))[1].cached
        assert [row.answers for row in await caches(ledger) if row.route == "evals"] == [1]

    async def test_what_is_larger_than_all_is_not_kept(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """One answer does not push out all others."""
        spine = make_spine(
            toml("max_mib = 0.01"), {"m.json": {"rules": [{"match": "big", "answer": "x" * 20_000}, {"answer": "y"}]}}
        )
        await said(spine, cold())
        await said(spine, cold("big"))
        assert (await said(spine, cold()))[1].cached
        assert not (await said(spine, cold("big")))[1].cached

    async def test_clearing(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """One route's cache, or all; what is held is counted anew."""
        spine = make_spine(toml(), {"m.json": {"rules": [{"answer": "y"}]}})
        await said(spine, cold())
        await spine.answer(cold(), "m", None, Options(use_cache=True, seed=1))
        assert [row.bytes > ROW_BYTES for row in await caches(ledger) if row.route == "r"] == [True]
        assert await clear_replies(ledger, "r") == 1
        assert [(row.route, row.answers, row.bytes > 0) for row in await caches(ledger)] == [
            ("evals", 1, True), ("r", 0, False),
        ]  # fmt: skip
        assert await clear_replies(ledger) == 1


async def test_a_hit_needs_no_money(make_spine: MakeSpine) -> None:
    """Where the budget is spent a known answer is still given, and a new one is refused."""
    spine = make_spine(toml(more="[constraints]\nusd_per_month = 0.0003"), {"m.json": COUNTED})
    assert (await said(spine, cold()))[0] == "one"
    with pytest.raises(BudgetExceeded):
        await said(spine, cold("hello " * 400))
    assert (await said(spine, cold()))[1].cached


async def test_guards_look_at_what_comes_from_the_cache(make_spine: MakeSpine) -> None:
    """A hit is looked at like any other answer, by guards that may have become stricter."""
    guards = '[guards.words]\ncheck = {{ check = "patterns", words = ["{}"] }}\n'
    route = '[routes.r]\ncandidates = ["m"]\ncache = {}\nguards = { after = ["words"] }\n'
    model = toml().partition("[routes.r]")[0]
    await said(make_spine(model + guards.format("none") + route, {"m.json": COUNTED}), cold())
    text, trace = await said(make_spine(model + guards.format("one") + route), cold())
    assert (text, trace.cached, trace.guarded) == ("", True, ["after words=refuse"])
