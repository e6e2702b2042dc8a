"""Virtual keys at the gateway's door: who comes in, for what, and what is charged to whom."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from clients import USAGE, by_form, chunks, whole

from assay.access.key import Terms
from assay.access.made import make_key, revoke
from assay.config.budget import Limit
from assay.errors import BudgetExceeded
from assay.gateway.admission import Virtual
from assay.ledger.keys import keys
from assay.ledger.store import SqliteLedger
from faults import Answer, FaultyHost, event

Served = Any  # of this folder's conftest
SHOP = {"shop": Limit(usd=10.0, per="day", team="shop"), "all": Limit(usd=99.0)}


class Desk:
    """A running gateway, and the keys of its ledger."""

    def __init__(self, served: Served, ledger: SqliteLedger, virtual: Virtual) -> None:
        self.served = served
        self.ledger = ledger
        self.virtual = virtual

    async def key(self, name: str = "one", **terms: Any) -> str:
        """A new key that the gateway knows."""
        given = {name: terms.pop(name) for name in ("team", "expires_at") if name in terms}
        made = await make_key(self.ledger, name, Terms(**terms), **given)
        self.virtual.keyring.look()
        return made.secret

    async def ask(self, secret: str | None, text: str = "hi", **more: Any) -> tuple[int, dict[str, str], Any]:
        """A chat completion with a key."""
        headers = {**more.pop("headers", {}), **({"authorization": f"Bearer {secret}"} if secret is not None else {})}
        return await self.served.ask(text, headers, **more)

    async def get(self, path: str, secret: str | None = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON of a page."""
        sent = {**headers, **({"x-api-key": secret} if secret is not None else {})}
        async with aiohttp.ClientSession() as session, session.get(self.served.url + path, headers=sent) as answer:
            body = await answer.read()
            return answer.status, json.loads(body) if body.startswith(b"{") else None

    async def requests(self) -> list[dict[str, Any]]:
        """The ledger's requests, oldest first."""
        from assay.ledger.rows import RequestRow

        rows = await self.ledger.rows(RequestRow, "select * from requests order by started_at, id")
        return [{name: getattr(row, name) for name in RequestRow.__struct_fields__} for row in rows]


@pytest.fixture
def desk(serving: Callable[..., Any], ledger: SqliteLedger) -> Callable[..., Any]:
    """Makes gateways with virtual keys."""

    @asynccontextmanager
    async def run(**limits: Any) -> AsyncIterator[Desk]:
        virtual = Virtual.opened(ledger.path, SHOP)
        try:
            async with serving(virtual=virtual, **limits) as served:
                yield Desk(served, ledger, virtual)
        finally:
            virtual.close()

    return run


async def test_the_first_key_shuts_the_door(desk: Callable[..., Any]) -> None:
    """Without any key all may come; as soon as there is one it is asked for, and also when the last one is revoked."""
    async with desk() as gate:
        assert (await gate.ask(None))[0] == 200
        secret = await gate.key()
        assert (await gate.ask(None))[0] == 401
        assert (await gate.ask(secret))[0] == 200
        await revoke(gate.ledger, "one")
        gate.virtual.keyring.look()
        assert (await gate.ask(None))[0] == 401
        assert (await gate.get("/healthz"))[0] == 200


@pytest.mark.parametrize("before", [None, "authorization", "x-api-key"])
async def test_whose_a_request_is_does_not_hang_on_who_came_before(
    desk: Callable[..., Any], before: str | None
) -> None:
    """Of two keys that hold, the one in `authorization` counts, whichever of them the gateway has seen already."""
    async with desk() as gate:
        sent = {"authorization": f"Bearer {await gate.key('one')}", "x-api-key": await gate.key("two")}
        if before is not None:
            assert (await gate.served.ask("hi", {before: sent[before]}))[0] == 200
        assert (await gate.served.ask("hi", sent))[0] == 200
        names = {key.account.key_id: key.name for key in gate.virtual.keyring.keys}
        assert names[(await gate.requests())[-1]["key_id"]] == "one"


async def test_a_head_that_is_known_opens_nothing_by_itself(desk: Callable[..., Any]) -> None:
    """What its key may do is asked each time: two connections that share it are both shut out at once."""
    async with desk() as gate:
        now = time.time()
        held, late = await gate.key("held"), await gate.key("late", expires_at=now + 60)
        async with aiohttp.ClientSession() as one, aiohttp.ClientSession() as two:

            async def statuses() -> list[int]:
                told = []
                for session in (one, two):
                    for secret in (held, late):
                        headers = {"authorization": f"Bearer {secret}"}
                        body = {"model": "small", "messages": [{"role": "user", "content": "hi"}]}
                        async with session.post(
                            gate.served.url + "/chat/completions", json=body, headers=headers
                        ) as got:
                            await got.read()
                            told.append(got.status)
                return told

            for _ in range(3):
                assert await statuses() == [200] * 4
            assert len(gate.served.gateway.crowd.heads) == 2
            await revoke(gate.ledger, "held")
            gate.virtual.keyring.look()
            assert await statuses() == [401, 200] * 2
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("assay.gateway.admission.time.time", lambda: now + 61)
                assert await statuses() == [401, 401] * 2
            assert len(gate.served.gateway.crowd.heads) == 2


async def test_each_reason_is_told_to_who_had_the_key(desk: Callable[..., Any]) -> None:
    """Revoked and expired keys get their own words; a stranger's gets the same whatever it looks like."""
    async with desk() as gate:
        await gate.key("held")
        gone = await gate.key("gone")
        await revoke(gate.ledger, "gone")
        late = await gate.key("late", expires_at=time.time() - 60)
        told = {}
        for what, secret in (("gone", gone), ("late", late), ("wrong", gone[:-1] + "x"), ("none", None)):
            status, got, body = await gate.ask(secret)
            assert (status, body["error"]["code"], got["www-authenticate"]) == (401, "invalid_api_key", "Bearer")
            told[what] = body["error"]["message"]
            assert secret is None or secret not in json.dumps(body)
        assert "was revoked at" in told["gone"]
        assert "expired at" in told["late"]
        assert told["wrong"] == told["none"]


async def test_a_key_that_expires_is_refused_from_then_on(desk: Callable[..., Any]) -> None:
    """It is looked at with each request, not only when the key is first seen."""
    async with desk() as gate:
        secret = await gate.key(expires_at=time.time() + 0.5)
        assert (await gate.ask(secret))[0] == 200
        await asyncio.sleep(0.55)
        assert (await gate.ask(secret))[0] == 401


async def test_a_running_gateway_takes_up_keys_within_a_second(desk: Callable[..., Any]) -> None:
    """What another process adds or revokes counts without anybody telling the gateway."""
    async with desk() as gate:
        following = asyncio.create_task(gate.virtual.keyring.follow())
        other = SqliteLedger(gate.ledger.path)  # as `assay keys` has it
        begun = time.monotonic()
        made = await make_key(other, "late", Terms())
        while (await gate.ask(None))[0] == 200:
            assert time.monotonic() < begun + 1
        assert (await gate.ask(made.secret))[0] == 200
        begun = time.monotonic()
        await revoke(other, "late")
        while (await gate.ask(made.secret))[0] == 200:
            assert time.monotonic() < begun + 1
        await other.close()
        following.cancel()


async def test_either_header_carries_it(desk: Callable[..., Any]) -> None:
    """A wrong one beside it does no harm, now and when it is known; without its word it is not taken."""
    async with desk() as gate:
        secret = await gate.key()
        for headers, status in (
            ({"x-api-key": secret}, 200),
            ({"x-api-key": secret, "authorization": "Bearer other"}, 200),
            ({"x-api-key": "other", "authorization": f"bearer  {secret}"}, 200),
            ({"authorization": secret}, 401),
            ({"authorization": "Bearer other"}, 401),
        ):
            for _ in range(2):
                assert (await gate.ask(None, headers=headers))[0] == status


async def test_only_its_routes_may_be_called(desk: Callable[..., Any]) -> None:
    """Another name is 403 in the client's format, be there such a route or not, and names what may be called alone."""
    async with desk() as gate:
        secret = await gate.key(routes=("small",))
        assert (await gate.ask(secret))[0] == 200
        for name in ("other", "nobody"):
            status, _, body = await gate.ask(secret, model=name)
            assert (status, body["error"]["code"]) == (403, "permission_denied")
            assert body["error"]["message"] == f"model: this key may not call {name!r}; it may call: small"
        body = {"model": "other", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
        status, _, data = await gate.served.post("/messages", body, {"x-api-key": secret})
        assert (status, json.loads(data)["error"]["type"]) == (403, "permission_error")


async def test_a_key_sees_what_it_may_call(desk: Callable[..., Any]) -> None:
    """Lists in either form, single models and metrics tell nothing of other routes."""
    async with desk() as gate:
        narrow, wide = await gate.key("narrow", routes=("other", "desk")), await gate.key("wide")
        _, listed = await gate.get("/models", narrow)
        assert [one["id"] for one in listed["data"]] == ["other", "desk"]
        _, listed = await gate.get("/models", narrow, **{"anthropic-version": "2023-06-01"})
        assert [one["id"] for one in listed["data"]] == ["other", "desk"]
        assert (await gate.get("/models/other", narrow))[0] == 200
        status, told = await gate.get("/models/small", narrow)
        assert status == 404
        assert "known: desk, other" in told["error"]["message"]
        assert (await gate.get("/metrics", narrow))[0] == 403
        assert (await gate.get("/metrics", wide))[0] == 403
        assert len((await gate.get("/models", wide))[1]["data"]) == 5


async def test_metrics_need_a_key_that_may_read_them(desk: Callable[..., Any]) -> None:
    """They tell of what all keys do: a client's key never reads them, one made for it nothing else."""
    async with desk() as gate:
        plain, scraper = await gate.key("plain"), await gate.key("scraper", metrics=True, routes=())
        status, told = await gate.get("/metrics", plain)
        assert (status, "assay keys add NAME --metrics" in told["error"]["message"]) == (403, True)
        assert (await gate.get("/metrics", scraper))[0] == 200
        status, _, body = await gate.ask(scraper)
        assert (status, body["error"]["message"]) == (
            403, "model: this key may not call 'small'; it may call: nothing",
        )  # fmt: skip


async def test_rows_say_whose_they_are(desk: Callable[..., Any]) -> None:
    """Request and attempt have the key and its team; the attempt counts for the key's and the team's budget."""
    async with desk() as gate:
        secret = await gate.key(team="shop", usd=1.0, per="total")
        assert (await gate.ask(secret))[0] == 200
        [key] = await keys(gate.ledger)
        [request] = await gate.requests()
        [attempt] = await gate.ledger.attempts()
        for row in (request, attempt):
            assert (row["key_id"], row["team"]) == (key.id, "shop")
        assert secret not in json.dumps(request) + json.dumps(attempt)


async def test_a_key_s_budget_is_hard(desk: Callable[..., Any]) -> None:
    """What does not fit is refused with 429 before anything is sent, which is told on; other keys go on."""
    async with desk() as gate:
        refused: list[BudgetExceeded] = []
        gate.served.gateway.on_refusal = refused.append
        poor, rich = await gate.key("poor", usd=1e-6), await gate.key("rich")
        status, _, body = await gate.ask(poor)
        assert (status, body["error"]["code"]) == (429, "budget_exceeded")
        assert body["error"]["message"].startswith("budget of this key of 2")
        assert [error.limit_usd for error in refused] == [1e-6]
        assert (await gate.ask(rich))[0] == 200


async def test_the_kind_and_label_of_a_key(desk: Callable[..., Any]) -> None:
    """The kind stands in where a request names none; the label holds whatever the request says."""
    async with desk() as gate:
        secret = await gate.key(kind="triage", label="private-only")
        await gate.ask(secret)
        await gate.ask(secret, headers={"x-assay-kind": "sql"})
        rows = await gate.requests()
        assert [(row["kind"], row["label"]) for row in rows] == [("triage", "private-only"), ("sql", "private-only")]
        status, _, body = await gate.ask(secret, model="abroad")
        assert status == 403
        assert "private" in body["error"]["message"]


async def test_a_rate_is_kept_told_and_on_record(desk: Callable[..., Any]) -> None:
    """The third of two a minute is 429 with the time to wait, is no attempt, and leaves a request that was refused."""
    async with desk() as gate:
        secret = await gate.key(requests_per_minute=2, kind="triage")
        for left in ("1", "0"):
            status, got, _ = await gate.ask(secret)
            assert (status, got["x-ratelimit-limit-requests"], got["x-ratelimit-remaining-requests"]) == (
                200,
                "2",
                left,
            )
        status, got, body = await gate.ask(secret)
        assert (status, body["error"]["type"], body["error"]["code"]) == (
            429,
            "rate_limit_error",
            "rate_limit_exceeded",
        )
        assert 55 <= int(got["retry-after"]) <= 60
        assert 0 < float(got["x-ratelimit-reset-requests"].rstrip("s")) <= 60
        *_, last = await gate.requests()
        assert (last["outcome"], last["attempts"], last["kind"], last["target"]) == ("refused", 0, "triage", "small")
        assert last["id"] == got["x-assay-request-id"]
        assert last["reason"] == body["error"]["message"]
        assert len(await gate.ledger.attempts()) == 2
        assert (await gate.ask(secret, model="m" * 50_000))[0] == 429
        *_, last = await gate.requests()
        assert last["target"] == "m" * 200  # what a client makes up does not fill the ledger


async def test_pages_and_bad_requests_use_up_no_rate(desk: Callable[..., Any]) -> None:
    """Only calls count: not lists, not what cannot be read, not what the key may not call."""
    async with desk() as gate:
        secret = await gate.key(requests_per_minute=1, routes=("small",))
        await gate.get("/models", secret)
        assert (await gate.served.post("/chat/completions", b"{", {"x-api-key": secret}))[0] == 400
        assert (await gate.ask(secret, model="other"))[0] == 403
        assert (await gate.ask(secret))[0] == 200
        assert (await gate.ask(secret))[0] == 429


async def test_tokens_are_put_right_when_they_are_known(desk: Callable[..., Any]) -> None:
    """A call is let in by its bound and counted, in the end, at what its host says: 1 and 3 tokens; streamed or not."""
    async with desk() as gate:
        secret = await gate.key(tokens_per_minute=400)
        for stream in (False, True):
            body = {
                "model": "small",
                "max_tokens": 64,
                "stream": stream,
                "messages": [{"role": "user", "content": "x"}],
            }
            status, got, _ = await gate.served.post("/chat/completions", body, {"x-api-key": secret})
            assert status == 200
            bound = len(json.dumps(body)) + 64
            assert int(got["x-ratelimit-remaining-tokens"]) == 400 - bound - (4 if stream else 0)
        status, got, _ = await gate.served.post("/chat/completions", {**body, "stream": False, "max_tokens": 200},
                                                {"x-api-key": secret})  # fmt: skip
        assert status == 200


async def test_tokens_of_answers_whose_bytes_pass(desk: Callable[..., Any], make_spine: Callable[..., Any]) -> None:
    """What a host counted is read on the way, whole or streamed: 5 tokens each, in place of the bound."""
    counted = event(json.dumps({"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [],
                                "usage": USAGE}))  # fmt: skip
    *begun, end = chunks()
    script = by_form(Answer(body=whole()), Answer(events=(*begun, counted, end)))
    async with FaultyHost(script) as host, desk() as gate:
        toml = f'[deployments.far]\nmodel = "x/far"\ndialect = "openai"\nbase_url = "{host.url}"\n'
        gate.served.spine.targets["far"] = make_spine(toml).targets["far"]
        secret = await gate.key(tokens_per_minute=10_000)
        left = 10_000
        for stream in (False, True, False):
            body = {"model": "far", "max_tokens": 64, "stream": stream, "messages": [{"role": "user", "content": "x"}]}
            status, got, _ = await gate.served.post("/chat/completions", body, {"x-api-key": secret})
            assert status == 200
            assert int(got["x-ratelimit-remaining-tokens"]) == left - len(json.dumps(body)) - 64
            left -= 5


async def test_a_rate_in_anthropic_s_words(desk: Callable[..., Any]) -> None:
    """Its clients find how a rate stands in the headers of their own format, and the error in their own type."""
    async with desk() as gate:
        secret = await gate.key(requests_per_minute=1, tokens_per_minute=1000)
        body = {"model": "small", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
        status, got, _ = await gate.served.post("/messages", body, {"x-api-key": secret})
        assert (status, got["anthropic-ratelimit-requests-limit"], got["anthropic-ratelimit-requests-remaining"]) == (
            200, "1", "0",
        )  # fmt: skip
        assert got["anthropic-ratelimit-tokens-limit"] == "1000"
        status, got, data = await gate.served.post("/messages", body, {"x-api-key": secret})
        assert (status, json.loads(data)["error"]["type"]) == (429, "rate_limit_error")
        assert got["anthropic-ratelimit-requests-reset"].endswith("Z")
        assert "retry-after" in got


async def test_a_key_stands_in_no_log(desk: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    """The line of a request names the key's id, never the key, also where it is refused."""
    async with desk() as gate:
        secret = await gate.key(routes=("small",))
        with caplog.at_level(logging.DEBUG):
            await gate.ask(secret)
            await gate.ask(secret, model="other")
            await gate.ask(secret + "x")
        [key] = await keys(gate.ledger)
        assert f"key={key.id}" in caplog.text
        assert secret not in caplog.text
        assert key.hash not in caplog.text


async def test_the_operator_s_key_has_no_limits(desk: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of `serve.api_key_env` goes on beside virtual ones; its requests are nobody's."""
    monkeypatch.setenv("ASSAY_TEST_KEY", "the operator's")
    async with desk(api_key_env="ASSAY_TEST_KEY") as gate:
        secret = await gate.key(requests_per_minute=1)
        for _ in range(3):
            assert (await gate.ask("the operator's"))[0] == 200
        assert (await gate.ask(secret))[0] == 200
        assert (await gate.ask(secret))[0] == 429
        assert (await gate.get("/metrics", "the operator's"))[0] == 200
        assert (await gate.requests())[0]["key_id"] is None
