"""`generate`: the way of a request - policies that break the rules, constraints, deadlines, rows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from upstreams import PRIVATE, ask, hang, held_usd, host, rows, settled, strangers, text_of_events

from assay.checks.check import CheckResult
from assay.config.schema import Constraints
from assay.errors import AssayError, BadRequest, ConfigError, NoCandidate, Overloaded, Refused, Timeout
from assay.inference.route import LiveRoute
from assay.inference.spine import Options, Spine
from assay.inference.steps import MAX_STEPS
from assay.inference.trace import Trace
from assay.ledger.store import SqliteLedger
from assay.routing.protocol import FIRST_EVENT, Answer, Call, Check, Overrides, Refuse, Send, State, Step
from assay.types import Event, Failed, Image, Label, Message, Request, Response, Sampling

MakeSpine = Callable[..., Spine]


def scripted(*names: str, more: str = "") -> str:
    """Deployments that answer by the script of their own name."""
    return "".join(
        f'[deployments.{name}]\nmodel = "test/{name}"\ndialect = "scripted"\nscript = "{name}.json"\n{more}\n'
        for name in names
    )


def said(answer: str = "", **more: Any) -> dict[str, Any]:
    """A script of one rule."""
    return {"rules": [{"answer": answer, **more}]}


class Rogue:
    """A policy that does as a test says."""

    kind: ClassVar[str] = "rogue"
    checks: ClassVar[dict[str, dict[str, Any]]] = {}

    def __init__(self, decide: Callable[[State], Any]) -> None:
        self._decide = decide

    def decide(self, state: State) -> Step:
        """The step that the test wants."""
        return self._decide(state)  # type: ignore[no-any-return]


class Sleepy:
    """A check that takes its time."""

    name: ClassVar[str] = "sleepy"

    def check(self, answer: Response, target: object | None, request: Request | None) -> CheckResult:
        """Pass after a while."""
        time.sleep(0.6)
        return CheckResult(passed=True, explanation="awake")


Decide = Callable[[State], Any]


def rogue(spine: Spine, decide: Decide, **more: Any) -> Spine:
    """The spine's targets and a route `r` over `a` and `b` with a policy of the test's own."""
    route = LiveRoute(name="r", candidates=("a", "b"), policy=Rogue(decide), **more)
    return Spine({**spine.targets, "r": route}, spine.constraints, spine.ledger)


@pytest.fixture
def ab(make_spine: MakeSpine) -> Spine:
    """Two deployments that answer."""
    return make_spine(scripted("a", "b"), {"a.json": said("from a"), "b.json": said("from b")})


A, B = Call(target="a"), Call(target="b")


class TestBrokenPolicies:
    """A policy that breaks the rules ends in a clear error, and mixes nothing."""

    @pytest.mark.parametrize(
        ("decide", "message"),
        [
            (lambda s: Answer(attempt=0), "names attempt 0, which does not exist"),
            (lambda s: Answer(attempt=5) if s.attempts else Send(calls=(A,), hold=True), "attempt 5, which does not"),
            (lambda s: Answer(attempt=-1) if s.attempts else Send(calls=(A,), hold=True), "attempt -1"),
            (lambda s: Check(name="regex", attempt=3), "attempt 3, which does not exist"),
            (lambda s: Check(name="no", attempt=0) if s.attempts else Send(calls=(A,), hold=True), "check 'no'"),
            (lambda s: Send(calls=()), "sends nothing"),
            (lambda s: Send(calls=(A, B), until=0), "at least 1"),
            (lambda s: "go on", "no step"),
            (lambda s: None, "no step"),
            (lambda s: Send(calls=(Call(target="nobody"),)) if not s.attempts else Refuse(reason="x"), "nobody"),
        ],
    )
    async def test_clear_error(self, ab: Spine, ledger: SqliteLedger, decide: Decide, message: str) -> None:
        """The error is a ConfigError that says what the policy did wrong; the request's row is `failed`."""
        with pytest.raises(ConfigError, match=message):
            await rogue(ab, decide).answer(ask(), "r")
        [request] = rows(ledger.path, "select * from requests")
        assert request["outcome"] == "failed"
        assert all(row["outcome"] != "running" for row in rows(ledger.path))

    async def test_policy_without_an_end(self, ab: Spine, ledger: SqliteLedger) -> None:
        """A policy that never comes to an end is stopped after a fixed number of steps."""
        with pytest.raises(ConfigError, match=f"did not end in {MAX_STEPS} steps"):
            await rogue(ab, lambda s: Send(calls=(A,), hold=True)).answer(ask(), "r")
        assert len(rows(ledger.path)) == MAX_STEPS

    async def test_answer_without_an_answer(self, make_spine: MakeSpine) -> None:
        """A failed attempt cannot be answered with."""
        spine = make_spine(scripted("a", "b"), {"a.json": said(error="BadRequest"), "b.json": said()})
        with pytest.raises(ConfigError, match="attempt 0, which has no answer"):
            await rogue(spine, lambda s: Answer(attempt=0) if s.attempts else Send(calls=(A,))).answer(ask(), "r")

    @pytest.mark.parametrize("second", [Send(calls=(B,)), Send(calls=(B, A), until=FIRST_EVENT)])
    async def test_second_stream_is_never_mixed_in(self, ab: Spine, ledger: SqliteLedger, second: Send) -> None:
        """After an answer has been handed on, a second live Send is an error and is not even sent."""
        events = [
            event
            async for event in rogue(ab, lambda s: second if s.attempts else Send(calls=(A,))).generate(
                ask(stream=True), "r"
            )
        ]
        assert text_of_events(events) == "from a"
        assert isinstance(events[-1], Failed)
        assert "answers twice" in events[-1].message
        assert len(rows(ledger.path)) == 1

    async def test_other_answer_than_the_one_handed_on(self, ab: Spine) -> None:
        """Answering with another attempt than the streamed one is an error at the end of the stream."""

        def decide(state: State) -> Step:
            steps = (Send(calls=(A,)), Send(calls=(B,), hold=True), Answer(attempt=1))
            return steps[len(state.attempts)]

        spine = rogue(ab, decide)
        events = [event async for event in spine.generate(ask(stream=True), "r")]
        assert text_of_events(events) == "from a"
        assert isinstance(events[-1], Failed)
        with pytest.raises(ConfigError, match="answers twice"):
            await spine.answer(ask(stream=True), "r")

    async def test_refusal_after_the_stream(self, ab: Spine) -> None:
        """A refusal that comes after an answer was handed on ends the stream with `Failed`."""
        policy = rogue(ab, lambda s: Refuse(reason="changed my mind") if s.attempts else Send(calls=(A,)))
        events = [event async for event in policy.generate(ask(stream=True), "r")]
        assert isinstance(events[-1], Failed)
        with pytest.raises(Refused, match="changed my mind"):
            await policy.answer(ask(stream=True), "r")

    async def test_a_whole_answer_is_handed_on_when_it_is_whole(self, ab: Spine) -> None:
        """A client that wants no stream has had nothing before the answer: the policy may still take another."""

        def decide(state: State) -> Step:
            steps = (Send(calls=(A,)), Send(calls=(B,)), Answer(attempt=1))
            return steps[len(state.attempts)]

        assert (await rogue(ab, decide).answer(ask(), "r")).text == "from b"


class TestSteps:
    """What the protocol allows."""

    async def test_a_judge_is_a_send_with_other_messages(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """A Call may override messages, sampling and kind; label and deadline stay."""
        seen: list[Any] = []

        def decide(state: State) -> Step:
            if len(state.attempts) == 1:
                answered = state.attempts[0].response
                assert answered is not None
                judged = Overrides(
                    messages=(Message.of("user", f"judge: {answered.text}"),), sampling=Sampling(seed=4), kind="judge"
                )
                return Send(calls=(Call(target="b", overrides=judged),), hold=True)
            if len(state.attempts) == 2:
                seen.append(state.attempts[1].response)
                return Answer(attempt=0)
            return Send(calls=(A,), hold=True)

        spine = make_spine(
            scripted("a", "b"),
            {"a.json": said("42"), "b.json": {"rules": [{"match": "judge: (.*)", "answer": "{1} is right"}]}},
        )
        assert (await rogue(spine, decide).answer(ask(label=PRIVATE, kind="qa"), "r")).text == "42"
        assert seen[0].text == "42 is right"
        assert [(row["kind"], row["label"]) for row in rows(ledger.path)] == [("qa", PRIVATE), ("judge", PRIVATE)]

    async def test_equal_seeds_decide_alike(self, ab: Spine) -> None:
        """A policy sees the seed of the options, else the request's, else one of the request's id."""
        seeds: list[int] = []

        def decide(state: State) -> Step:
            seeds.append(state.snapshot.seed)
            return Refuse(reason="enough")

        spine = rogue(ab, decide)
        for request, options in (
            (ask(), Options(seed=9)),
            (ask(sampling=Sampling(seed=8)), Options(seed=9)),
            (ask(sampling=Sampling(seed=8)), Options()),
            (ask(), Options()),
            (ask(), Options()),
        ):
            with pytest.raises(Refused):
                await spine.answer(request, "r", None, options)
        assert seeds[:3] == [9, 9, 8]
        assert seeds[3] != seeds[4]

    async def test_health_counts_failures_until_a_success(self, make_spine: MakeSpine) -> None:
        """The snapshot tells the faults in a row of each deployment's host; a client's mistake is none."""
        seen: list[dict[str, int]] = []

        def decide(state: State) -> Step:
            seen.append({name: one.failures for name, one in state.snapshot.health.items()})
            return Refuse(reason="done") if state.attempts else Send(calls=(A,), hold=True)

        script = {
            "rules": [{"error": "ProviderFault", "times": 2}, {"error": "BadRequest", "times": 1}, {"answer": "fine"}]
        }
        spine = make_spine(scripted("a", "b", more="retries = 0"), {"a.json": script, "b.json": said()})
        spine = rogue(spine, decide)
        for _ in range(4):
            with pytest.raises(AssayError):
                await spine.answer(ask(), "r")
        assert seen == [{}, {"a": 1}, {"a": 1}, {"a": 2}, {"a": 2}, {"a": 2}, {"a": 2}, {}]

    async def test_unknown_target_names_the_nearest(self, ab: Spine) -> None:
        """A name that is not configured is a ConfigError that names the nearest."""
        with pytest.raises(ConfigError, match="unknown model 'aa'"):
            await ab.answer(ask(), "aa")

    async def test_retries_are_attempts(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """Each try has a row; the error that ends it all names the deployment and carries the refusal's reason."""
        spine = make_spine(
            scripted("a", more="retries = 1"), {"a.json": said(error="Overloaded", status=503, retry_after_s=0.01)}
        )
        with pytest.raises(Overloaded) as caught:
            await spine.answer(ask(), "a")
        assert caught.value.deployment == "a"
        assert [(row["path"], row["outcome"], row["status"]) for row in rows(ledger.path)] == [
            ("0", "error", 503),
            ("1", "error", 503),
        ]


class TestDeadlines:
    """A deadline cuts within 0.2 s, whatever is being waited for, and nothing is left behind."""

    async def cut(self, spine: Spine, target: str, deadline_s: float = 0.25) -> AssayError:
        """The error of a request with a deadline, which must come in time."""
        before = asyncio.all_tasks()
        started = time.monotonic()
        with pytest.raises(AssayError) as caught:
            await spine.answer(ask(deadline_s=deadline_s), target)
        assert time.monotonic() - started < deadline_s + 0.2
        await asyncio.sleep(0.01)  # the host sees that its connection is gone
        assert not strangers(before)
        return caught.value

    @pytest.mark.parametrize("how", [{"delay_s": 30}, {"chunk_delay_s": 30}])
    @pytest.mark.parametrize("target", ["a", "r", "h", "v", "k"])
    async def test_hanging_model(
        self, make_spine: MakeSpine, ledger: SqliteLedger, how: dict[str, float], target: str
    ) -> None:
        """A model that hangs before or within its answer, under every policy."""
        spine = make_spine(
            scripted("a", "b")
            + '[routes.r]\ncandidates = ["a", "b"]\n'
            + '[routes.h]\ncandidates = ["a", "b"]\npolicy = { kind = "hedge", after_s = 0.2 }\n'
            + '[routes.v]\ncandidates = ["a", "b"]\npolicy = { kind = "vote" }\n'
            + '[routes.k]\ncandidates = ["a", "b"]\n'
            + 'policy = { kind = "cascade", check = { check = "regex", pattern = "x" } }\n',
            {"a.json": said("x y", **how), "b.json": said("x y", **how)},
        )
        assert isinstance(await self.cut(spine, target), Timeout)
        assert {row["error"] for row in await settled(ledger.path)} == {"Timeout"}
        assert held_usd(ledger.path) == 0

    async def test_hedge_does_not_call_after_the_deadline(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """A hedged call whose turn would come after the deadline is never made."""
        spine = make_spine(
            scripted("a", "b") + '[routes.h]\ncandidates = ["a", "b"]\npolicy = { kind = "hedge", after_s = 5.0 }\n',
            {"a.json": said("x", delay_s=30), "b.json": said("x")},
        )
        assert isinstance(await self.cut(spine, "h"), Timeout)
        assert sum(row["sent_bytes"] > 0 for row in await settled(ledger.path)) == 1

    async def test_hanging_host(self, make_spine: MakeSpine) -> None:
        """A host that takes a request and says nothing."""
        import aiohttp  # noqa: F401 - the first call imports it, which takes longer than this deadline

        async with host(hang) as up:
            spine = make_spine(f'[deployments.a]\nmodel = "x/a"\ndialect = "openai"\nbase_url = "{up.url}"\n')
            assert isinstance(await self.cut(spine, "a"), Timeout)
            await asyncio.sleep(0.02)
            assert up.seen[0].gone_at is not None
            await spine.close()

    async def test_waiting_for_the_gate(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """A request that waits for others to finish is cut too, without a row: nothing was to be sent."""
        spine = make_spine(
            scripted("a", more="concurrency = 1"),
            {"a.json": {"rules": [{"match": "long", "answer": "x", "delay_s": 30}, {"answer": "y"}]}},
        )
        first = asyncio.create_task(spine.answer(ask("long"), "a"))
        await asyncio.sleep(0.05)
        error = await self.cut(spine, "a")
        assert isinstance(error, Timeout)
        assert "other requests" in str(error)
        assert len(rows(ledger.path)) == 1
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert (await spine.answer(ask(), "a")).text == "y"

    async def test_during_retry_delays(self, make_spine: MakeSpine) -> None:
        """Retries stop at the deadline with the provider's own error; a pause beyond it is not begun."""
        spine = make_spine(scripted("a", more="retries = 50"), {"a.json": said(error="Overloaded")})
        assert isinstance(await self.cut(spine, "a", 0.6), Overloaded)

    async def test_during_a_check(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """A check that takes too long is not waited for."""

        def decide(state: State) -> Step:
            return Check(name="sleepy", attempt=0) if state.attempts else Send(calls=(A,), hold=True)

        spine = make_spine(scripted("a", "b"), {"a.json": said("x"), "b.json": said("x")})
        error = await self.cut(rogue(spine, decide, checks={"sleepy": Sleepy()}), "r")
        assert isinstance(error, Timeout)
        assert "sleepy" in str(error)
        assert [row["outcome"] for row in rows(ledger.path)] == ["ok"]

    async def test_route_deadline_is_the_default(self, make_spine: MakeSpine) -> None:
        """A route's deadline holds for requests without one; a request's own wins."""
        spine = make_spine(
            scripted("a") + '[routes.r]\ncandidates = ["a"]\ndeadline_s = 0.1\n', {"a.json": said("x", delay_s=0.3)}
        )
        with pytest.raises(Timeout):
            await spine.answer(ask(), "r")
        assert (await spine.answer(ask(deadline_s=2.0), "r")).text == "x"

    async def test_deadline_after_the_first_event(self, make_spine: MakeSpine) -> None:
        """A stream that is cut ends with a `Failed` event that names the Timeout."""
        spine = make_spine(scripted("a"), {"a.json": said("one two three", chunk_delay_s=0.08)})
        events: list[Event] = [event async for event in spine.generate(ask(deadline_s=0.2, stream=True), "a")]
        assert text_of_events(events).startswith("one")
        assert isinstance(events[-1], Failed)
        assert events[-1].error == "Timeout"


class TestConstraints:
    """What may not be called is filtered first, with reasons."""

    async def test_refusal_names_each_with_its_own_reason(
        self, make_spine: MakeSpine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Privacy and a missing key, told apart for each candidate, in the route's order."""
        monkeypatch.delenv("MISSING_KEY", raising=False)
        spine = make_spine(
            scripted("open", more="private = false")
            + '[deployments.keyed]\nmodel = "x/k"\ndialect = "openai"\nbase_url = "http://127.0.0.1:1"\n'
            + 'private = true\napi_key_env = "MISSING_KEY"\n'
            + '[routes.r]\ncandidates = ["keyed", "open"]\n',
            {"open.json": said("x")},
        )
        trace = Trace()
        with pytest.raises(NoCandidate) as caught:
            await spine.answer(ask(label=PRIVATE), "r", trace)
        assert [name for name, _ in caught.value.removed] == ["keyed", "open"]
        assert "no key in $MISSING_KEY" in str(caught.value)
        assert "open: the request is private-only" in str(caught.value)
        assert list(caught.value.removed) == trace.removed

    @pytest.mark.parametrize("label", [PRIVATE, Label.UNLABELLED])
    async def test_what_no_model_can_handle_is_told_apart(self, make_spine: MakeSpine, label: Label) -> None:
        """An image where no candidate sees any is the request's trouble, also inside routes; a label is not."""
        spine = make_spine(
            '[deployments.blind]\nmodel = "huggingfacetb/smollm2-135m-instruct"\ndialect = "local"\n'
            '[routes.r]\ncandidates = ["blind"]\n[routes.outer]\ncandidates = ["r"]\n'
            + scripted("open", more="private = false"),
            {"open.json": said("x")},
        )
        image = Message(role="user", parts=(Image(data="AAAA", media_type="image/png"),))
        with pytest.raises(NoCandidate, match="takes no image input") as caught:
            await spine.answer(Request(messages=(image,), label=label), "outer")
        assert caught.value.unable
        with pytest.raises(NoCandidate) as forbidden:
            await spine.answer(ask(label=PRIVATE), "open")
        assert not forbidden.value.unable

    @pytest.mark.parametrize("target", ["keyed", "r", "outer"])
    async def test_missing_keys_alone_are_told_apart(
        self, make_spine: MakeSpine, monkeypatch: pytest.MonkeyPatch, target: str
    ) -> None:
        """They are the gateway's trouble, also inside routes; not where a label forbids one of the candidates."""
        monkeypatch.delenv("MISSING_KEY", raising=False)
        spine = make_spine(
            scripted("open", more="private = false")
            + '[deployments.keyed]\nmodel = "x/k"\ndialect = "openai"\nbase_url = "http://127.0.0.1:1"\n'
            + 'private = true\napi_key_env = "MISSING_KEY"\n'
            + '[routes.r]\ncandidates = ["keyed"]\n[routes.outer]\ncandidates = ["r"]\n'
            + '[routes.mixed]\ncandidates = ["r", "open"]\n',
            {"open.json": said("x")},
        )
        with pytest.raises(NoCandidate, match=r"no key in \$MISSING_KEY") as caught:
            await spine.answer(ask(label=PRIVATE), target)
        assert caught.value.keyless
        with pytest.raises(NoCandidate) as mixed:
            await spine.answer(ask(label=PRIVATE), "mixed")
        assert not mixed.value.keyless

    async def test_removed_candidates_are_traced_when_others_serve(self, make_spine: MakeSpine) -> None:
        """What was removed can be read from the trace of a request that was answered."""
        spine = make_spine(
            scripted("open", more="private = false") + scripted("own") + '[routes.r]\ncandidates = ["open", "own"]\n',
            {"open.json": said("x"), "own.json": said("y")},
        )
        trace = Trace()
        assert (await spine.answer(ask(label=PRIVATE), "r", trace)).text == "y"
        assert [name for name, _ in trace.removed] == ["open"]

    async def test_unlabelled_data_may_be_kept_in(self, make_spine: MakeSpine) -> None:
        """With `unlabelled_data = private-only`, data without a label stays; a label of public lets it out."""
        spine = make_spine(
            scripted("open", more="private = false") + '[constraints]\nunlabelled_data = "private-only"\n',
            {"open.json": said("x")},
        )
        with pytest.raises(NoCandidate, match="no privacy label"):
            await spine.answer(ask(), "open")
        assert (await spine.answer(ask(label=Label.PUBLIC), "open")).text == "x"

    async def test_a_client_cannot_lower_its_routes_label(self, make_spine: MakeSpine) -> None:
        """A request that calls itself public stays private-only on a route that is."""
        spine = make_spine(
            scripted("open", more="private = false") + '[routes.r]\ncandidates = ["open"]\nlabel = "private-only"\n',
            {"open.json": said("x")},
        )
        with pytest.raises(NoCandidate):
            await spine.answer(ask(label=Label.PUBLIC), "r")

    async def test_constraints_are_readable(self, ab: Spine) -> None:
        """The spine tells its limits."""
        assert ab.constraints == Constraints()


class TestRows:
    """The request's own row."""

    async def test_outcomes(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """Answered, failed, refused and cancelled requests are told apart."""
        spine = make_spine(
            scripted("a", "b", "c") + '[constraints]\nlicences = ["mit"]\n',
            {"a.json": said("x"), "b.json": said(error="BadRequest"), "c.json": said("x", delay_s=9)},
        )
        await spine.answer(ask(), "a", Trace(request_id="1", run_id="run", sample_id="s"))
        with pytest.raises(BadRequest):
            await spine.answer(ask(), "b", Trace(request_id="2"))
        with pytest.raises(Refused):
            await rogue(spine, lambda s: Refuse(reason="no")).answer(ask(), "r", Trace(request_id="3"))
        task = asyncio.create_task(spine.answer(ask(), "c", Trace(request_id="4")))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        found = {row["id"]: row for row in await settled(ledger.path, 4, table="requests")}
        assert {key: row["outcome"] for key, row in found.items()} == {
            "1": "answered", "2": "failed", "3": "refused", "4": "cancelled",
        }  # fmt: skip
        assert (found["1"]["run_id"], found["1"]["sample_id"], found["1"]["deployment"]) == ("run", "s", "a")
        assert found["3"]["reason"] == "no"

    async def test_closed_early_still_has_a_row(self, ab: Spine, ledger: SqliteLedger) -> None:
        """A reader that stops after one event leaves a cancelled request and a settled attempt."""
        stream = ab.generate(ask(stream=True), "a")
        await anext(stream)
        await stream.aclose()
        [request] = await settled(ledger.path, 1, table="requests")
        assert request["outcome"] == "cancelled"
        await settled(ledger.path, 1)

    async def test_a_whole_answer_comes_when_all_is_on_record(self, ab: Spine, ledger: SqliteLedger) -> None:
        """Who gets no stream gets the first event when attempt and request are in the file."""
        stream = ab.generate(ask(), "a")
        await anext(stream)
        assert [row["outcome"] for row in rows(ledger.path)] == ["ok"]
        assert [row["outcome"] for row in rows(ledger.path, "select * from requests")] == ["answered"]
        await stream.aclose()


def test_who_answers_one_request_after_another(make_spine: MakeSpine, tmp_path: Any) -> None:
    """A local engine does unless told otherwise, a route if all below it do; a scripted model does not."""
    local = '[deployments.{0}]\nmodel = "x/{0}"\ndialect = "local"\nweights = "none.gguf"\n{1}\n'
    toml = local.format("one", "") + local.format("many", "quirks = { exact = false }") + scripted("s")
    toml += '[routes.both]\ncandidates = ["one", "s"]\n[routes.alone]\ncandidates = ["one"]\n'
    (tmp_path / "none.gguf").touch()
    spine = make_spine(toml, {"s.json": said("yes")})
    found = {name: spine.one_at_a_time(name) for name in ("one", "many", "s", "both", "alone")}
    assert found == {"one": True, "many": False, "s": False, "both": False, "alone": True}
    with pytest.raises(ConfigError):
        spine.one_at_a_time("nobody")


async def test_who_sees_to_the_rows_himself_does_not_wait_for_them(ab: Spine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `durable` an answer is handed on while its rows are on their way, and the trace has all of them."""
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(SqliteLedger, "settle", lambda *_: never)
    trace = Trace()
    response = await asyncio.wait_for(ab.answer(ask(), "a", trace, Options(durable=False)), 10)
    assert response.text == "from a"
    settled, closed = trace.pending
    assert settled is never
    await closed
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ab.answer(ask(), "a"), 0.1)


async def test_a_failed_call_is_on_record_when_it_is_told(make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """Also who does not wait for the rows of answers finds those of an error in the ledger."""
    spine = make_spine(scripted("a"), {"a.json": said(error="BadRequest")})
    with pytest.raises(AssayError):
        await spine.answer(ask(), "a", None, Options(durable=False))
    assert [row["outcome"] for row in rows(ledger.path)] == ["error"]
    assert [row["outcome"] for row in rows(ledger.path, "select * from requests")] == ["failed"]


async def test_a_request_tells_when_it_waits_for_others(make_spine: MakeSpine) -> None:
    """Who wants to know hears it before the host is asked, and before a place among its calls is waited for."""
    spine = make_spine(scripted("a", more="concurrency = 1"), {"a.json": said("yes", delay_s=0.2)})
    told: list[str] = []

    def call(name: str) -> asyncio.Task[Response]:
        return asyncio.create_task(spine.answer(ask(), "a", Trace(on_wait=lambda: told.append(name))))

    first = call("first")
    await asyncio.sleep(0.05)
    second = call("second")
    await asyncio.sleep(0.05)
    assert told == ["first", "second"]
    await asyncio.gather(first, second)
    assert told == ["first", "second", "second"]
