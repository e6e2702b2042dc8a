"""Requests that are wrong, in each format that clients speak: an error in that format, which names what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from clients import CHAT, gateway, whole

from faults import Answer, FaultyHost

Served = Any  # of this folder's conftest
TURNS = [{"role": "user", "content": "hi"}]
GOOD: dict[str, dict[str, Any]] = {
    "/chat/completions": {"model": "small", "messages": TURNS},
    "/completions": {"model": "small", "prompt": "hi"},
    "/messages": {"model": "small", "max_tokens": 9, "messages": TURNS},
    "/messages/count_tokens": {"model": "small", "messages": TURNS},
    "/responses": {"model": "small", "input": "hi"},
    "/embeddings": {"model": "small", "input": "hi"},
}
CHATS = ["/chat/completions", "/messages", "/responses"]
NO_REQUESTS = {
    b"": "JSON",
    b"{": "JSON",
    b"nonsense": "JSON",
    b"[1]": "object",
    b'"text"': "object",
    b"null": "object",
    b'{"model": "\xff"}': "",
    b"\xff\xfe{\x00}\x00": "",
    b'{"model": "\\ud800", "input": "x"}': "",
    b'{"model": NaN}': "JSON",
    b'{"model": 1e999}': "",
    b'{"model": "small", "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}": "",
    b'{"model": "small"} trailing': "JSON",
}
MODELS: list[tuple[Any, int, str]] = [
    (None, 400, "model"),
    ("", 400, "model"),
    (7, 400, "model"),
    (["small"], 400, "model"),
    ("smal", 404, "did you mean 'small'?"),
    ("x" * 100_000, 404, "model"),
    ("small\r\nx-injected: 1", 404, "model"),
]
FIELDS: list[tuple[str, Any]] = [
    ("temperature", "hot"),
    ("temperature", -1),
    ("temperature", [1]),
    ("top_p", "most"),
    ("top_p", -0.5),
    ("top_p", 1.5),
    ("stream", "yes"),
    ("stream", 1),
    ("tools", {}),
    ("tools", [7]),
    ("tools", ["look"]),
    ("tool_choice", 7),
]


async def refused(served: Served, path: str, body: Any, status: int = 400) -> str:
    """The message of the error that a request gets; status, headers and form are checked on the way."""
    got, headers, data = await served.post(path, body)
    told = f"{path} {body!r:.200}: {got} {data!r:.500}"
    assert got == status, told
    assert headers["content-type"].startswith("application/json"), told
    assert headers["request-id" if path.startswith("/messages") else "x-request-id"] == headers["x-assay-request-id"]
    assert "x-injected" not in headers, told
    assert b"Traceback" not in data, told
    value = json.loads(data)
    if path.startswith("/messages"):
        assert value["type"] == "error", told
        assert set(value["error"]) >= {"type", "message"}, told
    else:
        assert set(value) == {"error"}, told
        assert set(value["error"]) == {"message", "type", "param", "code"}, told
    return str(value["error"]["message"])


async def test_a_limit_that_is_there_twice_does_not_pass(make_spine: Callable[..., Any]) -> None:
    """A host could take the other one than the one that was checked: it gets neither."""
    config = '[deployments.up]\nmodel = "openai/gpt-5"\ndialect = "openai"\nretries = 0\nbase_url = '
    raw = b'{"model":"up","max_tokens":9999,"messages":[{"role":"user","content":"hi"}],"max_tokens":1}'
    async with (
        FaultyHost(Answer(body=whole())) as host,
        gateway(make_spine(f'{config}"{host.url}"\n')) as url,
        aiohttp.ClientSession() as session,
        session.post(url + CHAT.path, data=raw, headers={"content-type": "application/json"}) as answer,
    ):
        error = (await answer.json())["error"]
        assert answer.status == 400
        assert not host.received
    assert error["param"] == "max_tokens"
    assert "twice" in error["message"]


def tool(path: str, name: str) -> dict[str, Any]:
    """A function that the model may call, in the words of the path's format."""
    schema = {"type": "object", "properties": {}}
    if path == "/messages":
        return {"name": name, "input_schema": schema}
    if path == "/responses":
        return {"type": "function", "name": name, "parameters": schema}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


@pytest.mark.parametrize("path", GOOD)
async def test_a_body_that_is_no_request(served: Served, path: str) -> None:
    """What is no JSON, no UTF-8, no object, or nested without end: 400, and the gateway serves on."""
    for body, word in NO_REQUESTS.items():
        assert word in await refused(served, path, body), body[:40]


@pytest.mark.parametrize("path", GOOD)
async def test_a_wrong_model(served: Served, path: str) -> None:
    """Missing, of the wrong type, unknown: told by name, with the nearest; nothing of it becomes a header."""
    for model, status, word in MODELS:
        assert word in await refused(served, path, {**GOOD[path], "model": model}, status)


@pytest.mark.parametrize("path", CHATS)
async def test_a_wrong_field_is_named(served: Served, path: str) -> None:
    """The message begins with the path of the field."""
    for field, value in FIELDS:
        message = await refused(served, path, {**GOOD[path], field: value})
        assert message.startswith(field), (field, value, message)


@pytest.mark.parametrize("path", CHATS)
async def test_turns_that_are_none(served: Served, path: str) -> None:
    """No turns, empty ones, ones of the wrong type or of an unknown role."""
    name = "input" if path == "/responses" else "messages"
    for value in (None, [], {}, 7, [7], [[]], [{}], [{"role": "king", "content": "x"}]):
        message = await refused(served, path, {**GOOD[path], name: value})
        assert name in message, (value, message)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/chat/completions", "max_tokens"),
        ("/chat/completions", "max_completion_tokens"),
        ("/messages", "max_tokens"),
        ("/responses", "max_output_tokens"),
    ],
)
async def test_a_length_that_cannot_be(served: Served, path: str, field: str) -> None:
    """Negative, broken, text."""
    for value in (-5, 1.5, "many"):
        assert (await refused(served, path, {**GOOD[path], field: value})).startswith(field)


@pytest.mark.parametrize("path", CHATS)
async def test_two_tools_of_one_name(served: Served, path: str) -> None:
    """A call of that name could be of either."""
    message = await refused(served, path, {**GOOD[path], "tools": [tool(path, "look"), tool(path, "look")]})
    assert message.startswith("tools.1")
    assert "look" in message


@pytest.mark.parametrize("path", GOOD)
async def test_any_content_type_is_taken(served: Served, path: str) -> None:
    """Clients differ in what they call JSON; duplicate keys are a matter of theirs, too."""
    body = json.dumps(GOOD[path])[:-1] + ', "model": "small"}'
    for kind in ("application/json", "text/plain", "application/octet-stream", "nonsense"):
        status, _, data = await served.post(path, body.encode(), {"content-type": kind})
        assert status == 200 or (path == "/embeddings" and b"embeddings" in data), data


CHAT_REPLY = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]}  # fmt: skip


async def test_a_field_that_nobody_knows_passes_between_equals(served: Served, make_spine: Callable[..., Any]) -> None:
    """Client and upstream speak one format: what is new in it goes through, and the upstream says what it thinks."""
    async with FaultyHost(Answer(body=json.dumps(CHAT_REPLY).encode())) as host:
        toml = f'[deployments.far]\nmodel = "x/far"\ndialect = "openai"\nbase_url = "{host.url}"\n'
        served.spine.targets["far"] = make_spine(toml).targets["far"]
        body = {**GOOD["/chat/completions"], "model": "far", "temprature": 1}
        status, _, _ = await served.post("/chat/completions", body)
        assert status == 200
        assert json.loads(host.received[0].body)["temprature"] == 1


@pytest.mark.parametrize("path", ["/messages", "/responses"])
async def test_a_field_that_nobody_knows_is_told_before_it_is_lost(
    served: Served, make_spine: Callable[..., Any], path: str
) -> None:
    """It cannot be said in another format: the request is refused by the field's name, with the nearest known one."""
    async with FaultyHost(Answer(body=json.dumps(CHAT_REPLY).encode())) as host:
        toml = f'[deployments.far]\nmodel = "x/far"\ndialect = "openai"\nbase_url = "{host.url}"\n'
        served.spine.targets["far"] = make_spine(toml).targets["far"]
        message = await refused(served, path, {**GOOD[path], "model": "far", "temprature": 1})
        assert "temprature" in message
        assert "did you mean 'temperature'?" in message
        assert not host.received


async def test_an_empty_label_is_no_label(served: Served) -> None:
    """Where a client's program has lost the label it wanted, nothing is sent: an empty one does not count as none."""
    status, _, body = await served.post("/chat/completions", GOOD["/chat/completions"], {"x-assay-label": ""})
    assert (status, b"x-assay-label" in body) == (400, True)


@pytest.mark.parametrize("field", ["max_tokens", "n", "seed", "temperature", "top_p", "top_k"])
@pytest.mark.parametrize("digits", [30, 400, 5000])
@pytest.mark.parametrize("sign", ["", "-"])
async def test_a_number_of_any_length_is_the_clients_mistake(
    served: Served, field: str, digits: int, sign: str
) -> None:
    """A number that no float, ledger or message can hold is refused by the field's name, before it breaks anything."""
    body = json.dumps({**GOOD["/chat/completions"], field: 0}).replace(
        f'"{field}": 0', f'"{field}": {sign}{"9" * digits}'
    )
    status, _, answer = await served.post("/chat/completions", body.encode())
    assert (status, b"64 bits" in answer or b"JSON" in answer) == (400, True)
