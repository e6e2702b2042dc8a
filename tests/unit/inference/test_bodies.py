"""Bodies: kept as routes say, without what must not be kept, bounded, and deleted in time."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assay.config.load import parse
from assay.config.schema import Config
from assay.errors import ConfigError, ProviderFault
from assay.inference.bodies import Bodies, keeping, read
from assay.inference.spine import Options, Spine
from assay.inference.trace import Record, Trace
from assay.ledger.exchanges import Exchanges, id_at
from assay.ledger.rows import ExchangeRow
from assay.ledger.store import SqliteLedger
from assay.types import (
    Image,
    Label,
    Message,
    Native,
    OutputFormat,
    Reasoning,
    Request,
    Response,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)

TOML = """
[serve]
bodies = "full"
[bodies]
keep_days = 2
max_bytes = 4000
secrets_env = ["ASSAY_TEST_SECRET"]
canaries = ["the otter sleeps at noon"]
[routes.digests]
candidates = ["small"]
bodies = "hashed"
[routes.silent]
candidates = ["small"]
bodies = "off"
[routes.careful]
candidates = ["small"]
redact_personal_data = true
label = "private-only"
[deployments.small]
model = "x/small"
dialect = "scripted"
script = "small.json"
"""
SCRIPT = {"small.json": {"rules": [{"match": "^broken", "error": "ProviderFault"}], "default": "It is ada@x.org."}}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Routes with different wishes."""
    (tmp_path / "small.json").write_text(json.dumps(SCRIPT["small.json"]))
    return parse(TOML.encode(), tmp_path / "assay.toml")


@pytest.fixture
def bodies(ledger: SqliteLedger, config: Config) -> Bodies:
    """What keeps bodies as that configuration says."""
    return Bodies(ledger, config)


def a_request(text: str, **given: Any) -> Request:
    """One turn of a user."""
    return Request(messages=(Message.of("user", text),), **given)


async def kept(
    bodies: Bodies, ledger: SqliteLedger, request: Request, answer: Response, target: str = "x"
) -> ExchangeRow:
    """The row of one exchange."""
    trace = Trace(target=target)
    trace.answering = Record(id="1", path="0", deployment="small", response=answer)
    keeper = bodies.keeper(target)
    assert keeper is not None
    await keeper.keep(request, Label.PRIVATE_ONLY, trace)
    row = await Exchanges(ledger).one(trace.request_id)
    assert row is not None
    return row


def answer(text: str) -> Response:
    """An answer of one text."""
    return Response(parts=(Text(text=text),))


async def test_the_spine_keeps_what_was_answered(
    make_spine: Callable[..., Spine], ledger: SqliteLedger, config: Config
) -> None:
    """A whole answer is on record with its request, kind, label and deployment when it is complete; no failure is."""
    spine = make_spine(TOML, SCRIPT)
    bodies, trace = Bodies(ledger, config, spine.targets), Trace()
    options = Options(bodies=bodies.keeper("careful"))
    await spine.answer(a_request("Who is bob@x.org?", kind="people"), "careful", trace, options)
    row = await Exchanges(ledger).one(trace.request_id)
    assert row is not None
    assert (row.target, row.kind, row.label, row.deployment) == ("careful", "people", "private-only", "small")
    assert (row.redacted, row.created_at) == (2, trace.started_at)
    found = read(row)
    assert found is not None
    assert found.request.messages == (Message.of("user", "Who is <email-1>?"),)
    assert found.answer == (Text(text="It is <email-2>."),)
    failing = Trace()
    with pytest.raises(ProviderFault):
        await spine.answer(a_request("broken"), "small", failing, Options(bodies=bodies.keeper("small")))
    assert await Exchanges(ledger).one(failing.request_id) is None


async def test_what_a_nested_route_holds_private_is_kept_as_private(
    make_spine: Callable[..., Spine], ledger: SqliteLedger, config: Config
) -> None:
    """The outer route declares nothing: whoever asks the request again has to know where it may go."""
    spine = make_spine(f'{TOML}private = true\n[routes.open]\ncandidates = ["careful", "small"]\n', SCRIPT)
    labels = []
    for target in ("open", "small"):
        trace = Trace()
        await spine.answer(a_request("hello"), target, trace, Options(bodies=Bodies(ledger, config).keeper(target)))
        row = await Exchanges(ledger).one(trace.request_id)
        assert row is not None
        labels.append(row.label)
    assert labels == ["private-only", "unlabelled"]


async def test_nothing_is_kept_unless_it_is_asked_for(make_spine: Callable[..., Spine], ledger: SqliteLedger) -> None:
    """Without a keeper, as evals call it, no body is written; and no route has one by default."""
    spine, trace = make_spine(TOML, SCRIPT), Trace()
    await spine.answer(a_request("hello"), "small", trace)
    assert await Exchanges(ledger).one(trace.request_id) is None
    assert Bodies(ledger, Config()).keeper("small") is None


async def test_routes_say_what_is_kept(bodies: Bodies) -> None:
    """A route's word stands before that of the gateway, in both things; names without a route get the gateway's."""
    assert bodies.rule("digests") == ("hashed", False)
    assert bodies.rule("careful") == ("full", True)
    assert bodies.rule("small") == ("full", False)
    assert bodies.keeper("silent") is None
    assert bodies.keeper("small", "embedding") is None
    assert bodies.keeper("small", "completion") is not None


async def test_everything_that_was_said_comes_back(bodies: Bodies, ledger: SqliteLedger) -> None:
    """Turns, calls, results, tools and images survive; raw bytes, wire fields and models' reasoning are left out."""
    request = Request(
        messages=(
            Message.of("system", "Be brief."),
            Message(role="user", parts=(Text(text="Look"), Image(url="https://host/a.png"))),
            Message(role="assistant", parts=(Reasoning(text="hm"), ToolCall(id="c", name="f", arguments='{"a": 1}'))),
            Message(role="tool", parts=(ToolResult(call_id="c", parts=(Text(text="2"),)),)),
        ),
        tools=(Tool(name="f", parameters={"type": "object"}),),
        session="s1", kind="k", extra={"user": "u"}, native=Native(dialect="openai", raw=b"raw"),
    )  # fmt: skip
    said = Response(parts=(Reasoning(text="so"), Text(text="Two."), ToolCall(id="d", name="f", arguments="{}")))
    found = read(await kept(bodies, ledger, request, said))
    assert found is not None
    assert found.request.messages[2].parts == (ToolCall(id="c", name="f", arguments='{"a": 1}'),)
    assert (found.request.messages[:2], found.request.messages[3]) == (request.messages[:2], request.messages[3])
    assert (found.request.tools, found.request.session) == (request.tools, "s1")
    assert (found.request.native, found.request.extra) == (None, {})
    assert found.answer == said.parts[1:]


async def test_an_answer_that_was_continued_is_kept_whole(bodies: Bodies, ledger: SqliteLedger) -> None:
    """Its beginning by one deployment and its end by another are one text, with no blank doubled."""
    trace = Trace(target="x")
    broken = Record(id="1", path="0", deployment="small", so_far=answer("One two "))
    trace.answering = Record(id="2", path="1", deployment="other", continues=broken, response=answer(" three"))
    keeper = bodies.keeper("x")
    assert keeper is not None
    await keeper.keep(a_request("count"), Label.PUBLIC, trace)
    row = await Exchanges(ledger).one(trace.request_id)
    assert row is not None
    found = read(row)
    assert found is not None
    assert found.answer == (Text(text="One two three"),)


async def test_no_secret_reaches_the_file(
    ledger: SqliteLedger, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys, known secrets and canaries in every place of a request and answer are nowhere in the ledger's file."""
    monkeypatch.setenv("ASSAY_TEST_SECRET", "a plain sentence that is secret")
    secrets = [
        "a plain sentence that is secret", "the otter sleeps at noon", "sk-proj-Qm4ZxT81vKp0wYc7Ld3sHn", "hunter2horse",
        "AKIAQ7ZX2MN4RT5VWB3K",
    ]  # fmt: skip
    bodies = Bodies(ledger, config)
    text = f"{secrets[0]} / {secrets[1]} / {secrets[2]} password={secrets[3]} {secrets[4]}"
    request = Request(
        messages=(
            Message.of("system", text),
            Message(role="user", parts=(Text(text=text, extra={"note": text}),), name=text, extra={text: [text]}),
            Message(role="assistant", parts=(ToolCall(id="c", name="f", arguments=json.dumps({"a": text})),)),
            Message(role="tool", parts=(ToolResult(call_id="c", parts=(Text(text=text),)),)),
        ),
        tools=(Tool(name="f", description=text, parameters={"description": text}),),
        session=secrets[1], tags={"t": secrets[0]}, extra={"user": text}, prompt=text, suffix=text, inputs=(text,),
        output=OutputFormat(kind="json_schema", schema={"description": text}),
        native=Native(dialect="openai", raw=text.encode()),
    )  # fmt: skip
    said = Response(parts=(Text(text=text), ToolCall(id="d", name="f", arguments=json.dumps({"b": text}))))
    row = await kept(bodies, ledger, request, said)
    assert row.redacted > 30
    found = read(row)
    assert found is not None
    for secret in secrets:
        assert secret not in repr(found)
    await ledger.close()
    data = ledger.path.read_bytes()
    assert not [secret for secret in secrets if secret.encode() in data]


async def test_a_digest_is_equal_for_equal_words(bodies: Bodies, ledger: SqliteLedger) -> None:
    """Of a hashed route nothing can be read; equal requests have equal digests, whatever the settings."""
    rows = [
        await kept(bodies, ledger, a_request(text, **given), answer("secret answer"), "digests")
        for text, given in (("one", {}), ("one", {"kind": "k", "deadline_s": 3.0}), ("two", {}))
    ]
    assert [keeping(row) for row in rows] == ["hashed"] * 3
    assert rows[0].request == rows[1].request != rows[2].request
    assert {row.answer for row in rows} == {""}
    assert read(rows[0]) is None


@pytest.mark.parametrize(("asked", "answered"), [("x" * 5000, "y"), ("x", "y" * 5000)])
async def test_what_is_too_large_is_only_told(bodies: Bodies, ledger: SqliteLedger, asked: str, answered: str) -> None:
    """A longer request or answer leaves a mark of its size and nothing of what it said."""
    row = await kept(bodies, ledger, a_request(asked), answer(answered))
    assert keeping(row) is None
    assert read(row) is None
    assert row.request.startswith(b"too-large:5")
    assert row.answer == ""


async def test_long_bodies_are_kept_too(ledger: SqliteLedger) -> None:
    """Those that are redacted in a thread are durable in the end like all others."""
    long = Bodies(ledger, parse(b'[serve]\nbodies = "full"', Path("assay.toml").absolute()))
    found = read(await kept(long, ledger, a_request("word " * 10_000), answer("a@x.org")))
    assert found is not None
    assert found.request.messages[0].text == "word " * 10_000


async def test_an_exchange_that_cannot_be_read_is_none(bodies: Bodies, ledger: SqliteLedger) -> None:
    """A damaged row, or one of a later version, is passed over and breaks nothing."""
    row = await kept(bodies, ledger, a_request("x"), answer("y"))
    assert read(msgspec.structs.replace(row, request=b"\x78\x01garbage")) is None
    assert read(msgspec.structs.replace(row, answer="{")) is None


async def test_old_bodies_are_deleted(bodies: Bodies, ledger: SqliteLedger, config: Config) -> None:
    """What is older than keep_days goes, also by itself while requests come in; the rest stays."""
    exchanges, fresh = Exchanges(ledger), await kept(bodies, ledger, a_request("x"), answer("y"))
    old = msgspec.structs.replace(fresh, request_id=id_at(time.time() - 3 * 86_400) + "0" * 20)
    await exchanges.add(old)
    assert await bodies.tidy() == 1
    assert await exchanges.one(old.request_id) is None
    assert await exchanges.one(fresh.request_id) == fresh
    await exchanges.add(old)
    tidied = asyncio.Event()

    class Watched(Bodies):
        async def tidy(self) -> int:
            try:
                return await super().tidy()
            finally:
                tidied.set()

    Watched(ledger, config).keeper("small")
    await asyncio.wait_for(tidied.wait(), 10)
    assert await exchanges.one(old.request_id) is None


def test_a_wrong_word_is_told(tmp_path: Path) -> None:
    """A mode that does not exist is refused with its place."""
    with pytest.raises(ConfigError, match="bodies"):
        parse(b'[serve]\nbodies = "some"', tmp_path / "assay.toml")
