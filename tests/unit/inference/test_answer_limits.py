"""A limit of the answer where the client named none: it comes from the route, and goes into the client's own bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from assay.dialects.completions import Completions
from assay.dialects.openai_chat import OpenAIChat
from assay.dialects.responses import Responses
from assay.dialects.splice import put_member
from assay.inference.deployment import LiveDeployment
from assay.inference.reach import calls_below
from assay.inference.spine import Spine
from assay.ledger.store import SqliteLedger
from assay.providers.http import HttpProvider
from assay.types import Message, Request, Sampling

MakeSpine = Callable[..., Spine]
CHAT = {"messages": [{"role": "user", "content": "hi"}]}
NEWER = 'quirks = { max_tokens_field = "max_completion_tokens" }'
TOML = """
[deployments.up]
model = "acme/big"
dialect = "{dialect}"
base_url = "http://127.0.0.1:9"
price_usd_per_mtok = {{ input = 1.0, output = 1.0 }}
{more}
[routes.outer]
candidates = ["inner"]
max_tokens = 900
[routes.inner]
candidates = ["up"]
{limit}
"""


def sent(spine: Spine, dialect: Any, limit: int, body: dict[str, Any]) -> dict[str, Any]:
    """What the host gets of a client's request that passes with this limit in its place."""
    up = spine.targets["up"]
    assert isinstance(up, LiveDeployment)
    assert isinstance(up.provider, HttpProvider)
    request = dialect.read_request(msgspec.json.encode({"model": "up", **body}))
    attempted = up.limited(up.attempted(request, untouched=True), limit)
    assert attempted.raw is not None
    return msgspec.json.decode(up.provider.write(attempted).body)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("name", "dialect", "more", "body", "field"),
    [
        ("openai", OpenAIChat(), "", CHAT, "max_tokens"),
        ("openai", OpenAIChat(), NEWER, CHAT, "max_completion_tokens"),
        ("completions", Completions(), "", {"prompt": "a"}, "max_tokens"),
        ("openai-responses", Responses(), "", {"input": "hi"}, "max_output_tokens"),
    ],
)  # fmt: skip
def test_it_goes_into_raw_bytes_in_the_field_that_the_host_knows(
    make_spine: MakeSpine, name: str, dialect: Any, more: str, body: dict[str, Any], field: str
) -> None:
    """Equal formats pass byte for byte, and the one member that bounds their cost is put in."""
    spine = make_spine(TOML.format(dialect=name, more=more, limit=""))
    assert sent(spine, dialect, 300, body)[field] == 300
    assert sent(spine, dialect, 300, {**body, field: None})[field] == 300, "a null is no limit, and none is there twice"
    assert sent(spine, dialect, 300, {**body, field: 7})[field] == 7, "the client's own limit stays"


def test_a_host_that_takes_no_limit_is_told_none(make_spine: MakeSpine) -> None:
    """What a host does not take is not sent, and does not bound the cost."""
    spine = make_spine(TOML.format(dialect="openai", more='quirks = { ignore = ["max_tokens"] }', limit=""))
    assert "max_tokens" not in sent(spine, OpenAIChat(), 300, CHAT)


@pytest.mark.parametrize(("limit", "said", "tokens"), [("", None, 900), ("max_tokens = 40", None, 40), ("", 7, 7)])
async def test_the_innermost_route_that_names_one_counts(
    make_spine: MakeSpine, ledger: SqliteLedger, limit: str, said: int | None, tokens: int
) -> None:
    """A route inside a route may be meant for shorter answers, and what the client says itself counts before both."""
    toml = TOML.format(dialect="scripted", more='script = "up.json"', limit=limit).replace(
        "input = 1.0, output = 1.0", "input = 0.0, output = 1e6"
    )
    spine = make_spine(toml, scripts={"up.json": {"default": "yes"}})
    await spine.answer(Request(messages=(Message.of("user", "hi"),), sampling=Sampling(max_tokens=said)), "outer")
    [row] = await ledger.attempts()
    assert row["reserved_usd"] == tokens, "one USD for each token of the answer"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{}", b'{"n":3}'),
        (b' { "a" : 1 }', b' {"n":3, "a" : 1 }'),
        (b'{"a": {"n": 1}, "n": null}', b'{"a": {"n": 1}, "n": 3}'),
        (b'{"n": 1, "n": 2}', b'{"n": 3, "n": 3}'),
    ],
)
def test_a_member_is_put_in_or_exchanged(body: bytes, expected: bytes) -> None:
    """Every other byte stays, and a key that is there is not written twice."""
    assert put_member(body, "n", b"3") == expected


@pytest.mark.parametrize(("name", "tokens"), [("up", None), ("inner", 900), ("outer", 900)])
def test_what_a_route_would_ask_is_known_before(make_spine: MakeSpine, name: str, tokens: int | None) -> None:
    """Forecasts, and the look whether a purse can pay, see the limit that the route will set."""
    spine = make_spine(TOML.format(dialect="openai", more="", limit="max_tokens = 900"))
    [(_, attempted)] = calls_below(spine, name, Request(messages=(Message.of("user", "hi"),)))
    assert attempted.request.sampling.max_tokens == tokens
