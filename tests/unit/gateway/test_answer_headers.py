"""The headers of an answer: who, why, after which attempts, at what cost; and that they are safe."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, cast

import pytest
from clients import CHAT, CLIENTS, gateway

from assay.dialects.openai_chat import OpenAIChat
from assay.errors import Overloaded, RequestError
from assay.gateway.cycle import Cycle
from assay.gateway.headers import MAX_VALUE_CHARS, answer_lines, read_headers
from assay.gateway.heads import Head
from assay.gateway.resource import Resource
from assay.gateway.visit import Visit
from assay.inference.spine import Spine
from assay.inference.trace import Record, Trace
from assay.types import Message, Request, Response
from faults import Answer, FaultyHost

MakeSpine = Callable[..., Spine]


def scripted(*names: str) -> str:
    """Deployments that answer by the script of their own name."""
    return "".join(
        f'[deployments.{name}]\nmodel = "x/{name}"\ndialect = "scripted"\nscript = "{name}.json"\nretries = 0\n'
        for name in names
    )


def scripts(**rules: dict[str, Any]) -> dict[str, Any]:
    """A script of one rule for each name."""
    return {f"{name}.json": {"rules": [rule]} for name, rule in rules.items()}


ROUTES = {
    "split": (
        'candidates = ["a", "b"]\npolicy = { kind = "split", weights = { a = 0.0, b = 1.0 } }',
        "split 100 %, by session",
    ),
    "rules": (
        'candidates = ["a", "b"]\npolicy = { kind = "rules", rules = [{ when = { tools = false }, use = "b" }] }',
        "rule 1 (tools)",
    ),
    "cascade": (
        'candidates = ["a", "b"]\npolicy = { kind = "cascade", check = { check = "regex", pattern = "from b" } }',
        "cascade: check 'regex' failed on a",
    ),
    "hedge": (
        'candidates = ["slow", "b"]\npolicy = { kind = "hedge", after_s = 0.01 }',
        "hedge: first to begin, started 0.01 s later",
    ),
    "nested": (
        'candidates = ["bad", "inner"]\n[routes.inner]\ncandidates = ["bad", "b"]',
        "fallback: bad failed with BadRequest > fallback: bad failed with BadRequest",
    ),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ROUTES)
async def test_why_this_one(name: str, stream: bool, make_spine: MakeSpine) -> None:
    """Each policy's reason, the outermost route's first; the ledger has the same words."""
    config, reason = ROUTES[name]
    spine = make_spine(
        scripted("a", "b", "slow", "bad") + f"[routes.r]\n{config}\n",
        scripts(a={"answer": "from a"}, b={"answer": "from b"}, slow={"delay_s": 5}, bad={"error": "BadRequest"}),
    )
    async with gateway(spine) as url:
        seen = await CHAT.ask(url, stream=stream, model="r", headers={"x-assay-session": "s1"})
    assert seen.text == "from b"
    told = {key.removeprefix("x-assay-"): value for key, value in seen.headers.items() if key.startswith("x-assay-")}
    assert (told["route"], told["deployment"], told["model"], told["reason"]) == ("r", "b", "x/b", reason)
    assert int(told["attempts"]) == len(told["tried"].split(", "))
    assert ("cost-basis" in told) is not stream


async def test_an_error_tells_what_was_tried(make_spine: MakeSpine, caplog: pytest.LogCaptureFixture) -> None:
    """In a header and in the log's one line, each attempt with what came of it."""
    caplog.set_level(logging.INFO, "assay.gateway")
    async with FaultyHost(Answer(status=529)) as host:
        spine = make_spine(
            scripted("a")
            + f'[deployments.up]\nmodel = "x/up"\ndialect = "openai"\nbase_url = "{host.url}"\nretries = 1\n'
            + '[routes.r]\ncandidates = ["a", "up"]\n',
            scripts(a={"error": "AuthFailed"}),
        )
        async with gateway(spine) as url:
            for client in CLIENTS:
                seen = await client.ask(url, stream=False, model="r")
                assert seen.headers["x-assay-tried"].startswith("a=AuthFailed, up=Overloaded (529), up=Overloaded")
                assert seen.headers["x-assay-attempts"] == "3"
    assert 'tried="a=AuthFailed, up=Overloaded (529), up=Overloaded (529)"' in caplog.text


TAGGED = """
[routes.r]
candidates = ["a", "b"]
policy = { kind = "rules", rules = [{ when = { tags = { tier = "gold" } }, use = "b" }], otherwise = "a" }
"""


async def test_a_client_s_tags_choose(make_spine: MakeSpine) -> None:
    """`x-assay-tags` is what rules look at; what is no list of tags is refused, and no tag goes upstream."""
    spine = make_spine(scripted("a", "b") + TAGGED, scripts(a={"answer": "from a"}, b={"answer": "from b"}))
    async with gateway(spine) as url:
        for tags, text in (("tier=gold, team=x", "from b"), ("tier = gold", "from b"), ("tier=iron", "from a")):
            assert (await CHAT.ask(url, stream=False, model="r", headers={"x-assay-tags": tags})).text == text
        for tags in ("gold", "=gold", "tier=gold,", ", ".join(f"n{number}=x" for number in range(17))):
            seen = await CHAT.ask(url, stream=False, model="r", headers={"x-assay-tags": tags})
            assert seen.status == 400
            assert seen.error is not None
            assert "x-assay-tags" in seen.error[1]


@pytest.mark.parametrize("coding", ["utf-8", "latin-1"])
def test_names_are_those_of_the_configuration(coding: str) -> None:
    """A kind or tag with letters beyond ASCII is what its file says, in whichever way a client's library writes it."""
    sent = {b"x-assay-kind": "größe".encode(coding), b"x-assay-tags": "tür=große".encode(coding)}
    visit = Visit(cast(Cycle, None), Head("POST", Resource.of(b"/chat/completions"), sent))
    read = read_headers(visit, Request(messages=(Message.of("user", "hi"),)), OpenAIChat())
    assert (read.kind, read.tags) == ("größe", {"tür": "große"})


@pytest.mark.parametrize("kind", [b"x" * 201, b"a\tb", "a\x9bb".encode(), b"a\x85b", "a\u202eb".encode()])
def test_a_kind_is_as_printable_as_a_key_s(kind: bytes) -> None:
    """What spending is summed by, and what stands in tables, is a name."""
    visit = Visit(cast(Cycle, None), Head("POST", Resource.of(b"/chat/completions"), {b"x-assay-kind": kind}))
    with pytest.raises(RequestError, match=r"x-assay-kind: .* is not a name of at most 200 printable characters"):
        read_headers(visit, Request(messages=(Message.of("user", "hi"),)), OpenAIChat())


def test_values_are_safe() -> None:
    """Line breaks, control characters and what Latin-1 has not are replaced; a long text is cut."""
    record = Record(
        id="a", path="0", deployment="grüße\r\nx-evil: 1", why="\N{GRINNING FACE}" + "long " * 500, response=Response()
    )
    trace = Trace(target="r\x00", records=[record], answering=record)
    lines = answer_lines(trace, complete=True).removesuffix(b"\r\n").split(b"\r\n")
    headers = dict(line.split(b": ", 1) for line in lines)
    assert headers[b"x-assay-deployment"] == "grüße  x-evil: 1".encode("latin-1")
    assert headers[b"x-assay-route"] == b"r"
    assert headers[b"x-assay-reason"].startswith(b"?long long")
    assert len(headers[b"x-assay-reason"]) == MAX_VALUE_CHARS
    assert all(b"\r" not in value and b"\n" not in value for value in headers.values())


def test_outcomes_in_words() -> None:
    """What became of each attempt, in the order of starting."""
    resting = Overloaded("left alone")
    resting.resting = True
    records = [
        Record(id="1", path="0", deployment="a", error=Overloaded("x", status=529)),
        Record(id="2", path="1", deployment="b", error=resting),
        Record(id="3", path="2", deployment="c", cancelled=True),
        Record(id="4", path="3", deployment="d", response=Response(), cached=True),
        Record(id="5", path="4", deployment="e", response=Response()),
        Record(id="6", path="5", deployment="f"),
    ]
    assert Trace(records=records).tried == (
        "a=Overloaded (529), b=Overloaded (left alone), c=cancelled, d=cached, e=ok, f=answering"
    )
