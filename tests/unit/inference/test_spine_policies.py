"""Every policy through the real spine and ledger: folded, streamed, cancelled, nested."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, NamedTuple

import pytest
from upstreams import PRIVATE, Seen, ask, hang, held_usd, host, rows, settled, sse, strangers, text_of_events

from assay.errors import AssayError, ConnectionFailed, NoCandidate, PrivacyViolation, Refused
from assay.inference.spine import Spine
from assay.inference.steps import MAX_RETRIES
from assay.inference.trace import Trace
from assay.ledger.store import SqliteLedger
from assay.types import Begin, Event, Failed, Finished, Request

MakeSpine = Callable[..., Spine]

PRICE = "price_usd_per_mtok = { input = 1.0, output = 2.0 }\nsettings = { max_tokens = 100 }"


def scripted(*names: str, more: str = PRICE) -> str:
    """Deployments that answer by the script of their own name."""
    return "".join(
        f'[deployments.{name}]\nmodel = "test/{name}"\ndialect = "scripted"\nscript = "{name}.json"\n{more}\n'
        for name in names
    )


def rule(answer: str = "", **more: Any) -> dict[str, Any]:
    """A script of one rule."""
    return {"rules": [{"answer": answer, **more}]}


class Case(NamedTuple):
    """A route over `a` and `b`, what they say, and what comes out."""

    policy: str
    a: dict[str, Any]
    b: dict[str, Any]
    text: str
    live: bool
    attempts: int


SLOW = {"delay_s": 0.05, "chunk_delay_s": 0.03}
CASES = {
    "fixed": Case('kind = "fixed"', rule("one two three", **SLOW), rule("b"), "one two three", True, 1),
    "fallback": Case(
        'kind = "fallback"', rule(error="BadRequest"), rule("four five six", **SLOW), "four five six", True, 2
    ),
    "cascade passes": Case(
        'kind = "cascade", check = { check = "regex", pattern = "^one" }',
        rule("one two three", **SLOW),
        rule("b"),
        "one two three",
        False,
        1,
    ),
    "cascade escalates": Case(
        'kind = "cascade", check = { check = "regex", pattern = "^four" }',
        rule("secret wrong"),
        rule("four five six", **SLOW),
        "four five six",
        True,
        2,
    ),
    "cascade by schema": Case(
        'kind = "cascade", last = "check", check = { check = "schema", schema = { type = "object" } }',
        rule("not json"),
        rule('{"x": 1}', **SLOW),
        '{"x": 1}',
        False,
        2,
    ),
    "vote": Case('kind = "vote", n = 3', rule("yes", **SLOW), rule("no", **SLOW), "yes", False, 3),
    "best-of": Case(
        'kind = "best-of", check = { check = "regex", pattern = "^four" }',
        rule("secret wrong"),
        rule("four five six", **SLOW),
        "four five six",
        False,
        2,
    ),
    "best-of at once": Case(
        'kind = "best-of", at_once = true, n = 3, check = { check = "regex", pattern = "^four" }',
        rule("secret wrong"),
        rule("four five six", **SLOW),
        "four five six",
        False,
        3,
    ),
    "hedge": Case(
        'kind = "hedge", after_s = 0.02',
        rule("too late", delay_s=5.0),
        rule("four five six", **SLOW),
        "four five six",
        True,
        2,
    ),
    "split": Case(
        'kind = "split", weights = { b = 1.0 }', rule("a"), rule("four five six", **SLOW), "four five six", True, 1
    ),
    "by-kind": Case(
        'kind = "by-kind", kinds = { sql = "b" }', rule("a"), rule("four five six", **SLOW), "four five six", True, 1
    ),
}


def route(policy: str, name: str = "r", candidates: str = '"a", "b"', more: str = "") -> str:
    """A route."""
    return f"[routes.{name}]\ncandidates = [{candidates}]\npolicy = {{ {policy} }}\n{more}\n"


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request: pytest.FixtureRequest) -> Case:
    """One of the cases."""
    assert isinstance(request.param, Case)
    return request.param


@pytest.fixture
def spine(case: Case, make_spine: MakeSpine) -> Spine:
    """A spine with the case's route `r`, and `outer` around it twice."""
    nested = route('kind = "fallback"', "middle", '"r"') + route('kind = "fallback"', "outer", '"middle"')
    return make_spine(scripted("a", "b") + route(case.policy) + nested, {"a.json": case.a, "b.json": case.b})


def outcomes(ledger: SqliteLedger) -> set[str]:
    """Of the attempts on record."""
    return {row["outcome"] for row in rows(ledger.path)}


class TestEach:
    """What holds for every policy."""

    async def test_folded(self, case: Case, spine: Spine, ledger: SqliteLedger) -> None:
        """The whole answer, each attempt a settled row, and nothing held."""
        response = await spine.answer(ask(kind="sql", stream=True), "r")
        assert response.text == case.text
        found = rows(ledger.path)
        assert len(found) == case.attempts
        assert all(row["outcome"] in ("ok", "error", "cancelled") for row in found)
        assert all(row["cost_usd"] is not None and row["cost_usd"] <= row["reserved_usd"] for row in found)
        assert held_usd(ledger.path) == pytest.approx(0, abs=1e-12)
        [request] = rows(ledger.path, "select * from requests")
        assert (request["outcome"], request["attempts"]) == ("answered", case.attempts)
        answered = next(row for row in found if row["id"] == request["answered_by"])
        assert answered["outcome"] == "ok"

    @pytest.mark.parametrize("target", ["r", "outer"])
    async def test_streamed_event_by_event(self, case: Case, spine: Spine, ledger: SqliteLedger, target: str) -> None:
        """A live stream's first event comes before its last is produced; a held one delivers nothing before its end."""
        trace = Trace()
        arrivals: list[tuple[float, Event, set[str]]] = []
        async for event in spine.generate(ask(kind="sql", stream=True), target, trace):
            at = time.monotonic()
            arrivals.append((at, event, set() if arrivals else {row["outcome"] for row in rows(ledger.path)}))
        events = [event for _, event, _ in arrivals]
        assert text_of_events(events) == case.text
        assert sum(isinstance(event, Finished) for event in events) == 1
        assert sum(isinstance(event, Begin) for event in events) == 1
        assert isinstance(events[-2], Finished)
        if case.live:
            assert arrivals[-1][0] - arrivals[0][0] > 0.05
            assert "running" in arrivals[0][2]
        else:
            assert arrivals[-1][0] - arrivals[1][0] < 0.05  # from where the rows have been read
            assert "running" not in arrivals[0][2]
        assert trace.answering is not None
        assert trace.answering.response is not None
        assert trace.answering.response.text == case.text

    @pytest.mark.parametrize("by", ["closing", "task"])
    @pytest.mark.parametrize("when", ["waiting", "first event"])
    @pytest.mark.parametrize("target", ["r", "outer"])
    async def test_cancelled(
        self, case: Case, spine: Spine, ledger: SqliteLedger, by: str, when: str, target: str
    ) -> None:
        """However a request is given up, all is settled at once, no task stays, no money stays held."""
        before = asyncio.all_tasks()
        begun, came = asyncio.Event(), asyncio.Event()

        async def read() -> None:
            async with aclosing(spine.generate(ask(kind="sql", stream=True), target)) as events:
                begun.set()
                async for _ in events:
                    if by == "closing" and when == "first event":
                        return
                    if when == "first event":
                        came.set()
                        await asyncio.sleep(10)

        task = asyncio.create_task(read())
        if by == "task" or when == "waiting":
            await (begun if when == "waiting" else came).wait()
            await asyncio.sleep(0.03 if when == "waiting" else 0)
            while when == "waiting" and not task.done() and "running" not in outcomes(ledger):  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.002)  # a busy machine has sent nothing yet
            task.cancel()
        asked = time.monotonic()
        await asyncio.gather(task, return_exceptions=True)
        assert time.monotonic() - asked < (0.5 if by == "closing" else 0.1)
        assert not strangers(before)
        found = await settled(ledger.path)
        assert {row["outcome"] for row in found} <= {"ok", "cancelled", "error"}
        if when == "waiting" and case.policy != CASES["cascade escalates"].policy:
            assert "cancelled" in {row["outcome"] for row in found}
        assert held_usd(ledger.path) == pytest.approx(0, abs=1e-12)
        requests = await settled(ledger.path, 1, table="requests")
        assert [request["outcome"] for request in requests] == ["cancelled"]

    async def test_cancelled_at_any_moment(self, case: Case, spine: Spine, ledger: SqliteLedger) -> None:
        """Cancelled after any number of turns of the loop, also while a hold is written, all is settled."""
        before = asyncio.all_tasks()
        for turns in range(40):
            task = asyncio.create_task(spine.answer(ask(kind="sql", stream=True), "r"))
            for _ in range(turns):
                await asyncio.sleep(0)
            await asyncio.sleep(turns * 0.0001)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert not strangers(before)
        await settled(ledger.path)
        assert held_usd(ledger.path) == pytest.approx(0, abs=1e-12)


class TestHolding:
    """What is held stays back."""

    async def test_a_rejected_answer_never_shows(self, make_spine: MakeSpine) -> None:
        """Nothing of an answer that failed its check reaches the client, not even its head."""
        spine = make_spine(
            scripted("a", "b") + route('kind = "cascade", check = { check = "regex", pattern = "good" }'),
            {"a.json": rule("bad bad bad", chunk_delay_s=0.01), "b.json": rule("good")},
        )
        events = [event async for event in spine.generate(ask(), "r")]
        assert "bad" not in text_of_events(events)
        assert sum(isinstance(event, Begin) for event in events) == 1

    async def test_a_retried_answer_is_held_too(
        self, make_spine: MakeSpine, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A held call that failed once is held when it is tried again: its bad answer does not leak."""
        monkeypatch.setattr("assay.routing.retry.FIRST_DELAY_S", 0.01)
        spine = make_spine(
            scripted("a", "b") + route('kind = "cascade", check = { check = "regex", pattern = "good" }'),
            {
                "a.json": {"rules": [{"error": "Overloaded", "times": 1}, {"answer": "bad bad"}]},
                "b.json": rule("good"),
            },
        )
        events = [event async for event in spine.generate(ask(), "r")]
        assert text_of_events(events) == "good"
        assert [row["outcome"] for row in rows(ledger.path)] == ["error", "ok", "ok"]

    async def test_a_vote_that_failed_at_first_is_held(
        self, make_spine: MakeSpine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A vote whose calls all failed once still counts all answers of the second round."""
        monkeypatch.setattr("assay.routing.retry.FIRST_DELAY_S", 0.01)
        script = {
            "rules": [
                {"error": "Overloaded", "times": 3},
                {"answer": "minority", "times": 1},
                {"answer": "majority", "delay_s": 0.02},
            ]
        }
        spine = make_spine(scripted("a") + route('kind = "vote", at_once = true', candidates='"a"'), {"a.json": script})
        assert (await spine.answer(ask(), "r")).text == "majority"

    async def test_cascade_refuses_with_reasons(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """When the last answer fails its check too, the refusal says why, and the request is `refused`."""
        policy = 'kind = "cascade", last = "check", check = { check = "regex", pattern = "good" }'
        spine = make_spine(scripted("a", "b") + route(policy), {"a.json": rule("bad"), "b.json": rule("worse")})
        with pytest.raises(Refused, match=r"'bad' does not match 'good'.*'worse' does not match"):
            await spine.answer(ask(), "r")
        [request] = rows(ledger.path, "select * from requests")
        assert request["outcome"] == "refused"


class TestHedge:
    """Two at once, one wins."""

    async def test_loser_is_cancelled_upstream(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """The slow host sees its connection closed as soon as the other has begun."""
        begun: list[float] = []

        async def quick(seen: Seen) -> None:
            begun.append(time.monotonic())
            await seen.begin()
            for data in sse("one", " two"):
                await seen.chunk(data)
                await asyncio.sleep(0.05)
            await seen.chunk(b"")

        async with host(hang) as slow, host(quick) as fast:
            hosts = "".join(
                f'[deployments.{name}]\nmodel = "x/{name}"\ndialect = "openai"\nbase_url = "{up.url}"\n{PRICE}\n'
                for name, up in (("a", slow), ("b", fast))
            )
            spine = make_spine(hosts + route('kind = "hedge", after_s = 0.05'))
            events = [event async for event in spine.generate(ask(stream=True), "r")]
            assert text_of_events(events) == "one two"
            assert slow.seen[0].gone_at is not None
            assert slow.seen[0].gone_at - begun[0] < 0.15
        by_name = {row["deployment"]: row for row in rows(ledger.path)}
        assert (by_name["a"]["outcome"], by_name["a"]["cost_basis"]) == ("cancelled", "bound")
        assert (by_name["b"]["outcome"], by_name["b"]["cost_basis"]) == ("ok", "measured")

    async def test_second_is_not_called_when_the_first_begins_in_time(
        self, make_spine: MakeSpine, ledger: SqliteLedger
    ) -> None:
        """A first answer within the delay costs one attempt."""
        spine = make_spine(
            scripted("a", "b") + route('kind = "hedge", after_s = 0.5'), {"a.json": rule("a"), "b.json": rule("b")}
        )
        started = time.monotonic()
        assert (await spine.answer(ask(), "r")).text == "a"
        assert time.monotonic() - started < 0.3
        assert len(rows(ledger.path)) == 1

    async def test_second_starts_at_once_when_the_first_fails(self, make_spine: MakeSpine) -> None:
        """A failure ends the waiting of those behind it."""
        spine = make_spine(
            scripted("a", "b") + route('kind = "hedge", after_s = 3.0'),
            {"a.json": rule(error="BadRequest"), "b.json": rule("b")},
        )
        started = time.monotonic()
        assert (await spine.answer(ask(), "r")).text == "b"
        assert time.monotonic() - started < 0.5

    async def test_winner_that_breaks_ends_in_failed(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """After its first event the winner cannot be exchanged: the stream ends with `Failed`, nothing is mixed in."""
        spine = make_spine(
            scripted("a", "b") + route('kind = "hedge", after_s = 0.01'),
            {
                "a.json": rule("one two three", chunk_delay_s=0.03, error="ConnectionFailed", fail_after=2),
                "b.json": rule("other other", delay_s=0.06, chunk_delay_s=0.01),
            },
        )
        events = [event async for event in spine.generate(ask(stream=True), "r")]
        assert text_of_events(events) == "one two"
        assert isinstance(events[-1], Failed)
        assert events[-1].error == "ConnectionFailed"
        assert {row["deployment"]: row["outcome"] for row in rows(ledger.path)} == {"a": "error", "b": "cancelled"}
        [request] = rows(ledger.path, "select * from requests")
        assert request["outcome"] == "failed"
        with pytest.raises(ConnectionFailed):  # who gets no stream has had nothing of it
            await anext(spine.generate(ask(), "r"))

    async def test_a_crash_that_is_not_ours_does_not_hang(
        self, make_spine: MakeSpine, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A bug in a provider surfaces as what it is, also beside a call that waits for ever; all is settled."""
        before = asyncio.all_tasks()
        spine = make_spine(
            scripted("a", "b") + route('kind = "hedge", after_s = 0.01'),
            {"a.json": rule("a", delay_s=30), "b.json": rule("b")},
        )

        async def buggy(*_: object) -> Any:
            raise ZeroDivisionError("a bug")
            yield

        monkeypatch.setattr(spine.targets["b"].provider, "stream", buggy)  # type: ignore[union-attr]
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(spine.answer(ask(), "r"), 2)
        assert not strangers(before)
        assert {row["outcome"] for row in await settled(ledger.path, 2)} == {"error", "cancelled"}
        [request] = rows(ledger.path, "select * from requests")
        assert request["outcome"] == "failed"


class TestVote:
    """Several at once."""

    async def test_quorum_cancels_and_settles_the_rest(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """After `until` answers the others are cancelled at once, and charged."""
        spine = make_spine(
            scripted("a", "b") + route('kind = "vote", n = 4, quorum = 2'),
            {"a.json": rule("yes", delay_s=0.02), "b.json": rule("no", delay_s=20)},
        )
        started = time.monotonic()
        assert (await spine.answer(ask(), "r")).text == "yes"
        assert time.monotonic() - started < 1
        outcomes = sorted((row["deployment"], row["outcome"]) for row in rows(ledger.path))
        assert outcomes == [("a", "ok"), ("a", "ok"), ("b", "cancelled"), ("b", "cancelled")]
        assert held_usd(ledger.path) == pytest.approx(0, abs=1e-12)

    async def test_concurrency_limit_only_delays(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """A vote of eight over one deployment that takes two at a time ends well."""
        spine = make_spine(
            scripted("a", more="concurrency = 2") + route('kind = "vote", n = 8, at_once = true', candidates='"a"'),
            {"a.json": rule("yes", delay_s=0.02)},
        )
        assert (await spine.answer(ask(), "r")).text == "yes"
        assert len(rows(ledger.path)) == 8


NESTED = (
    scripted("a", "b", "c")
    + route('kind = "vote", n = 3', "v", '"a"')
    + route('kind = "cascade", check = { check = "regex", pattern = "good" }', "k", '"v", "b"')
    + route('kind = "fallback"', "top", '"k", "c"')
)


class TestNested:
    """Routes as candidates of routes."""

    async def test_vote_in_cascade_in_fallback(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """Each level does its part; paths tell where an attempt stands."""
        spine = make_spine(NESTED, {"a.json": rule("bad"), "b.json": rule("good"), "c.json": rule("spare")})
        trace = Trace()
        events = [event async for event in spine.generate(ask(), "top", trace)]
        assert text_of_events(events) == "good"
        assert sorted(row["path"] for row in rows(ledger.path)) == ["0.0.0", "0.0.1", "0.1"]
        assert {row["path"]: row["route"] for row in rows(ledger.path)}["0.1"] == "k"
        assert trace.answering is not None
        assert trace.answering.deployment == "b"

    async def test_failure_climbs_one_level(self, make_spine: MakeSpine) -> None:
        """When a whole inner route fails, the outer one goes on to its next candidate."""
        down = rule(error="BadRequest")
        spine = make_spine(NESTED, {"a.json": down, "b.json": down, "c.json": rule("spare")})
        assert (await spine.answer(ask(), "top")).text == "spare"

    async def test_deadline_reaches_the_leaves(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """A deadline cuts what hangs two levels below, and no further candidate is called after it."""
        before = asyncio.all_tasks()
        spine = make_spine(NESTED, {"a.json": rule("x", delay_s=9), "b.json": rule("good"), "c.json": rule("spare")})
        started = time.monotonic()
        with pytest.raises(AssayError, match="deadline"):
            await spine.answer(ask(deadline_s=0.2), "top")
        assert 0.2 <= time.monotonic() - started < 0.4
        assert {row["deployment"] for row in await settled(ledger.path, 2)} == {"a"}
        assert not strangers(before)

    async def test_label_of_an_inner_route_reaches_its_leaves(
        self, make_spine: MakeSpine, ledger: SqliteLedger
    ) -> None:
        """A route that declares its data private-only keeps it so below, whatever the outer route says."""
        config = (
            scripted("a", "b", more="private = false")
            + route('kind = "fallback"', "inner", '"a"', 'label = "private-only"')
            + route('kind = "fallback"', "top", '"inner", "b"', 'label = "public"')
        )
        spine = make_spine(config, {"a.json": rule("a"), "b.json": rule("b")})
        trace = Trace()
        assert (await spine.answer(ask(), "top", trace)).text == "b"
        assert {row["deployment"] for row in rows(ledger.path)} == {"b"}
        assert [name for name, _ in trace.removed] == ["inner"]

    async def test_an_inner_label_chooses_among_its_own_candidates(
        self, make_spine: MakeSpine, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Inside a private-only route the candidates that are not private are skipped, by filter and guard alike."""
        config = (
            scripted("a", more="private = false")
            + scripted("b")
            + route('kind = "fallback"', "inner", '"a", "b"', 'label = "private-only"')
            + route('kind = "fallback"', "top", '"inner"', 'label = "public"')
        )
        spine = make_spine(config, {"a.json": rule("a"), "b.json": rule("b")})
        assert (await spine.answer(ask(), "top")).text == "b"
        monkeypatch.setattr("assay.inference.targets.Targets.removed", lambda *_: ())
        assert (await spine.answer(ask(), "top")).text == "b"
        assert {(row["deployment"], row["label"]) for row in rows(ledger.path)} == {("b", "private-only")}

    async def test_refusal_names_each_candidate_with_its_reason(self, make_spine: MakeSpine) -> None:
        """When nothing is left, every candidate is named with the constraint that removed it, through all levels."""
        spine = make_spine(
            NESTED.replace("max_tokens = 100 }", "max_tokens = 100 }\nprivate = false"),
            {"a.json": rule("a"), "b.json": rule("b"), "c.json": rule("c")},
        )
        with pytest.raises(NoCandidate) as caught:
            await spine.answer(ask(label=PRIVATE), "top")
        message = str(caught.value)
        assert [name for name, _ in caught.value.removed] == ["k", "c"]
        for name in ("v: a:", "b:", "c:"):
            assert name in message
        assert message.count("private-only and the deployment is not private") == 3


HOSTILE = ("fixed", "fallback", "cascade", "vote", "best", "hedge", "split", "by-kind", "nested", "deep", "retry")


class TestPrivacy:
    """`private-only` never reaches a deployment that is not private."""

    def spine(self, make_spine: MakeSpine, url: str) -> Spine:
        """Routes of every policy whose first candidate is a host that is not private."""
        hostile = f'[deployments.out]\nmodel = "x/out"\ndialect = "openai"\nbase_url = "{url}"\nprivate = false\n'
        both = '"out", "own"'
        return make_spine(
            hostile
            + "retries = 2\n"
            + scripted("own")
            + route('kind = "fixed"', "fixed", both)
            + route('kind = "fallback"', "fallback", both)
            + route('kind = "cascade", check = { check = "regex", pattern = "never" }', "cascade", '"own", "out"')
            + route('kind = "vote", n = 4', "vote", both)
            + route('kind = "best-of", check = { check = "regex", pattern = "never" }', "best", both)
            + route('kind = "hedge", after_s = 0.001', "hedge", both)
            + route('kind = "split", weights = { out = 99.0, own = 1.0 }', "split", both)
            + route('kind = "by-kind", kinds = { sql = "own", out = "out" }', "by-kind", both)
            + route('kind = "fallback"', "nested", '"vote", "hedge", "out"')
            + route('kind = "fallback"', "deep", '"nested", "cascade"', 'label = "public"')
            + route('kind = "fallback"', "retry", '"own", "out"'),
            {"own.json": {"rules": [{"match": "fail", "error": "Overloaded"}, {"answer": "own"}]}},
        )

    @pytest.mark.parametrize("filtered", [True, False], ids=["filtered", "filter away"])
    async def test_not_one_byte_of_300_requests(
        self, make_spine: MakeSpine, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch, filtered: bool
    ) -> None:
        """0 bytes over all policies, nested, retried, fallen back and hedged; the guard holds without the filter."""
        monkeypatch.setattr("assay.routing.retry.FIRST_DELAY_S", 0.001)
        if not filtered:
            monkeypatch.setattr("assay.inference.targets.Targets.removed", lambda *_: ())
        caught: list[BaseException] = []

        async with host(hang) as out:
            spine = self.spine(make_spine, out.url)

            async def one(number: int) -> None:
                request: Request = ask(
                    "please fail" if number % 3 == 0 else "hello",
                    label=PRIVATE,
                    kind=("sql", "out", None)[number % 3],
                    stream=number % 2 == 0,
                    session=str(number),
                    native='{"model": "x", "messages": []}' if number % 4 == 0 else None,
                    deadline_s=5.0,
                )
                target = HOSTILE[number % len(HOSTILE)] if number % 11 else "out"
                try:
                    async for _ in spine.generate(request, target):
                        pass
                except AssayError as error:
                    caught.append(error)

            await asyncio.gather(*(one(number) for number in range(300)))
            await asyncio.sleep(0.02)
            assert (out.received_bytes, out.connections) == (0, 0)
        found = rows(ledger.path)
        assert {row["deployment"] for row in found} == {"own"}
        assert {row["label"] for row in found} == {"private-only"}
        kinds = {type(error) for error in caught}
        assert (NoCandidate if filtered else PrivacyViolation) in kinds

    async def test_public_data_does_reach_it(self, make_spine: MakeSpine) -> None:
        """The same host is reached by public data: the test above would notice a byte."""
        async with host(lambda seen: seen.answer(b"{}")) as out:
            spine = self.spine(make_spine, out.url)
            with pytest.raises(AssayError):
                await spine.answer(ask(), "fixed")
            assert out.received_bytes > 0


async def test_retries_do_not_multiply_over_routes(
    make_spine: MakeSpine, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many candidates and routes fail, one request repeats no more than its share of calls."""
    monkeypatch.setattr("assay.routing.retry.FIRST_DELAY_S", 0.0001)
    names = [f"d{number}" for number in range(6)]
    inner = [
        route('kind = "fallback"', f"r{number}", f'"{names[number]}", "{names[number + 1]}"') for number in (0, 2, 4)
    ]
    spine = make_spine(
        scripted(*names, more="retries = 9\nbreaker = { failures = 1000 }")
        + "".join(inner)
        + route('kind = "fallback"', "outer", '"r0", "r2", "r4"'),
        {f"{name}.json": rule(error="Overloaded") for name in names},
    )
    with pytest.raises(AssayError):
        await spine.answer(ask(), "outer")
    assert len(rows(ledger.path)) == len(names) + MAX_RETRIES
