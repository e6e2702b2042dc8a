"""Requests left for batches, at hosts on loopback that have the endpoints of OpenAI, Anthropic and Gemini."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from upstreams import ask, held_usd, rows

from assay.catalog.load import builtin
from assay.config.load import parse
from assay.errors import (
    AssayError,
    BadRequest,
    BatchWaiting,
    BudgetExceeded,
    ConfigError,
    MalformedReply,
    NoCandidate,
    PrivacyViolation,
    ProviderFault,
)
from assay.inference.batch_desk import BatchDesk, Patience
from assay.inference.build import Builder
from assay.inference.purse import Purse
from assay.inference.spine import Options, Spine
from assay.inference.trace import Trace
from assay.ledger.batches import Batches
from assay.ledger.store import SqliteLedger
from assay.types import Label, Response
from batch_stub import FULL_USD, PRICED, STUBS, Stub, stub
from faults import Answer

MakeSpine = Callable[..., Spine]
EVERY = pytest.mark.parametrize("name", sorted(STUBS))
NOTHING = pytest.approx(0.0, abs=1e-12)  # adding and taking away floats leaves dust
QUICK = Patience(first_s=0.005, most_s=0.01, tries=2, listed_s=0.0)


def desk_of(spine: Spine, news: list[str] | None = None, **more: Any) -> BatchDesk:
    """A desk that does not wait long."""
    said: list[str] = news if news is not None else []
    return BatchDesk(spine.targets, spine.constraints, spine.ledger, news=said.append, patience=QUICK, **more)


def spine_on(ledger: SqliteLedger, toml: str) -> Spine:
    """A spine that writes into a ledger of its own."""
    config = parse(toml.encode(), ledger.path.parent / "assay.toml")
    return Builder(builtin()).spine(config, ledger)


async def leave(spine: Spine, desk: BatchDesk, *texts: str, target: str = "up", **more: Any) -> set[str]:
    """Leave requests for batches; returns their batches."""
    found = set()
    for text in texts:
        with pytest.raises(BatchWaiting) as waiting:
            await spine.answer(ask(text, **more), target, options=Options(use_cache=True, seed=0, desk=desk))
        found.add(waiting.value.batch_id)
    return found


async def again(
    spine: Spine, desk: BatchDesk | None, text: str, target: str = "up", trace: Trace | None = None
) -> Response:
    """The same request asked again."""
    return await spine.answer(ask(text), target, trace, Options(use_cache=True, seed=0, desk=desk))


async def through(spine: Spine, desk: BatchDesk, *texts: str) -> None:
    """Leave requests, send them and wait for what comes."""
    batches = await leave(spine, desk, *texts)
    await desk.flush()
    assert await desk.wait(batches, within_s=5.0) == batches


class TestAnswers:
    """What goes well."""

    @EVERY
    async def test_answers_are_those_of_their_requests_at_half_the_price(
        self, make_spine: MakeSpine, ledger: SqliteLedger, name: str
    ) -> None:
        """Whatever the order of results, each request gets its own answer; each is an attempt of its own."""
        texts = [f"question {number}" for number in range(5)]
        async with stub(name) as up:
            spine = make_spine(up.toml("up"))
            desk = desk_of(spine)
            await through(spine, desk, *texts)
            assert [len(job.asked) for job in up.jobs] == [5]
            for text in texts:
                trace = Trace()
                response = await again(spine, desk, text, trace=trace)
                assert (response.text, trace.batched, trace.cached) == (text.upper(), True, True)
                assert trace.worth == (pytest.approx(FULL_USD / 2), "measured")
        waited = [row for row in rows(ledger.path) if row["batch_id"]]
        assert {(row["outcome"], row["total_s"], row["input_tokens"], row["output_tokens"]) for row in waited} == {
            ("ok", None, 10, 5)
        }
        assert sum(row["cost_usd"] for row in rows(ledger.path)) == pytest.approx(5 * FULL_USD / 2)
        assert held_usd(ledger.path) == NOTHING
        [batch] = await Batches(ledger).newest(5)
        assert (batch.state, batch.items, batch.message) == ("done", 5, None)

    @EVERY
    async def test_nothing_is_sent_before_its_rows_are_durable(
        self, make_spine: MakeSpine, ledger: SqliteLedger, name: str
    ) -> None:
        """While a job is on its way, its money is held and its requests stand in the ledger under its id."""
        async with stub(name) as up:
            spine = make_spine(up.toml("up"))
            desk = desk_of(spine)
            await leave(spine, desk, "one", "two", sampling=ask().sampling)
            assert (up.calls, held_usd(ledger.path) > 0) == ([], True)
            seen: list[Any] = []
            respond = up.respond

            def noting(received: Any) -> Answer:
                seen.append([(row["outcome"], row["batch_id"]) for row in rows(ledger.path)])
                seen.append([row["state"] for row in rows(ledger.path, "select state from batches")])
                return respond(received)

            up.host.answer(noting)
            await desk.flush()
            [batch] = await Batches(ledger).newest(1)
            assert seen[:2] == [[("running", batch.id)] * 2, ["sending"]]
            assert (batch.state, batch.provider_batch_id is not None) == ("waiting", True)

    @EVERY
    async def test_the_request_is_the_one_that_a_live_call_would_send(self, make_spine: MakeSpine, name: str) -> None:
        """The deployment's prompt and settings are in it."""
        more = PRICED + '\nsettings = { system = "Be short.", max_tokens = 7 }'
        async with stub(name) as up:
            spine = make_spine(up.toml("up", more))
            desk = desk_of(spine)
            await through(spine, desk, "one")
            [body] = up.jobs[0].asked.values()
            [preview] = spine.preview(ask("one"), "up")
        assert preview.wire is not None
        assert json.loads(preview.wire.body) == body

    @EVERY
    async def test_the_key_goes_to_the_host_alone(
        self, make_spine: MakeSpine, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        """Every call has it in the host's own header; what a host repeats of it reaches neither news nor ledger."""
        monkeypatch.setenv("BATCH_KEY", "very-secret-key")
        field = {"openai": "authorization", "anthropic": "x-api-key", "gemini": "x-goog-api-key"}[name]
        async with stub(name, fate=lambda text: "bad") as up:
            spine = make_spine(up.toml("up", f'{PRICED}\napi_key_env = "BATCH_KEY"\nheaders = {{ x-team = "ours" }}'))
            news: list[str] = []
            desk = desk_of(spine, news)
            batches = await leave(spine, desk, "one very-secret-key")
            await desk.flush()
            up.refuse = {"GET": Answer(status=500, body=b'{"error": {"message": "very-secret-key is tired"}}')}
            await desk.wait(batches, within_s=0.02)
            assert all("very-secret-key" in seen[field] and seen["x-team"] == "ours" for seen in up.headers)
            assert any("is tired" in one for one in news)
        assert "very-secret-key" not in str(news) + str(rows(ledger.path)) + str(
            rows(ledger.path, "select * from batches")
        )

    async def test_responses_are_batched_too(self, make_spine: MakeSpine) -> None:
        """The format `openai-responses` names its own endpoint in the job."""
        async with stub("openai") as up:
            spine = make_spine(up.toml("up").replace('"openai"', '"openai-responses"'))
            desk = desk_of(spine)
            await leave(spine, desk, "one")
            await desk.flush()
            assert b'"url":"/v1/responses"' in next(iter(up.files.values()))

    async def test_equal_requests_are_asked_once(self, make_spine: MakeSpine) -> None:
        """Two samples that are the same request wait for one answer, as they would find it in the cache."""
        async with stub("openai") as up:
            spine = make_spine(up.toml("up"))
            desk = desk_of(spine)
            await through(spine, desk, "same", "same")
            assert up.texts == [["same"]]

    async def test_a_cascade_goes_on_from_answer_to_answer(self, make_spine: MakeSpine) -> None:
        """A policy that asks one after the other needs as many batches as it asks."""
        async with stub("openai") as one, stub("anthropic") as two:
            route = """
                [routes.both]
                candidates = ["one", "two"]
                policy = { kind = "cascade", check = { check = "regex", pattern = "never" } }
            """
            spine = make_spine(one.toml("one") + two.toml("two") + route)
            desk = desk_of(spine)
            for _ in range(2):
                batches = await leave(spine, desk, "hello", target="both")
                await desk.flush()
                await desk.wait(batches, within_s=5.0)
            trace = Trace()
            assert (await again(spine, desk, "hello", "both", trace)).text == "HELLO"
            assert [record.deployment for record in trace.records] == ["one", "two"]
            assert (one.texts, two.texts) == ([["hello"]], [["hello"]])

    async def test_a_full_job_is_sent_and_the_next_one_begun(
        self, make_spine: MakeSpine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No job has more requests, or bytes, than its host takes."""
        async with stub("openai") as up:
            spine = make_spine(up.toml("up"))
            desk = desk_of(spine)
            live = spine.targets["up"]
            monkeypatch.setattr(type(live.batches.form), "max_items", 2)  # type: ignore[union-attr]
            await through(spine, desk, "a", "b", "c", "d", "e")
            assert up.texts == [["a", "b"], ["c", "d"], ["e"]]
            monkeypatch.setattr(type(live.batches.form), "max_bytes", 4096 + 500)  # type: ignore[union-attr]
            with pytest.raises(BadRequest, match="does not fit into a batch"):
                await spine.answer(ask("x" * 1000), "up", options=Options(use_cache=True, desk=desk))


class TestFaults:
    """What goes wrong for one request, or for all."""

    @EVERY
    async def test_each_request_has_a_fate_of_its_own(
        self, make_spine: MakeSpine, ledger: SqliteLedger, name: str
    ) -> None:
        """Errors, expiry, gaps, repetitions and strangers touch nobody else, and are told; money follows suit."""
        fates = ["ok", "bad", "expired", "missing", "twice", "strange", "empty"]
        async with stub(name, fate=lambda text: text) as up:
            spine = make_spine(up.toml("up"))
            news: list[str] = []
            desk = desk_of(spine, news)
            await through(spine, desk, *fates)
            for fate, error in (
                ("bad", BadRequest), ("expired", ProviderFault), ("missing", MalformedReply), ("empty", MalformedReply),
            ):  # fmt: skip
                with pytest.raises(error):
                    await again(spine, desk, fate)
            for fate in ("ok", "twice", "strange"):
                assert (await again(spine, desk, fate)).text == fate.upper()
        cost = {row["error"] or row["outcome"]: row["cost_basis"] for row in rows(ledger.path) if row["batch_id"]}
        assert cost == {"ok": "measured", "BadRequest": "none", "ProviderFault": "none", "MalformedReply": "bound"}
        assert any("told twice" in one and "not ours" in one for one in news)
        assert held_usd(ledger.path) == NOTHING

    @pytest.mark.parametrize("name", ["anthropic", "openai"])
    async def test_a_line_that_cannot_be_read_spoils_no_other(self, make_spine: MakeSpine, name: str) -> None:
        """A broken line leaves its own request without an answer."""
        async with stub(name, fate=lambda text: text) as up:
            spine = make_spine(up.toml("up"))
            news: list[str] = []
            desk = desk_of(spine, news)
            await through(spine, desk, "ok", "garbled", "twice")
            with pytest.raises(MalformedReply, match="leave this request out"):
                await again(spine, desk, "garbled")
            assert (await again(spine, desk, "ok")).text == "OK"
            assert any("cannot be read" in one for one in news)

    @EVERY
    async def test_a_failed_request_is_asked_again_by_the_next_run(self, make_spine: MakeSpine, name: str) -> None:
        """Within one run an error is final; a new desk asks again in a new batch, and a live call asks live."""
        async with stub(name, fate=lambda text: "expired") as up:
            spine = make_spine(up.toml("up"))
            await through(spine, desk_of(spine), "one")
            up.fate = lambda text: "ok"
            later = desk_of(spine)
            await later.open()
            await through(spine, later, "one")
            assert (await again(spine, later, "one")).text == "ONE"
            assert len(up.jobs) == 2

    @pytest.mark.parametrize("name", ["gemini", "openai"])
    async def test_a_job_that_its_host_finds_wrong_costs_nothing(
        self, make_spine: MakeSpine, ledger: SqliteLedger, name: str
    ) -> None:
        """A job that fails as a whole gives each request the host's reason."""
        async with stub(name, ends="failed") as up:
            spine = make_spine(up.toml("up"))
            desk = desk_of(spine)
            await through(spine, desk, "one", "two")
            with pytest.raises(BadRequest, match="no such model"):
                await again(spine, desk, "two")
        assert {row["cost_usd"] for row in rows(ledger.path)} == {0.0}
        [batch] = await Batches(ledger).newest(1)
        assert (batch.state, held_usd(ledger.path)) == ("failed", NOTHING)

    @EVERY
    async def test_a_cancelled_job_ends_and_costs_nothing(
        self, make_spine: MakeSpine, ledger: SqliteLedger, name: str
    ) -> None:
        """After a cancellation, what has no answer is an error of its attempt, and its money is free again."""
        async with stub(name, polls=1000) as up:
            spine = make_spine(up.toml("up"))
            desk = desk_of(spine)
            batches = await leave(spine, desk, "one")
            await desk.flush()
            [row] = desk.open_batches.values()
            await desk.cancel(row)
            await desk.wait(batches, within_s=5.0)
            with pytest.raises(ProviderFault, match="cancelled"):
                await again(spine, desk, "one")
        [batch] = await Batches(ledger).newest(1)
        assert (batch.state, held_usd(ledger.path)) == ("cancelled", NOTHING)

    @pytest.mark.parametrize("name", ["gemini", "openai"])
    async def test_what_an_expired_job_leaves_out_costs_nothing(
        self, make_spine: MakeSpine, ledger: SqliteLedger, name: str
    ) -> None:
        """A job that ran out of time keeps the answers that it has; the rest is not charged."""
        async with stub(name, ends="expired", fate=lambda text: "ok" if text == "one" else "missing") as up:
            spine = make_spine(up.toml("up"))
            desk = desk_of(spine)
            await through(spine, desk, "one", "two")
            assert (await again(spine, desk, "one")).text == "ONE"
            with pytest.raises(ProviderFault, match="expired"):
                await again(spine, desk, "two")
        assert sum(row["cost_usd"] for row in rows(ledger.path)) == pytest.approx(FULL_USD / 2)

    @EVERY
    async def test_errors_of_a_look_are_told_and_outlived(self, make_spine: MakeSpine, name: str) -> None:
        """A host that cannot be asked how its job stands is asked again; the job is neither lost nor sent anew."""
        async with stub(name) as up:
            spine = make_spine(up.toml("up"))
            news: list[str] = []
            desk = desk_of(spine, news)
            batches = await leave(spine, desk, "one")
            await desk.flush()
            up.refuse = {"GET": Answer(status=503, body=b'{"error": {"message": "come back later"}}')}
            assert await desk.wait(batches, within_s=0.05) == set()
            assert any("come back later" in one for one in news)
            with pytest.raises(BatchWaiting):
                await again(spine, desk, "one")
            up.refuse = {}
            assert await desk.wait(batches, within_s=5.0) == batches
            assert (await again(spine, desk, "one")).text == "ONE"
            assert len(up.jobs) == 1

    @pytest.mark.parametrize("name", ["anthropic", "openai"])
    async def test_results_that_break_off_are_fetched_again(
        self, make_spine: MakeSpine, ledger: SqliteLedger, name: str
    ) -> None:
        """What came before the break is settled once; the rest comes with the next try."""
        async with stub(name) as up:
            spine = make_spine(up.toml("up"))
            desk = desk_of(spine)
            batches = await leave(spine, desk, *map(str, range(8)))
            await desk.flush()
            whole = up.answer

            def breaking(call: str, received: Any) -> Answer | None:
                answer = whole(call, received)
                if "results" in call or "content" in call:
                    up.answer = whole
                    return Answer(body=answer.body, framing="length", stop=len(answer.body) // 2, how="close")
                return answer

            up.answer = breaking
            assert await desk.wait(batches, within_s=5.0) == batches
            assert (await again(spine, desk, "7")).text == "7"
        assert {row["outcome"] for row in rows(ledger.path) if row["batch_id"]} == {"ok"}

    @EVERY
    async def test_a_job_that_its_host_forgot_is_charged_at_its_bound(
        self, make_spine: MakeSpine, ledger: SqliteLedger, name: str
    ) -> None:
        """A 404 for a job that was acknowledged ends the wait; nobody knows what it cost."""
        async with stub(name) as up:
            spine = make_spine(up.toml("up"))
            desk = desk_of(spine)
            batches = await leave(spine, desk, "one")
            await desk.flush()
            up.jobs.clear()
            assert await desk.wait(batches, within_s=5.0) == batches
        [row] = [row for row in rows(ledger.path) if row["batch_id"]]
        assert (row["outcome"], row["cost_basis"], row["cost_usd"] == row["reserved_usd"]) == ("error", "bound", True)

    async def test_an_answer_that_breaks_its_reader_keeps_no_other_from_coming(
        self, make_spine: MakeSpine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A mistake of ours costs one request its answer, not the batch."""
        async with stub("openai") as up:
            spine = make_spine(up.toml("up"))
            desk = desk_of(spine)
            batches = await leave(spine, desk, "one", "two")
            await desk.flush()
            live = spine.targets["up"]
            read = live.dialect.read_response  # type: ignore[union-attr]

            def reading(body: bytes) -> Any:
                if b"ONE" in body:
                    raise KeyError("oh")
                return read(body)

            monkeypatch.setattr(live.dialect, "read_response", reading)  # type: ignore[union-attr]
            assert await desk.wait(batches, within_s=5.0) == batches
            with pytest.raises(ProviderFault, match="KeyError"):
                await again(spine, desk, "one")
            assert (await again(spine, desk, "two")).text == "TWO"


class TestSending:
    """Handing a job over."""

    @EVERY
    async def test_a_refused_job_costs_nothing_and_its_requests_learn_why(
        self, make_spine: MakeSpine, ledger: SqliteLedger, name: str
    ) -> None:
        """A host that says no has asked nobody."""
        async with stub(name) as up:
            up.refuse = {"POST": Answer(status=401, body=b'{"error": {"message": "no such key"}}')}
            spine = make_spine(up.toml("up"))
            desk = desk_of(spine)
            await leave(spine, desk, "one")
            await desk.flush()
            with pytest.raises(AssayError, match="no such key"):
                await again(spine, desk, "one")
        assert [(row["outcome"], row["cost_usd"]) for row in rows(ledger.path) if row["batch_id"]] == [("error", 0.0)]
        assert held_usd(ledger.path) == NOTHING

    @EVERY
    async def test_a_host_that_is_busy_is_asked_again(self, make_spine: MakeSpine, name: str) -> None:
        """A 429 while a job is handed over is tried again after the pause."""
        async with stub(name) as up:
            respond, busy = up.respond, [Answer(status=429, headers={"retry-after": "0"}, body=b"{}")]
            up.host.answer(lambda received: busy.pop() if busy else respond(received))
            spine = make_spine(up.toml("up"))
            desk = desk_of(spine)
            await through(spine, desk, "one")
            assert (busy, up.texts) == ([], [["one"]])

    @EVERY
    async def test_a_lost_acknowledgement_sends_nothing_twice(
        self, make_spine: MakeSpine, ledger: SqliteLedger, name: str
    ) -> None:
        """A job whose acknowledgement never came is found among the host's and waited for."""
        async with stub(name, lost_acknowledgement=True) as up:
            spine = make_spine(up.toml("up"))
            news: list[str] = []
            desk = desk_of(spine, news)
            batches = await leave(spine, desk, "one", "two")
            await desk.flush()
            assert any("not known whether its host has it" in one for one in news)
            [batch] = await Batches(ledger).newest(1)
            assert (batch.state, batch.provider_batch_id) == ("sending", None)
            assert await desk.wait(batches, within_s=5.0) == batches
            assert (await again(spine, desk, "two")).text == "TWO"
            assert len(up.jobs) == 1

    @EVERY
    async def test_a_job_that_never_arrived_costs_nothing(
        self, make_spine: MakeSpine, ledger: SqliteLedger, name: str
    ) -> None:
        """Where the host lists no such job, its requests failed, and nothing is charged."""
        async with stub(name, lost_acknowledgement=True, hides=True) as up:
            spine = make_spine(up.toml("up"))
            desk = desk_of(spine)
            batches = await leave(spine, desk, "one")
            await desk.flush()
            assert await desk.wait(batches, within_s=5.0) == batches
            with pytest.raises(MalformedReply, match="was not taken on"):
                await again(spine, desk, "one")
        assert held_usd(ledger.path) == NOTHING

    @EVERY
    async def test_a_job_is_not_given_up_before_its_host_could_list_it(
        self, make_spine: MakeSpine, ledger: SqliteLedger, name: str
    ) -> None:
        """Hosts list a job a little later than they take it on: until then it may be there."""
        async with stub(name, lost_acknowledgement=True, hides=True) as up:
            spine = make_spine(up.toml("up"))
            desk = BatchDesk(spine.targets, spine.constraints, ledger, patience=QUICK._replace(listed_s=60.0))
            batches = await leave(spine, desk, "one")
            await desk.flush()
            assert await desk.wait(batches, within_s=0.03) == set()
            up.hides = False
            assert await desk.wait(batches, within_s=5.0) == batches
            assert (await again(spine, desk, "one")).text == "ONE"


class TestLimits:
    """What must not be sent, or not like this."""

    async def test_private_data_is_in_no_job_of_a_host(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """The constraints see to it before a request is left."""
        async with stub("openai") as up:
            spine = make_spine(up.toml("up"))
            desk = desk_of(spine)
            options = Options(use_cache=True, desk=desk)
            with pytest.raises(NoCandidate):
                await spine.answer(ask("secret", label=Label.PRIVATE_ONLY), "up", options=options)
            await desk.flush()
            assert up.calls == []

    async def test_the_label_is_looked_at_once_more_when_a_job_is_sent(
        self, make_spine: MakeSpine, ledger: SqliteLedger
    ) -> None:
        """A request that got into a job while its deployment was private keeps the job from leaving."""
        async with stub("openai") as up:
            spine = make_spine(up.toml("up", PRICED + "\nprivate = true"))
            desk = desk_of(spine)
            await leave(spine, desk, "secret", label=Label.PRIVATE_ONLY)
            live = spine.targets["up"]
            live.config = msgspec.structs.replace(live.config, private=False)  # type: ignore[union-attr]
            await desk.flush()
            assert up.calls == []
            assert any(isinstance(failure.error, PrivacyViolation) for failure in desk._book.failures.values())
        assert held_usd(ledger.path) == NOTHING

    async def test_a_budget_holds_before_anything_is_sent(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """What the month's budget has no room for is not left at all."""
        async with stub("openai") as up:
            spine = make_spine(up.toml("up") + "\n[constraints]\nusd_per_month = 0.0008\n")
            desk = desk_of(spine)
            await leave(spine, desk, "one")
            with pytest.raises(BudgetExceeded):
                await leave(spine, desk, "two", "three", "four", "five", "six")
            held = held_usd(ledger.path)
            assert 0 < held <= 0.0008
            await desk.flush()
            assert held_usd(ledger.path) == held  # while the job waits
            await desk.wait(set(desk.open_batches), within_s=5.0)
        assert held_usd(ledger.path) == NOTHING

    async def test_a_purse_refuses_what_does_not_fit_beside_what_waits(self, make_spine: MakeSpine) -> None:
        """Nobody waits for money that a batch may hold for a day."""
        async with stub("openai") as up:
            spine = make_spine(up.toml("up"))
            desk, purse = desk_of(spine), Purse(0.0003, "this eval")
            options = Options(use_cache=True, seed=0, desk=desk, purse=purse)
            with pytest.raises(BatchWaiting) as waiting:
                await spine.answer(ask("one"), "up", options=options)
            with pytest.raises(BudgetExceeded):
                await spine.answer(ask("two"), "up", options=options)
            await desk.flush()
            await desk.wait({waiting.value.batch_id}, within_s=5.0)
            assert purse.held_usd == NOTHING
            assert purse.spent_usd > 0

    async def test_without_a_known_discount_the_full_price_is_the_bound(
        self, make_spine: MakeSpine, ledger: SqliteLedger
    ) -> None:
        """What nobody knows is not invented: the cost is then at most the live one."""
        async with stub("openai") as up:
            spine = make_spine(up.toml("up").replace("batch_discount = 0.5\n", ""))
            await through(spine, desk_of(spine), "one")
        [row] = [row for row in rows(ledger.path) if row["batch_id"]]
        assert (row["cost_usd"], row["cost_basis"]) == (pytest.approx(FULL_USD), "bound")

    async def test_only_hosts_with_batch_endpoints_are_asked_so(self, make_spine: MakeSpine) -> None:
        """A model without them, a policy that asks several at once, and no cache are refused by name."""
        async with stub("openai") as up:
            hedge = '[routes.fast]\ncandidates = ["up", "own"]\npolicy = { kind = "hedge", after_s = 0.1 }\n'
            own = '[deployments.own]\nmodel = "acme/own"\ndialect = "scripted"\nscript = "own.json"\n'
            spine = make_spine(up.toml("up") + own + hedge, {"own.json": {"rules": [{"answer": "hi"}]}})
            desk = desk_of(spine)
            with pytest.raises(ConfigError, match="'own' cannot be asked in batches"):
                await spine.answer(ask(), "own", options=Options(use_cache=True, desk=desk))
            with pytest.raises(ConfigError, match="'fast' cannot be asked in batches"):
                await spine.answer(ask(), "fast", options=Options(use_cache=True, desk=desk))
            with pytest.raises(ConfigError, match="cache"):
                await spine.answer(ask(), "up", options=Options(desk=desk))
            assert up.calls == []


class TestLater:
    """Going on in another process."""

    @EVERY
    async def test_another_process_picks_a_waiting_job_up(
        self, make_spine: MakeSpine, ledger: SqliteLedger, tmp_path: Path, name: str
    ) -> None:
        """After the first one has gone, its holds stay; the next one finds the job by the request and pays nothing."""
        async with stub(name) as up:
            first = SqliteLedger(tmp_path / "shared.db")
            spine = spine_on(first, up.toml("up"))
            desk = desk_of(spine)
            await leave(spine, desk, "one", "two")
            await desk.flush()
            held = held_usd(first.path)
            await first.close()
            assert held > 0
            assert held_usd(first.path) == held
            second = SqliteLedger(first.path)
            assert second.recovered.attempts == 0
            spine = spine_on(second, up.toml("up"))
            later = desk_of(spine)
            await later.open()
            batches = await leave(spine, later, "one", "two")
            assert await later.wait(batches, within_s=5.0) == batches
            assert (await again(spine, later, "two")).text == "TWO"
            assert len(up.jobs) == 1
            assert held_usd(second.path) == NOTHING
            await second.close()

    async def test_what_had_only_gathered_is_given_back(self, make_spine: MakeSpine, tmp_path: Path) -> None:
        """A process that ends before a job is sent charges nothing for it."""
        async with stub("openai") as up:
            first = SqliteLedger(tmp_path / "shared.db")
            spine = spine_on(first, up.toml("up"))
            await leave(spine, desk_of(spine), "one")
            await first.close()
            assert up.calls == []
        [row] = rows(first.path)
        assert (row["outcome"], row["cost_usd"], row["cost_basis"]) == ("lost", 0.0, "none")
        assert held_usd(first.path) == NOTHING

    async def test_a_job_that_another_process_is_sending_is_left_to_it(
        self, make_spine: MakeSpine, ledger: SqliteLedger
    ) -> None:
        """Who comes while it is being sent waits, and learns from the ledger how it went on."""
        async with stub("openai") as up:
            spine = make_spine(up.toml("up"))
            sender, other = desk_of(spine), desk_of(spine)
            batches = await leave(spine, sender, "one")
            sending, go = asyncio.Event(), asyncio.Event()
            hand_over = sender._sender._hand_over

            async def slowly(*given: Any) -> Any:
                sending.set()
                await go.wait()
                return await hand_over(*given)

            sender._sender._hand_over = slowly  # type: ignore[method-assign]
            flushing = asyncio.create_task(sender.flush())
            await sending.wait()
            await other.open()
            assert await leave(spine, other, "one") == batches
            assert await other.wait(batches, within_s=0.02) == set()
            go.set()
            await flushing
            assert await other.wait(batches, within_s=5.0) == batches
            assert (await again(spine, other, "one")).text == "ONE"
            assert len(up.jobs) == 1

    @EVERY
    async def test_two_processes_that_fetch_the_same_job_settle_it_once(
        self, make_spine: MakeSpine, ledger: SqliteLedger, name: str
    ) -> None:
        """Who comes second finds everything settled."""
        async with stub(name) as up:
            spine = make_spine(up.toml("up"))
            desk = desk_of(spine)
            batches = await leave(spine, desk, "one")
            await desk.flush()
            other = desk_of(spine)
            await other.open()
            waits = (one.wait(batches, within_s=5.0) for one in (desk, other))
            assert await asyncio.gather(*waits) == [batches, batches]
            assert (await again(spine, other, "one")).text == "ONE"
        assert [row["outcome"] for row in rows(ledger.path) if row["batch_id"]] == ["ok"]
        assert held_usd(ledger.path) == NOTHING


def test_the_stubs_cover_every_form() -> None:
    """There is a stub for each batch form."""
    from assay.dialects.batches.forms import FORMS

    assert set(STUBS) == set(FORMS) - {"openai-responses"}
    assert issubclass(STUBS["gemini"], Stub)
