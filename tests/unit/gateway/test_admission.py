"""Who may come in: the static key, addresses that others reach, web pages."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from assay.config.schema import Serve
from assay.errors import ConfigError
from assay.gateway.admission import Admission, is_loopback
from assay.gateway.asgi import inbound_dialects
from faults import Answer, FaultyHost

Served = Any  # of this folder's conftest
KEY = "k-7f3a9 and more"


@pytest.fixture
def keyed(serving: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Makes gateways that ask for a key."""
    monkeypatch.setenv("ASSAY_TEST_KEY", KEY)
    return lambda **limits: serving(api_key_env="ASSAY_TEST_KEY", **limits)


async def status_of(served: Served, path: str, headers: dict[str, str]) -> int:
    """The status of a GET."""
    url = f"http://127.0.0.1:{served.port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status


@pytest.mark.parametrize(
    ("headers", "admitted"),
    [
        ({"authorization": f"Bearer {KEY}"}, True),
        ({"Authorization": f"bearer  {KEY} "}, True),
        ({"x-api-key": KEY}, True),
        ({"x-api-key": KEY, "authorization": "Bearer other"}, True),
        ({}, False),
        ({"authorization": "Bearer "}, False),
        ({"authorization": KEY}, False),
        ({"authorization": f"Basic {KEY}"}, False),
        ({"authorization": f"Bearer {KEY}x"}, False),
        ({"authorization": f"Bearer {KEY[:-1]}"}, False),
        ({"x-api-key": "gr\u00fc\u00dfe"}, False),
        ({"x-api-key": ""}, False),
    ],
)
async def test_calls_need_the_key(keyed: Callable[..., Any], headers: dict[str, str], admitted: bool) -> None:
    """Either header may carry it; anything else is 401 and says how, without repeating what was shown."""
    async with keyed() as served:
        status, got, body = await served.ask("x", headers)
        assert status == (200 if admitted else 401)
        if not admitted:
            assert "Bearer KEY" in body["error"]["message"]
            assert body["error"]["code"] == "invalid_api_key"
            assert got["www-authenticate"] == "Bearer"
            assert "other" not in json.dumps(body)


async def test_what_needs_the_key_and_what_does_not(keyed: Callable[..., Any]) -> None:
    """Lists, figures and unknown paths need it; health and the description do not, and name no model then."""
    async with keyed() as served:
        for path in ("/v1/models", "/models", "/v1/models/small", "/metrics", "/v1/nothing", "/nothing"):
            assert await status_of(served, path, {}) == 401
        for path in ("/v1/models", "/metrics"):
            assert await status_of(served, path, {"x-api-key": KEY}) == 200
        for path in ("/", "/healthz", "/readyz", "/docs", "/openapi.json"):
            assert await status_of(served, path, {}) == 200
        url = f"http://127.0.0.1:{served.port}/openapi.json"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            told = await answer.json()
        assert told["paths"]["/v1/chat/completions"]["post"]["security"] == [{"bearer": []}, {"x-api-key": []}]
        assert '"small"' not in json.dumps(told)


@pytest.mark.skipif("anthropic" not in inbound_dialects(), reason="the format is not registered")
async def test_a_wrong_key_is_told_in_the_clients_format(keyed: Callable[..., Any]) -> None:
    """401 for a client of Anthropic's is an `authentication_error`."""
    async with keyed() as served:
        status, _, data = await served.post("/messages", b"{}", {"x-api-key": "wrong"})
        assert (status, json.loads(data)["error"]["type"]) == (401, "authentication_error")


async def test_a_body_is_not_read_before_the_key(keyed: Callable[..., Any]) -> None:
    """A stranger's body is no work: malformed and large ones get the same 401."""
    async with keyed(max_body_bytes=10) as served:
        for body in (b"{", b"x" * 100_000):
            assert (await served.post("/chat/completions", body))[0] == 401


async def test_the_clients_key_goes_no_further(
    make_spine: Callable[..., Any], keyed: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither to the upstream, which gets its own, nor into the log, nor into an error."""
    reply = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]}  # fmt: skip
    async with FaultyHost(Answer(body=json.dumps(reply).encode())) as host, keyed() as served:
        toml = f'[deployments.far]\nmodel = "x/far"\ndialect = "openai"\nbase_url = "{host.url}"\n'
        served.spine.targets["far"] = make_spine(toml).targets["far"]
        with caplog.at_level(logging.DEBUG):
            for headers in ({"x-api-key": KEY}, {"authorization": f"Bearer {KEY}"}):
                status, got, _ = await served.ask("x", {**headers, "cookie": "c=1"}, model="far")
                assert status == 200
                assert KEY not in json.dumps(got)
            await served.ask("x", {"x-api-key": KEY}, model="nobody")
    assert len(host.received) == 2
    for received in host.received:
        assert KEY.encode() not in received.head + received.body
        assert "authorization" not in received.headers
        assert "cookie" not in received.headers
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("serve", "words"),
    [
        (Serve(host="0.0.0.0"), "allow_no_key"),  # noqa: S104 - what is tested
        (Serve(host="::"), "allow_no_key"),
        (Serve(host="gateway.example"), "api_key_env"),
        (Serve(host="192.0.2.1"), "api_key_env"),
        (Serve(api_key_env="ASSAY_TEST_EMPTY"), "ASSAY_TEST_EMPTY"),
        (Serve(api_key_env="ASSAY_TEST_UNSET"), "ASSAY_TEST_UNSET"),
    ],
)
def test_a_door_that_would_stand_open_is_not_opened(serve: Serve, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other machines come in with a key, or because somebody said so; an empty key is a mistake."""
    monkeypatch.setenv("ASSAY_TEST_EMPTY", "  ")
    with pytest.raises(ConfigError, match=words):
        Admission(serve)


def test_addresses_that_need_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's own; any, where it is said or a key is set."""
    monkeypatch.setenv("ASSAY_TEST_KEY", KEY)
    for serve in (
        Serve(),
        Serve(host="localhost"),
        Serve(host="::1"),
        Serve(host="127.8.8.8"),
        Serve(host="0.0.0.0", allow_no_key=True),  # noqa: S104 - what is tested
        Serve(host="0.0.0.0", api_key_env="ASSAY_TEST_KEY"),  # noqa: S104
    ):
        Admission(serve)
    assert not is_loopback("localhost.example")


@pytest.mark.parametrize(
    ("origin", "admitted"),
    [
        ("http://localhost:3000", True),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:80", True),
        ("https://evil.example", False),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("null", False),
        ("http://[", False),
    ],
)
async def test_web_pages_of_other_sites_cannot_use_a_gateway_without_a_key(
    served: Served, origin: str, admitted: bool
) -> None:
    """A page that somebody looks at must not spend money at a port of this machine, whatever name it points there."""
    status, headers, _ = await served.ask("x", {"origin": origin})
    assert status == (200 if admitted else 403)
    assert not any(name.startswith("access-control-") for name in headers)


async def test_a_web_page_with_the_key_is_a_client(keyed: Callable[..., Any]) -> None:
    """Where a key is asked for, it decides."""
    async with keyed() as served:
        assert (await served.ask("x", {"origin": "https://app.example", "x-api-key": KEY}))[0] == 200
        assert (await served.ask("x", {"origin": "https://app.example"}))[0] == 401
