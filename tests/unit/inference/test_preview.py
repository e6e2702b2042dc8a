"""Previews and kept exchanges: what would be sent and what was, byte for byte, without a key."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from upstreams import PRIVATE, ask, host, rows, sse, stream, well, whole

from assay.errors import ConfigError
from assay.inference.asking import Asking
from assay.inference.spine import Spine
from assay.inference.trace import Trace
from assay.ledger.store import SqliteLedger
from assay.types import OutputFormat

MakeSpine = Callable[..., Spine]

CONFIG = """
[deployments.plain]
model = "x/plain"
dialect = "openai"
base_url = "http://127.0.0.1:{port}/v1"
api_key_env = "ASSAY_TEST_KEY"
upstream_model = "up"

[deployments.few]
model = "x/few"
dialect = "openai"
base_url = "http://user:pass@127.0.0.1:{port}/v1"
private = true
settings = {{ system = "Be brief.", max_tokens = 9 }}

[deployments.words]
model = "x/words"
dialect = "completions"
base_url = "http://127.0.0.1:{port}/v1"
private = true

[routes.inner]
candidates = ["few", "words"]

[routes.r]
candidates = ["plain", "inner"]
kind = "k"
"""
RAW = '{"model": "r",  "messages": [{"role": "user", "content": "hi"}]}'
KEY = "sk-not-to-be-seen"


async def test_each_deployment_of_a_route_is_shown(
    make_spine: MakeSpine, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nested ones under their route's name; the client's bytes pass where nothing is applied; nothing is recorded."""
    monkeypatch.setenv("ASSAY_TEST_KEY", KEY)
    shown = make_spine(CONFIG.format(port=9)).preview(ask(native=RAW), "r")
    assert [one.path for one in shown] == ["plain", "inner/few", "inner/words"]
    plain, few, words = shown
    assert plain.wire is not None
    assert (plain.passed_through, plain.wire.body) == (True, RAW.replace('"r"', '"up"').encode())
    assert few.wire is not None
    assert few.wire.url == "http://127.0.0.1:9/v1/chat/completions"  # without user and password
    sent = json.loads(few.wire.body)
    assert (few.passed_through, sent["max_tokens"]) == (False, 50)
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (words.wire, words.problem) == (None, "RequestError: a chat cannot be sent to a plain completion")
    assert rows(ledger.path) == []


async def test_what_constraints_remove_is_shown_with_the_reason(make_spine: MakeSpine) -> None:
    """A private request would go to private deployments only."""
    shown = make_spine(CONFIG.format(port=9)).preview(ask(label=PRIVATE), "r")
    assert shown[0].wire is None
    assert "private" in (shown[0].problem or "")
    assert shown[1].wire is not None


async def test_an_unknown_target_has_no_preview(make_spine: MakeSpine) -> None:
    """It is an error that names the nearest."""
    with pytest.raises(ConfigError, match="did you mean 'few'"):
        make_spine(CONFIG.format(port=9)).preview(ask(), "fw")


async def test_a_local_deployment_and_missing_weights(make_spine: MakeSpine, tmp_path: Path) -> None:
    """What an engine would be told stands without an address, before one runs; weights that are gone are a problem."""
    (tmp_path / "m.gguf").write_bytes(b"x")
    local = '[deployments.{0}]\nmodel = "x/{0}"\ndialect = "local"\nweights = "{1}"\nsettings = {{ style = "text" }}\n'
    spine = make_spine(local.format("here", "m.gguf") + local.format("gone", "package:assay_no_such/m.gguf"))
    (here,) = spine.preview(ask(output=OutputFormat(kind="grammar", grammar='root ::= "a"')), "here")
    assert here.wire is not None
    assert here.wire.url == "local:/v1/completions"
    body = json.loads(here.wire.body)
    assert (body["prompt"], body["grammar"], body["temperature"], body["seed"]) == ("hi", 'root ::= "a"', 0, 0)
    (gone,) = spine.preview(ask(), "gone")
    assert gone.wire is None
    assert "assay_no_such" in (gone.problem or "")


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_kept_exchange_holds_the_bytes(
    make_spine: MakeSpine, monkeypatch: pytest.MonkeyPatch, streamed: bool
) -> None:
    """What was sent is what was previewed; what was received is the answer's body; the key is in neither."""
    monkeypatch.setenv("ASSAY_TEST_KEY", KEY)
    async with host(well) as upstream:
        spine = make_spine(CONFIG.format(port=upstream.port))
        asking = Asking(spine, ask(stream=streamed, kind="k"), "few", Trace(keep_exchanges=True))
        await asking.finish()
        assert asking.error is None
        exchange = asking.trace.records[0].exchange
        assert exchange is not None
        assert exchange.sent == spine.preview(ask(stream=streamed, kind="k"), "few")[0].wire
        assert exchange.sent is not None
        assert exchange.sent.body == upstream.seen[0].body
        assert bytes(exchange.received) == (b"".join(sse("hello", " there")) if streamed else whole())
        asking = Asking(spine, ask(), "plain", Trace(keep_exchanges=True))
        await asking.finish()
        assert f"Bearer {KEY}".encode() in upstream.seen[1].head
        assert KEY not in str(asking.trace.records[0].exchange)


async def test_nothing_is_kept_unasked(make_spine: MakeSpine) -> None:
    """Without `keep_exchanges` an answer's bytes are counted and let go."""
    async with host(well) as upstream:
        asking = Asking(make_spine(CONFIG.format(port=upstream.port)), ask(), "few")
        await asking.finish()
    assert asking.trace.records[0].exchange is None


async def test_what_came_before_a_break_is_kept(make_spine: MakeSpine) -> None:
    """A stream that is cut leaves what it had sent, for a person who looks for the fault."""
    pieces = sse("half", done=False, finish=False, usage=None)

    async with host(lambda seen: stream(seen, pieces)) as upstream:
        asking = Asking(
            make_spine(CONFIG.format(port=upstream.port)), ask(stream=True), "few", Trace(keep_exchanges=True)
        )
        await asking.finish()
    assert (asking.call.error or "").startswith("MalformedReply")
    exchange = asking.trace.records[-1].exchange
    assert exchange is not None
    assert bytes(exchange.received) == b"".join(pieces)
