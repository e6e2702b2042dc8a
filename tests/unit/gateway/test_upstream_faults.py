"""Every fault of an upstream, at each stage, through the whole gateway: what clients of three formats see.

Whole answers and streams alike: an error before the first piece of the answer has a status and a body of the client's
own form; after it, the stream ends with an error event of that form and without the end of a good one.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from clients import CHAT, CLIENTS, MESSAGES, Client, Seen, by_form, chunk, chunks, gateway, whole

from assay.gateway.visit import Visit
from assay.inference.attempt import Attempt
from assay.inference.spine import Spine
from assay.ledger.store import SqliteLedger
from assay.providers.http1.connection import Connection
from assay.providers.http_call import HttpCall
from assay.providers.transport import Reply
from assay.types import Request
from faults import Answer, FaultyHost, busy, event

MakeSpine = Callable[..., Spine]
IDLE_S = 0.3
"""The deadline of what hangs; everything else has `LONG_S`, for a busy machine is no fault of a host."""
LONG_S = 30
ERROR = '{"error": {"message": "the model fell over", "type": "server_error", "code": null}}'


def toml(url: str, name: str = "up", **more: Any) -> str:
    """A deployment at a host that is tried once."""
    keys = {"connect_timeout_s": LONG_S, "idle_timeout_s": LONG_S, "retries": 0, **more}
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in keys.items())
    return (
        f'[deployments.{name}]\nmodel = "x/{name}"\ndialect = "openai"\nbase_url = "{url}"\n{lines}\n'
        "breaker = { failures = 1000 }\n"
    )


class Fault(NamedTuple):
    """What goes wrong for a whole answer and for a stream, and what a client sees of it.

    Attributes:
        status: of an error before the first piece.
        words: in its message.
        cut: the stream's error comes after `one two`, as an event.
        headed: it comes after the stream's head, which goes on at once to clients whose format passes.
    """

    one: Answer
    stream: Answer
    status: int
    words: str = ""
    cut: bool = False
    headed: bool = False


def alike(answer: Answer, status: int, words: str = "") -> Fault:
    """The same for both forms."""
    return Fault(answer, answer, status, words)


def at(stage: Any, how: Any, status: int, words: str = "") -> Fault:
    """An answer that stops before its body."""
    return Fault(Answer(body=whole(), stop=stage, how=how), Answer(events=chunks(), stop=stage, how=how), status, words)


def inside(how: Any, status: int, words: str = "") -> Fault:
    """An answer that stops in its middle: after 40 bytes, or three events."""
    return Fault(
        Answer(body=whole(), stop=40, how=how), Answer(events=chunks(), stop=3, how=how), status, words, cut=True
    )


def stream_of(*events: bytes) -> Answer:
    """A stream of these events that ends well at the level of HTTP."""
    return Answer(events=list(events))


HEAD, ONE, TWO, *_ = chunks()
FAULTS = {
    "reset when accepted": at("accept", "reset", 502),
    "closed when accepted": at("accept", "close", 502),
    "hangs when accepted": at("accept", "hang", 504),
    "reset after the request": at("request", "reset", 502),
    "closed after the request": at("request", "close", 502),
    "hangs after the request": at("request", "hang", 504),
    "reset inside the head": at("status", "reset", 502),
    "closed inside the head": at("status", "close", 502),
    "hangs inside the head": at("status", "hang", 504),
    "reset after the head": at("head", "reset", 502),
    "closed after the head": at("head", "close", 502),
    "hangs after the head": at("head", "hang", 504, "nothing came"),
    "reset inside the body": inside("reset", 502),
    "closed inside the body": inside("close", 502),
    "hangs inside the body": inside("hang", 504, "nothing came"),
    "400": alike(Answer(status=400, body=ERROR.encode()), 400, "the model fell over"),
    "401": alike(Answer(status=401, body=b'{"error": {"message": "key sk-secret"}}'), 502, "could not authenticate"),
    "403": alike(Answer(status=403, body=ERROR.encode()), 502, "could not authenticate"),
    "404": alike(Answer(status=404, body=ERROR.encode()), 404, "the model fell over"),
    "408": alike(Answer(status=408, body=ERROR.encode()), 504),
    "422": alike(Answer(status=422, body=b'{"detail": "wrong type"}'), 422, "wrong type"),
    "500": alike(Answer(status=500, body=ERROR.encode()), 502, "the model fell over"),
    "500 without JSON": alike(Answer(status=500, body=b"<html>oops</html>"), 502, "oops"),
    "500 without a body": alike(Answer(status=500, body=b""), 502),
    "502": alike(Answer(status=502, body=ERROR.encode()), 502),
    "503": alike(Answer(status=503, body=ERROR.encode()), 503),
    "529": alike(Answer(status=529, body=ERROR.encode()), 503),
    "an error that is cut": alike(Answer(status=500, body=ERROR.encode(), stop=20, how="close"), 502),
    "a redirect": alike(Answer(status=302, headers={"location": "http://127.0.0.1:1/"}), 502, "redirect"),
    "no JSON": Fault(Answer(body=b"{oops"), stream_of(HEAD, ONE, TWO, event("{oops")), 502, "not JSON", cut=True),
    "no JSON in one piece with text": Fault(
        Answer(body=b"{oops"), stream_of(HEAD, b"".join((ONE, TWO, event("{oops")))), 502, "not JSON", cut=True
    ),
    "no choices": Fault(Answer(body=b"{}"), stream_of(HEAD, ONE, TWO), 502, cut=True),
    "an empty body": Fault(Answer(body=b""), stream_of(), 502),
    "a stream without its end": Fault(Answer(body=b"[1]"), stream_of(HEAD, ONE, TWO), 502, cut=True),
    "a stream cut inside an event": Fault(
        Answer(body=whole()[:-9]), stream_of(HEAD, ONE, TWO, b'data: {"id": "up-1", "cho'), 502, cut=True
    ),
    "an error event inside a stream": Fault(
        Answer(body=ERROR.encode()), stream_of(HEAD, ONE, TWO, event(ERROR)), 502, "the model fell over", cut=True
    ),
    "an error event in one piece with text": Fault(
        Answer(body=ERROR.encode()), stream_of(HEAD, b"".join((ONE, TWO, event(ERROR)))), 502, "fell over", cut=True
    ),
    "an error event before any text": Fault(
        Answer(body=ERROR.encode()), stream_of(HEAD, event(ERROR)), 502, "fell", headed=True
    ),
    "gzip that is none": alike(
        Answer(raw=b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\noops"), 502
    ),
    "two lengths": alike(Answer(raw=b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}"), 502),
    "no HTTP": alike(Answer(raw=b"hello\r\n\r\n", keep=False), 502),
}  # fmt: skip


def check(seen: Seen, fault: Fault, *, stream: bool, client: Client) -> None:
    """That a client saw what it must see."""
    place = f"{client.name}, {'stream' if stream else 'whole'}: {seen}"
    assert seen.error is not None, place
    assert not seen.ended, place
    _, message = seen.error
    assert fault.words.lower() in message.lower(), place
    assert "sk-secret" not in message, place
    if stream and fault.cut:
        assert (seen.status, seen.text) == (200, "one two"), place
        assert seen.headers["content-type"].startswith("text/event-stream"), place
    elif stream and fault.headed and client is CHAT and seen.status == 200:  # else both came in one piece
        assert seen.text == "", place
    else:
        # Overload has a status of its own in Anthropic's format.
        expected = 529 if client is MESSAGES and fault.status == 503 else fault.status
        assert (seen.status, seen.text) == (expected, ""), place
        assert seen.headers["x-assay-tried"].startswith("up="), place


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_what_clients_see(fault: Fault, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """A typed error with its status, or an error event as the last one; the attempt is settled, nothing stays held."""
    async with FaultyHost(by_form(fault.one, fault.stream)) as host:
        if fault.one.stop == "accept":  # such a host reads nothing, so it cannot tell what was asked for
            host.answer(fault.one)
        hangs = "hang" in (fault.one.how, fault.stream.how)
        async with gateway(make_spine(toml(host.url, idle_timeout_s=IDLE_S if hangs else LONG_S))) as url:
            cases = [(client, stream) for client in CLIENTS for stream in (False, True)]
            seen = await asyncio.gather(*(client.ask(url, stream=stream) for client, stream in cases))
        for (client, stream), one in zip(cases, seen, strict=True):
            check(one, fault, stream=stream, client=client)
        rows = await ledger.attempts()
        assert [row["outcome"] for row in rows] == ["error"] * len(cases)
        assert (await ledger.spent()).held_usd == 0
        assert host.open_connections <= len(cases)


SOON = {name: fault for name, fault in FAULTS.items() if "hangs" not in name}


@pytest.mark.parametrize("fault", [None, *SOON.values()], ids=["answered", *SOON])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_nothing_is_left_to_the_collector(stream: bool, fault: Fault | None, make_spine: MakeSpine) -> None:
    """A request and its connection are free when they have ended, in whatever way: cycles are looked for rarely."""
    answer = by_form(Answer(body=whole()), stream_of(*chunks())) if fault is None else by_form(fault.one, fault.stream)
    held = (Attempt, HttpCall, Reply, Request, Visit)
    async with FaultyHost(answer) as host, gateway(make_spine(toml(host.url))) as url:
        if fault is not None and fault.one.stop == "accept":
            host.answer(fault.one)
        await CHAT.ask(url, stream=stream)
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                await CHAT.ask(url, stream=stream)
            await asyncio.sleep(0.05)
            left = gc.get_objects()
            assert not [one for one in left if isinstance(one, held)]
            assert len([one for one in left if isinstance(one, Connection)]) <= 1  # it lies idle
        finally:
            gc.enable()


@pytest.mark.parametrize(("connects", "status"), [("refuses", 502), ("hangs", 504)])
async def test_no_connection(connects: Any, status: int, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """Refused, or never taken: told with the limit that was reached; nothing was sent, so nothing is charged."""
    async with (
        FaultyHost(connects=connects) as host,
        gateway(make_spine(toml(host.url, connect_timeout_s=IDLE_S))) as url,
    ):
        cases = [(client, stream) for client in CLIENTS for stream in (False, True)]
        seen = await asyncio.gather(*(client.ask(url, stream=stream) for client, stream in cases))
    assert [(one.status, one.error is not None) for one in seen] == [(status, True)] * len(cases)
    assert {(row["sent_bytes"], row["cost_basis"]) for row in await ledger.attempts()} == {(0, "none")}


@pytest.mark.parametrize(
    ("asked", "longest_s"), [({"seconds": 7}, 7), ({"seconds": 0.3}, 1), ({"ms": 1500}, 2), ({"date_in_s": 9}, 10)]
)
async def test_retry_after_survives(asked: dict[str, Any], longest_s: int, make_spine: MakeSpine) -> None:
    """Seconds, milliseconds or a date: a client of any format is told 429 and how long to wait, in whole seconds."""
    for client in CLIENTS:
        for stream in (False, True):
            async with FaultyHost(busy(**asked)) as host, gateway(make_spine(toml(host.url))) as url:
                seen = await client.ask(url, stream=stream)
            assert seen.status == 429
            assert longest_s - 2 <= int(seen.headers["retry-after"]) <= longest_s
            assert int(seen.headers["retry-after-ms"]) > 0
            assert seen.error is not None


GOOD = {
    "LF": stream_of(*chunks()),
    "CRLF": stream_of(*chunks(newline="\r\n")),
    "CR": stream_of(*chunks(newline="\r")),
    "byte by byte": Answer(events=chunks(), piece_bytes=1),
    "CRLF byte by byte": Answer(events=chunks(newline="\r\n"), piece_bytes=1),
    "all in one piece": stream_of(b"".join(chunks())),
    "gzip": Answer(events=chunks(), encoding="gzip"),
    "gzip byte by byte": Answer(events=chunks(), encoding="gzip", piece_bytes=1),
    "deflate": Answer(events=chunks(), encoding="deflate"),
    "comments": stream_of(b": warming up\n\n", *chunks()[:2], b": still here\n\n", *chunks()[2:]),
    "until the connection closes": Answer(events=chunks(), framing="close"),
    "the word error": stream_of(HEAD, b"".join(chunks()[1:3]), chunks()[3], event(chunk({"error": None}, "stop"), "x"),
        event("[DONE]")),
    "not as a stream": Answer(body=whole()),
}  # fmt: skip


@pytest.mark.parametrize("stream", GOOD.values(), ids=GOOD.keys())
async def test_odd_but_right_answers_are_answers(stream: Answer, make_spine: MakeSpine) -> None:
    """Line ends, pieces, compression, comments, framing: the text arrives whole and the stream ends well."""
    one = Answer(body=whole(), encoding=stream.encoding, piece_bytes=stream.piece_bytes, framing=stream.framing)
    async with FaultyHost(by_form(one, stream)) as host, gateway(make_spine(toml(host.url))) as url:
        for client in CLIENTS:
            for streamed in (False, True):
                seen = await client.ask(url, stream=streamed)
                assert (seen.status, seen.text, seen.error, seen.ended) == (200, "one two three", None, True), client
    assert len(host.received) == 6


class TestLarge:
    """Replies of 100 MB: refused without being kept."""

    ENDLESS = 100_000_000

    @pytest.mark.parametrize(
        ("client", "answer", "stream"),
        [
            (CHAT, Answer(body=whole(), padding_bytes=ENDLESS), False),
            (CHAT, Answer(padding_bytes=ENDLESS, headers={"content-type": "text/event-stream"}), True),
            (MESSAGES, Answer(padding_bytes=ENDLESS, headers={"content-type": "text/event-stream"}), True),
            (MESSAGES, Answer(status=500, body=ERROR.encode(), padding_bytes=ENDLESS), False),
        ],
        ids=["whole", "one event, passed through", "one event", "error"],
    )
    async def test_a_reply_without_end(
        self, client: Client, answer: Answer, stream: bool, make_spine: MakeSpine
    ) -> None:
        """An error that says so, and the connection is left before the rest has come."""
        async with FaultyHost(answer) as host, gateway(make_spine(toml(host.url, idle_timeout_s=5))) as url:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            seen = await client.ask(url, stream=stream)
            grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            await host.gone(0)
        assert seen.status == 502
        assert seen.error is not None
        assert "larger than" in seen.error[1] or answer.status == 500
        assert grown_mb < 220

    async def test_a_stream_without_end(self, make_spine: MakeSpine) -> None:
        """Text that never stops is cut at the bound, with an error event; each client got what came before."""
        big = event(chunk({"content": "x" * 60_000}))
        answer = Answer(events=[HEAD, *[big] * 1700])
        async with FaultyHost(answer) as host, gateway(make_spine(toml(host.url, idle_timeout_s=5))) as url:
            seen = await CHAT.ask(url, stream=True)
            await host.gone(0)
        assert seen.error is not None
        assert "larger than" in seen.error[1]
        assert not seen.ended
        assert 50_000_000 < len(seen.text) < 70_000_000


class TestMany:
    """Several attempts at several hosts."""

    def route(self, *hosts: FaultyHost, **more: Any) -> str:
        """A fallback route `r` over deployments `d0`, `d1`, ..."""
        names = [f"d{number}" for number in range(len(hosts))]
        made = "".join(toml(host.url, name, **more) for name, host in zip(names, hosts, strict=True))
        return made + f"[routes.r]\ncandidates = {json.dumps(names)}\n"

    async def test_a_fault_before_the_first_piece_is_never_seen(self, make_spine: MakeSpine) -> None:
        """The next candidate answers; headers say who, why and after which attempts."""
        async with (
            FaultyHost(Answer(status=529)) as bad,
            FaultyHost(by_form(Answer(body=whole()), stream_of(*chunks()))) as good,
            gateway(make_spine(self.route(bad, good))) as url,
        ):
            for client in CLIENTS:
                for stream in (False, True):
                    seen = await client.ask(url, stream=stream, model="r")
                    assert (seen.text, seen.ended) == ("one two three", True)
                    told = {name.removeprefix("x-assay-"): value for name, value in seen.headers.items()}
                    assert (told["route"], told["deployment"], told["model"]) == ("r", "d1", "x/d1")
                    assert told["reason"] == "fallback: d0 failed with Overloaded (529)"
                    assert told["attempts"] == "2"
                    assert told["tried"].startswith("d0=Overloaded (529), d1=")

    async def test_when_all_fail_the_last_error_is_told(self, make_spine: MakeSpine) -> None:
        """With its status and retry-after; the header lists what was tried."""
        async with (
            FaultyHost(Answer(status=500)) as first,
            FaultyHost(busy(5)) as second,
            gateway(make_spine(self.route(first, second))) as url,
        ):
            for client in CLIENTS:
                seen = await client.ask(url, stream=True, model="r")
                assert seen.status in (429, 502)  # the second one pauses after the first client
                assert "d0=ProviderFault (500)" in seen.headers["x-assay-tried"]
            assert len(second.received) == 1

    @pytest.mark.parametrize("stream", [False, True])
    async def test_a_retry_after_is_honoured(self, stream: bool, make_spine: MakeSpine) -> None:
        """The same host is asked again when it wants to be asked, and the client sees only the answer."""
        async with (
            FaultyHost(busy(ms=120), by_form(Answer(body=whole()), stream_of(*chunks()))) as host,
            gateway(make_spine(toml(host.url, retries=1))) as url,
        ):
            began = asyncio.get_running_loop().time()
            seen = await CHAT.ask(url, stream=stream)
            assert asyncio.get_running_loop().time() - began >= 0.12
        assert seen.text == "one two three"
        assert seen.headers["x-assay-reason"] == "the only choice; retry 1 after RateLimited (429)"
        assert len(host.received) == 2

    async def test_who_is_left_alone_is_told_with_its_time(self, make_spine: MakeSpine) -> None:
        """An open breaker: clients of every format get an overload with retry-after, at once and without a call."""
        async with FaultyHost(Answer(status=500)) as host:
            spine = make_spine(toml(host.url).replace("failures = 1000", "failures = 1, open_s = 30"))
            async with gateway(spine) as url:
                await CHAT.ask(url, stream=False)
                for client in CLIENTS:
                    for stream in (False, True):
                        seen = await client.ask(url, stream=stream)
                        assert seen.status in (503, 529)
                        assert 25 <= int(seen.headers["retry-after"]) <= 30
                        assert seen.headers["x-assay-tried"] == "up=Overloaded (left alone)"
                        assert seen.error is not None
                        assert "1 in a row failed, the last with ProviderFault (500)" in seen.error[1]
            assert len(host.received) == 1

    async def test_nothing_is_repeated_after_the_first_piece(self, make_spine: MakeSpine) -> None:
        """A cut stream is told as such, whatever retries and fallbacks there are."""
        cut = Answer(events=chunks(), stop=3, how="close")
        async with (
            FaultyHost(by_form(Answer(), cut)) as host,
            FaultyHost() as other,
            gateway(make_spine(self.route(host, other, retries=3))) as url,
        ):
            for client in CLIENTS:
                seen = await client.ask(url, stream=True, model="r")
                assert (seen.text, seen.ended, seen.error is not None) == ("one two", False, True)
            assert (len(host.received), len(other.received)) == (3, 0)

    async def test_a_hedge_leaves_who_begins_later(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """The first to begin is streamed to its end; the other one's host is left at once, and charged at its bound."""
        async with (
            FaultyHost(Answer(stop="request", how="hang")) as slow,
            FaultyHost(by_form(Answer(body=whole()), Answer(events=chunks(), pause_s=0.01))) as quick,
        ):
            priced = "price_usd_per_mtok = { input = 1.0, output = 2.0 }\nsettings = { max_tokens = 9 }\nbreaker ="
            config = self.route(slow, quick, idle_timeout_s=5).replace("breaker =", priced)
            hedge = 'policy = { kind = "hedge", after_s = 0.02 }\n'
            async with gateway(make_spine(config + hedge)) as url:
                for client in CLIENTS:
                    seen = await client.ask(url, stream=True, model="r")
                    assert (seen.text, seen.ended) == ("one two three", True)
                    assert seen.headers["x-assay-reason"] == "hedge: first to begin, started 0.02 s later"
                    await slow.gone(-1)
            by_name = {(row["deployment"], row["outcome"], row["cost_basis"]) for row in await ledger.attempts()}
        assert by_name == {("d0", "cancelled", "bound"), ("d1", "ok", "bound")}  # it told no usage

    async def test_a_whole_answer_that_breaks_off_is_asked_for_again(self, make_spine: MakeSpine) -> None:
        """Who wants no stream has had nothing of it: the next candidate answers."""
        async with (
            FaultyHost(Answer(body=whole(), stop=40, how="reset")) as bad,
            FaultyHost(Answer(body=whole())) as good,
            gateway(make_spine(self.route(bad, good))) as url,
        ):
            assert (await CHAT.ask(url, stream=False, model="r")).text == "one two three"


class TestSDKs:
    """The official clients raise; they never take a cut answer for a whole one."""

    CUTS: tuple[Answer, ...] = (
        Answer(events=chunks(), stop=3, how="close"),
        stream_of(HEAD, ONE, TWO, b'data: {"id": "up'),
        stream_of(HEAD, ONE, TWO, event(ERROR)),
    )

    @pytest.mark.parametrize("cut", CUTS, ids=["closed", "inside an event", "error event"])
    async def test_openai_chat(self, cut: Answer, make_spine: MakeSpine) -> None:
        """`chat.completions.create(stream=True)`."""
        import openai

        async with (
            FaultyHost(cut) as host,
            gateway(make_spine(toml(host.url))) as url,
            openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client,
        ):
            asked = [{"role": "user", "content": "hi"}]
            stream = await client.chat.completions.create(model="up", messages=asked, stream=True)  # type: ignore[call-overload]
            with pytest.raises(openai.APIError):
                async for _ in stream:
                    pass

    @pytest.mark.parametrize("cut", CUTS, ids=["closed", "inside an event", "error event"])
    async def test_openai_responses(self, cut: Answer, make_spine: MakeSpine) -> None:
        """`responses.create(stream=True)`: raises, or its last event is a failure; `response.completed` never comes."""
        import openai

        kinds: list[str] = []
        async with (
            FaultyHost(cut) as host,
            gateway(make_spine(toml(host.url))) as url,
            openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client,
        ):
            stream = await client.responses.create(model="up", input="hi", stream=True)
            try:
                async for one in stream:
                    kinds.append(one.type)
            except openai.APIError:
                kinds.append("error")
        assert kinds[-1] in ("error", "response.failed")
        assert "response.completed" not in kinds

    @pytest.mark.parametrize("cut", CUTS, ids=["closed", "inside an event", "error event"])
    async def test_anthropic_messages(self, cut: Answer, make_spine: MakeSpine) -> None:
        """`messages.stream`."""
        import anthropic

        async with (
            FaultyHost(cut) as host,
            gateway(make_spine(toml(host.url))) as url,
            anthropic.AsyncAnthropic(base_url=url, api_key="k", max_retries=0) as client,
        ):
            asked: Any = [{"role": "user", "content": "hi"}]
            with pytest.raises(anthropic.APIError):
                async with client.messages.stream(model="up", max_tokens=9, messages=asked) as stream:
                    await stream.get_final_message()
