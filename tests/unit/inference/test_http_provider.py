"""Hosts on loopback that speak the real OpenAI dialect, well and badly, through the real spine and ledger."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from upstreams import (
    Behave,
    Seen,
    ask,
    hang,
    held_usd,
    host,
    rows,
    settled,
    sse,
    strangers,
    stream,
    text_of_events,
    trickle,
    well,
    whole,
)

from assay.errors import (
    AssayError,
    AuthFailed,
    ConnectionFailed,
    MalformedReply,
    NoCandidate,
    Overloaded,
    ProviderFault,
    RateLimited,
    Timeout,
)
from assay.inference.spine import Spine
from assay.inference.trace import Trace
from assay.ledger.store import SqliteLedger
from assay.types import Failed, Finished, Native, Raw, Request

MakeSpine = Callable[..., Spine]

PRICED = "price_usd_per_mtok = { input = 1.0, output = 2.0 }"


def toml(url: str, more: str = PRICED, **keys: Any) -> str:
    """One hosted deployment, `up`."""
    options = {"retries": 0, "connect_timeout_s": 0.5, "idle_timeout_s": 5.0, **keys}
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in options.items())
    return f"""
        [deployments.up]
        model = "acme/big"
        dialect = "openai"
        base_url = "{url}"
        {lines}
        {more}
    """


async def fails(spine: Spine, request: Request, target: str = "up") -> AssayError:
    """The error of a request that must fail."""
    with pytest.raises(AssayError) as caught:
        await spine.answer(request, target)
    return caught.value


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class TestAnswers:
    """What goes well."""

    @pytest.mark.parametrize("streamed", [False, True])
    async def test_json_and_sse_give_the_same_answer(
        self, make_spine: MakeSpine, ledger: SqliteLedger, streamed: bool
    ) -> None:
        """One answer whether it came whole or as a stream; its cost is measured from the reported usage."""
        async with host(well) as up:
            response = await make_spine(toml(up.url)).answer(ask(stream=streamed), "up")
        assert (response.text, response.usage.input, response.usage.output) == ("hello there", 3, 2)
        [row] = rows(ledger.path)
        assert (row["outcome"], row["cost_basis"], row["sent_bytes"]) == ("ok", "measured", len(up.seen[0].body))
        assert row["cost_usd"] == pytest.approx(7e-6)
        assert up.seen[0].json["model"] == "big"
        assert held_usd(ledger.path) == 0

    async def test_stream_is_handed_on_as_it_comes(self, make_spine: MakeSpine) -> None:
        """The first event reaches the client before the host has sent the last one."""
        go = asyncio.Event()

        async def slowly(seen: Seen) -> None:
            await seen.begin()
            for data in sse("one", done=False, finish=False, usage=None):
                await seen.chunk(data)
            await asyncio.wait_for(go.wait(), 5)
            for data in sse("two")[2:]:
                await seen.chunk(data)
            await seen.chunk(b"")

        async with host(slowly) as up:
            events = []
            async for event in make_spine(toml(up.url)).generate(ask(stream=True), "up"):
                events.append(event)
                if text_of_events(events) == "one":
                    go.set()
            assert go.is_set()

    async def test_the_end_is_seen_after_the_settlement(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """When the client reads the finish, the row is settled for every reader of the file."""
        async with host(well) as up:
            async for event in make_spine(toml(up.url)).generate(ask(stream=True), "up"):
                outcome = rows(ledger.path)[0]["outcome"]
                assert outcome == "ok" if isinstance(event, Finished) else outcome in ("running", "ok")


class TestPassThrough:
    """A client's own bytes, where dialects are equal and nothing is applied."""

    RAW = '{ "model":"route",\n "messages":[ {"role":"user","content":"h\\u0069"}], "x_own" : [1,2.50], "stream":%s }'

    @pytest.mark.parametrize("streamed", [False, True])
    async def test_bytes_are_identical(self, make_spine: MakeSpine, streamed: bool) -> None:
        """Upstream's bytes reach the client as they came; only the model name of the request is changed."""
        pieces = [b": a comment\n\n", *sse("hello", " there")]
        answer = whole(x_own={"b": 1, "a": 2})

        async def exactly(seen: Seen) -> None:
            await (stream(seen, pieces) if streamed else seen.answer(answer))

        raw = self.RAW % ("true" if streamed else "false")
        raw = raw.replace('"x_own"', '"stream_options": {"include_usage": true}, "x_own"') if streamed else raw
        async with host(exactly) as up:
            request = ask(native=raw, stream=streamed, stream_usage=streamed)
            trace = Trace()
            events = [event async for event in make_spine(toml(up.url)).generate(request, "up", trace)]
        assert b"".join(e.data for e in events if isinstance(e, Raw)) == (b"".join(pieces) if streamed else answer)
        assert up.seen[0].body.decode() == raw.replace('"route"', '"big"')
        assert trace.records[0].passed_through

    async def test_not_where_the_deployment_has_a_prompt_for_the_kind(self, make_spine: MakeSpine) -> None:
        """A prompt of this kind is applied instead; another kind still passes through."""
        raw = self.RAW % "false"
        async with host(well) as up:
            spine = make_spine(toml(up.url, '[deployments.up.kinds.sql]\nsystem = "Write SQL."'))
            events = [event async for event in spine.generate(ask(native=raw, kind="sql"), "up")]
            assert not any(isinstance(event, Raw) for event in events)
            assert up.seen[0].json["messages"][0] == {"role": "system", "content": "Write SQL."}
            await spine.answer(ask(native=raw, kind="chat"), "up")
            assert up.seen[1].body.decode() == raw.replace('"route"', '"big"')

    async def test_not_from_another_dialect(self, make_spine: MakeSpine) -> None:
        """Bytes of another format are never sent."""
        async with host(well) as up:
            request = ask("typed", native="x")
            request = Request(messages=request.messages, native=Native(dialect="other", raw=b"their bytes"))
            await make_spine(toml(up.url, "")).answer(request, "up")
        assert up.seen[0].json["messages"] == [{"role": "user", "content": "typed"}]

    async def test_overridden_calls_do_not_pass_raw(self, make_spine: MakeSpine) -> None:
        """A vote changes the seed, so the client's bytes are written anew for each call."""
        async with host(well) as up:
            routes = '[routes.v]\ncandidates = ["up"]\npolicy = { kind = "vote", n = 3 }'
            events = [
                event async for event in make_spine(toml(up.url) + routes).generate(ask(native=self.RAW % "false"), "v")
            ]
        assert not any(isinstance(event, Raw) for event in events)
        assert len({seen.json["seed"] for seen in up.seen}) == 2


async def _status(seen: Seen, line: str, *headers: str, body: bytes = b'{"error": {"message": "no"}}') -> None:
    await seen.answer(body, line, *headers)


async def _malformed(seen: Seen) -> None:
    await seen.answer(b'{"choices": [')


async def _empty(seen: Seen) -> None:
    await seen.answer(b"")


async def _empty_stream(seen: Seen) -> None:
    await stream(seen, [])


async def _truncated(seen: Seen) -> None:
    await stream(seen, sse("one", "two", done=False, finish=False, usage=None))


async def _reset_first(seen: Seen) -> None:
    seen.reset()


async def _reset_later(seen: Seen) -> None:
    await seen.begin()
    await seen.chunk(b"".join(sse("one", done=False, finish=False, usage=None)))
    await asyncio.sleep(0.05)
    seen.reset()


async def _redirect(seen: Seen) -> None:
    await _status(seen, "302 Found", "location: http://127.0.0.1:1/elsewhere")


async def _busy(seen: Seen) -> None:
    await _status(seen, "429 Too Many Requests", "retry-after: 0.05")


async def _broken(seen: Seen) -> None:
    await _status(seen, "500 Internal Server Error")


async def _long_error(seen: Seen) -> None:
    await _status(seen, "503 Service Unavailable", body=b"<html>" + b"x" * 300_000)


async def _bad_key(seen: Seen) -> None:
    await _status(seen, "401 Unauthorized")


class TestFaults:
    """What goes badly has a type, a cost and the right retry."""

    @pytest.mark.parametrize(
        ("behave", "kind", "tries", "basis"),
        [
            (_busy, RateLimited, 3, "none"),
            (_broken, ProviderFault, 3, "none"),
            (_long_error, Overloaded, 3, "none"),
            (_bad_key, AuthFailed, 1, "none"),
            (_redirect, MalformedReply, 1, "none"),
            (_malformed, MalformedReply, 3, "bound"),
            (_empty, MalformedReply, 3, "bound"),
            (_empty_stream, MalformedReply, 3, "bound"),
            (_reset_first, ConnectionFailed, 3, "bound"),
        ],
        ids=lambda value: getattr(value, "__name__", str(value)).strip("_"),
    )
    async def test_before_the_first_event(
        self,
        make_spine: MakeSpine,
        ledger: SqliteLedger,
        monkeypatch: pytest.MonkeyPatch,
        behave: Behave,
        kind: type[AssayError],
        tries: int,
        basis: str,
    ) -> None:
        """The typed error is raised; what may heal is retried, each try a row; an error answer costs nothing."""
        monkeypatch.setattr("assay.routing.retry.FIRST_DELAY_S", 0.01)
        async with host(behave) as up:
            error = await fails(make_spine(toml(up.url, retries=2)), ask(stream=behave is _empty_stream))
        assert type(error) is kind
        found = rows(ledger.path)
        assert len(found) == len(up.seen) == tries
        assert {row["cost_basis"] for row in found} == {basis}
        assert [row["sent_bytes"] for row in found] == [len(seen.body) for seen in up.seen]
        for row in found:
            assert row["cost_usd"] == (row["reserved_usd"] if basis == "bound" else 0)
        assert held_usd(ledger.path) == 0

    @pytest.mark.parametrize("behave", [_truncated, _reset_later])
    async def test_after_the_first_event(self, make_spine: MakeSpine, ledger: SqliteLedger, behave: Behave) -> None:
        """A stream that breaks ends with `Failed`, is neither tried again nor continued, and costs the bound."""
        async with host(behave) as up, host(well) as spare:
            more = toml(spare.url).replace("deployments.up", "deployments.spare")
            routes = '[routes.r]\ncandidates = ["up", "spare"]'
            spine = make_spine(toml(up.url, retries=2) + more + routes)
            events = [event async for event in spine.generate(ask(stream=True), "r")]
            assert isinstance(events[-1], Failed)
            assert sum(isinstance(event, Failed) for event in events) == 1
            assert "there" not in text_of_events(events)
            assert not any(isinstance(event, Finished) for event in events)
            assert (len(up.seen), len(spare.seen)) == (1, 0)
        [row] = rows(ledger.path)
        assert (row["outcome"], row["cost_basis"]) == ("error", "bound")
        assert row["cost_usd"] == row["reserved_usd"]

    async def test_refused_connection_costs_nothing(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """Where nobody listens nothing was sent: 0 bytes, no cost, a fault that may heal."""
        error = await fails(make_spine(toml(f"http://127.0.0.1:{free_port()}/v1")), ask())
        assert isinstance(error, ConnectionFailed)
        assert error.retryable
        [row] = rows(ledger.path)
        assert (row["sent_bytes"], row["cost_basis"], row["cost_usd"]) == (0, "none", 0)
        assert held_usd(ledger.path) == 0

    async def test_hang_at_connect(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """A port that swallows connections ends in Timeout after `connect_timeout_s`, with nothing sent."""
        full = socket.socket()
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = []
        for _ in range(4):  # the backlog of 0 takes one or two, the rest wait for ever
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
            fillers.append(filler)
        await asyncio.sleep(0.05)
        try:
            started = time.monotonic()
            error = await fails(make_spine(toml(f"http://127.0.0.1:{full.getsockname()[1]}/v1")), ask())
            assert 0.4 < time.monotonic() - started < 1.0
        finally:
            for one in (full, *fillers):
                one.close()
        assert isinstance(error, Timeout)
        [row] = rows(ledger.path)
        assert (row["sent_bytes"], row["cost_basis"]) == (0, "none")

    @pytest.mark.parametrize("behave", [hang, trickle])
    @pytest.mark.parametrize("by", ["idle", "deadline"])
    async def test_hang_at_head_and_body(
        self, make_spine: MakeSpine, ledger: SqliteLedger, behave: Behave, by: str
    ) -> None:
        """Silence is cut by the idle limit or the deadline, whichever comes first; the host sees the line go dead."""
        before = asyncio.all_tasks()
        async with host(behave) as up:
            request = ask(stream=True, deadline_s=0.3 if by == "deadline" else None)
            spine = make_spine(toml(up.url, idle_timeout_s=0.3 if by == "idle" else 5.0))
            started = time.monotonic()
            error = await fails(spine, request)
            assert 0.25 < time.monotonic() - started < 0.5
            assert isinstance(error, Timeout)
            await asyncio.sleep(0.05)
            assert up.seen[0].gone_at is not None
        [row] = await settled(ledger.path)
        assert (row["error"], row["cost_basis"]) == ("Timeout", "bound")
        await spine.close()
        assert not strangers(before)

    async def test_a_host_that_does_not_read(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """A large request to a host that stops reading is cut at the deadline, too."""
        enough = asyncio.Event()

        async def deaf(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            await enough.wait()
            writer.transport.abort()

        server = await asyncio.start_server(deaf, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        started = time.monotonic()
        error = await fails(make_spine(toml(f"http://127.0.0.1:{port}/v1")), ask("x" * 30_000_000, deadline_s=0.8))
        assert time.monotonic() - started < 1.0 + 0.3
        assert isinstance(error, Timeout)
        enough.set()
        await asyncio.sleep(0.05)
        server.close()
        [row] = await settled(ledger.path)
        assert 0 < row["sent_bytes"] < 30_000_000
        assert row["cost_basis"] == "bound"

    async def test_huge_body(
        self, make_spine: MakeSpine, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An answer beyond the limit is not read to its end, and not asked for again."""
        monkeypatch.setattr("assay.providers.http_call.MAX_REPLY_BYTES", 100_000)
        async with host(lambda seen: seen.answer(whole("x" * 10_000_000))) as up:
            error = await fails(make_spine(toml(up.url, retries=2)), ask())
            assert isinstance(error, MalformedReply)
            assert "100000 bytes" in str(error)
            assert len(up.seen) == 1
        assert rows(ledger.path)[0]["cost_basis"] == "bound"

    async def test_large_request(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """A request of several megabytes arrives whole and is counted to the byte."""
        async with host(well) as up:
            await make_spine(toml(up.url)).answer(ask("ä" * 2_000_000), "up")
        assert up.seen[0].json["messages"][0]["content"] == "ä" * 2_000_000
        assert rows(ledger.path)[0]["sent_bytes"] == len(up.seen[0].body) > 4_000_000

    async def test_retry_after_is_waited_for(self, make_spine: MakeSpine) -> None:
        """A host that asks for a pause is asked again after it, not before."""
        times: list[float] = []

        async def once_busy(seen: Seen) -> None:
            times.append(time.monotonic())
            await (_status(seen, "429 Too Many", "retry-after: 0.5") if len(times) == 1 else well(seen))

        async with host(once_busy) as up:
            assert (await make_spine(toml(up.url, retries=1)).answer(ask(), "up")).text == "hello there"
        assert 0.5 <= times[1] - times[0] < 0.8

    async def test_missing_key(
        self, make_spine: MakeSpine, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without its key a deployment is removed with that reason; the provider fails closed as well."""
        monkeypatch.delenv("NO_SUCH_KEY", raising=False)
        async with host(well) as up:
            spine = make_spine(toml(up.url, api_key_env="NO_SUCH_KEY"))
            error = await fails(spine, ask())
            assert isinstance(error, NoCandidate)
            assert "NO_SUCH_KEY" in str(error)
            monkeypatch.setattr("assay.inference.targets.unfit", lambda *_, **__: None)
            error = await fails(spine, ask())
            assert isinstance(error, AuthFailed)
            assert up.received_bytes == 0
            monkeypatch.setenv("NO_SUCH_KEY", " secret\n")
            await spine.answer(ask(), "up")
            assert b"bearer secret\r\n" in up.seen[0].head.lower()
        first = rows(ledger.path)[0]
        assert (first["error"], first["sent_bytes"], first["cost_basis"]) == ("AuthFailed", 0, "none")

    async def test_a_key_that_changes(self, make_spine: MakeSpine, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each request has the key as it is then, though all else of its head is the same."""
        async with host(well) as up:
            spine = make_spine(toml(up.url, api_key_env="SOME_KEY"))
            for key in ("one", "one", "other"):
                monkeypatch.setenv("SOME_KEY", key)
                await spine.answer(ask(), "up")
                assert f"bearer {key}\r\n".encode() in up.seen[-1].head.lower()
            monkeypatch.delenv("SOME_KEY")
            assert isinstance(await fails(spine, ask()), NoCandidate)
            assert len(up.seen) == 3

    @pytest.mark.parametrize("status", [400, 429, 500])
    async def test_a_key_that_a_host_repeats_goes_no_further(
        self, make_spine: MakeSpine, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch, status: int
    ) -> None:
        """Neither the client nor the ledger is told the key in the words of the host's error."""
        monkeypatch.setenv("SOME_KEY", "sk-very-secret")
        body = b'{"error": {"message": "no use for sk-very-secret here"}}'
        async with host(lambda seen: seen.answer(body, status=status)) as up:
            error = await fails(make_spine(toml(up.url, api_key_env="SOME_KEY")), ask())
        [row] = rows(ledger.path)
        assert "no use for [secret] here" in str(error)
        assert "sk-very-secret" not in repr((vars(error), error.args, dict(row)))

    @pytest.mark.parametrize("native", ["false", "true", None], ids=["raw whole", "raw stream", "read"])
    async def test_nor_does_it_inside_an_answer(
        self, make_spine: MakeSpine, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch, native: str | None
    ) -> None:
        """Also under status 200, read or passed through, whole or streamed; a configured header is a key as well."""
        monkeypatch.setenv("SOME_KEY", "sk-very-secret")
        error = b'{"error": {"message": "no use for sk-very-secret and cookie-1234 here"}}'

        async def behave(seen: Seen) -> None:
            await (stream(seen, [b"data: " + error + b"\n\n"]) if seen.json.get("stream") else seen.answer(error))

        async with host(behave) as up:
            config = toml(up.url, api_key_env="SOME_KEY") + '\nheaders = { x-session-token = "cookie-1234" }\n'
            request = ask(native=TestPassThrough.RAW % native) if native else ask(stream=True)
            seen: list[object] = []
            request = msgspec.structs.replace(request, stream=native != "false")
            with suppress(AssayError):
                async for event in make_spine(config).generate(request, "up"):
                    seen.append(event)
        [row] = rows(ledger.path)
        assert "no use for [secret] and [secret] here" in repr((seen, dict(row)))
        assert "sk-very-secret" not in repr((seen, dict(row)))
        assert "cookie-1234" not in repr((seen, dict(row)))


class TestMoney:
    """What a call costs is known, bounded, or said to be unknown."""

    async def test_usage_beyond_the_bound_is_charged_at_the_bound(
        self, make_spine: MakeSpine, ledger: SqliteLedger
    ) -> None:
        """A host that reports more tokens than there can be is charged what was reserved, marked as bound."""
        lies = {"prompt_tokens": 10_000_000, "completion_tokens": 10_000_000, "total_tokens": 20_000_000}
        async with host(lambda seen: seen.answer(whole(usage=lies))) as up:
            await make_spine(toml(up.url)).answer(ask(), "up")
        [row] = rows(ledger.path)
        assert (row["cost_basis"], row["cost_usd"]) == ("bound", row["reserved_usd"])
        assert row["reserved_usd"] < 0.01

    @pytest.mark.parametrize("count", [-5, 1 << 63, 10**30])
    async def test_a_usage_that_is_no_count_is_the_bound(
        self, make_spine: MakeSpine, ledger: SqliteLedger, count: int
    ) -> None:
        """A number that no ledger can hold, or less than none, fails no request and leaves no money held."""
        lies = {"prompt_tokens": count, "completion_tokens": count, "total_tokens": count}
        async with host(lambda seen: seen.answer(whole(usage=lies))) as up:
            await make_spine(toml(up.url)).answer(ask(), "up")
        [row] = rows(ledger.path)
        assert (row["outcome"], row["cost_basis"], row["cost_usd"]) == ("ok", "bound", row["reserved_usd"])

    async def test_no_usage_is_the_bound(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """An answer without usage costs the bound."""
        async with host(lambda seen: seen.answer(whole(usage=None))) as up:
            await make_spine(toml(up.url)).answer(ask(), "up")
        [row] = rows(ledger.path)
        assert (row["cost_basis"], row["cost_usd"]) == ("bound", row["reserved_usd"])

    async def test_unknown_price_is_unknown_and_never_zero(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """Without a price, cost is NULL and its basis says so, in attempt and request."""
        async with host(well) as up:
            trace = Trace()
            await make_spine(toml(up.url, "")).answer(ask(), "up", trace)
        [row] = rows(ledger.path)
        assert (row["cost_usd"], row["cost_basis"]) == (None, "unknown")
        assert trace.cost == (None, "unknown")
        [request] = rows(ledger.path, "select * from requests")
        assert (request["cost_usd"], request["cost_basis"]) == (None, "unknown")

    async def test_unknown_price_under_a_budget_is_refused(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """With a budget, a call that nothing bounds is refused before anything is sent, unless it is allowed."""
        budget = "[constraints]\nusd_per_month = 5.0\n"
        async with host(well) as up:
            error = await fails(make_spine(toml(up.url, "") + budget), ask())
            assert "price of this call is not known; give the deployment a price_usd_per_mtok; " in str(error)
            assert 'unknown_price = "allow"' in str(error)
            no_limit = Request(messages=ask().messages)
            error = await fails(make_spine(toml(up.url) + budget), no_limit)
            assert "max_tokens of this call is not known; ask with a max_tokens" in str(error)
            assert "price" not in str(error).split("constraints.")[0]
            assert up.received_bytes == 0
            assert not rows(ledger.path)
            allowed = make_spine(toml(up.url, "") + budget + 'unknown_price = "allow"')
            assert (await allowed.answer(ask(), "up")).text == "hello there"

    async def test_budget_is_never_exceeded(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """40 requests at once under a budget for a few: spent stays within it, nothing stays held."""
        async with host(well) as up:
            spine = make_spine(toml(up.url, concurrency=40) + "[constraints]\nusd_per_month = 0.001")
            results = await asyncio.gather(
                *(spine.answer(ask(f"n{n}"), "up") for n in range(40)), return_exceptions=True
            )
        refused = [result for result in results if isinstance(result, Exception)]
        assert {type(error).__name__ for error in refused} <= {"BudgetExceeded"}
        assert len(up.seen) == len(rows(ledger.path)) == 40 - len(refused)
        [spend] = rows(ledger.path, "select * from spend")
        assert spend["settled_pico"] <= 0.001 * 1e12
        assert held_usd(ledger.path) == 0

    async def test_exhausted_budget_names_the_figures(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """Where not even one call fits, the refusal comes soon and says how much was needed and is left."""
        async with host(well) as up:
            spine = make_spine(toml(up.url) + "[constraints]\nusd_per_month = 0.00001")
            error = await fails(spine, ask())
            assert type(error).__name__ == "BudgetExceeded"
            assert "1.0e-05 USD" in str(error)
            assert up.received_bytes == 0
        assert not rows(ledger.path)


class TestConnections:
    """One pool, nothing shared but sockets."""

    async def test_cookies_are_not_kept(self, make_spine: MakeSpine) -> None:
        """What a host sets for one request is not sent with the next."""

        async def cookie(seen: Seen) -> None:
            await seen.answer(whole(), "200 OK", "set-cookie: who=me; path=/")

        async with host(cookie) as up:
            url = up.url.replace("127.0.0.1", "localhost")
            spine = make_spine(toml(url))
            await spine.answer(ask(), "up")
            await spine.answer(ask(), "up")
        assert b"cookie" not in up.seen[1].head.lower()
        assert up.connections == 1

    async def test_cancelled_stream_hangs_up(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """Closing the generator in the middle closes the connection at once; the row is `cancelled` at the bound."""
        before = asyncio.all_tasks()
        async with host(trickle) as up:
            spine = make_spine(toml(up.url))
            events = spine.generate(ask(stream=True), "up")
            async for event in events:
                if text_of_events([event]):
                    break
            closed = time.monotonic()
            await events.aclose()
            await asyncio.sleep(0.05)
            gone = up.seen[0].gone_at
            assert gone is not None
            assert gone - closed < 0.05
        [row] = await settled(ledger.path)
        assert (row["outcome"], row["cost_basis"], row["cost_usd"]) == ("cancelled", "bound", row["reserved_usd"])
        assert held_usd(ledger.path) == 0
        await spine.close()
        assert not strangers(before)
