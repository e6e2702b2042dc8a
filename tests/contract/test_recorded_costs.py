"""Recorded exchanges of public projects: each answer has a cost, and none costs more than what would have been held.

The recordings lie beside the checkout (`ASSAY_SHARED`, default `../shared`), not in it.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from benchmarks.wire import shared
from benchmarks.wire_formats import CLIENTS, inbound, outbound, upstream_of

from assay.catalog.load import builtin
from assay.config.schema import Deployment, Price
from assay.dialects.splice import splice_model
from assay.errors import AssayError, CatalogError
from assay.inference.bounds import Bound, bounded, works_there
from assay.inference.charges import Charge, charge
from assay.inference.deployment import LiveDeployment
from assay.providers.provider import Attempted, Meter
from assay.types import Request, Response, fold

DATA = shared() / "data" / "wire"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no recordings under {shared()}"),
    pytest.mark.timeout(300),
]
PRICE = Price(input=3.0, output=15.0, cached_input=0.3, cache_write=6.0)
MAKERS = {
    "anthropic": "anthropic/",
    "openai": "openai/",
    "azure-openai": "openai/",
    "xai": "x-ai/",
    "mistral": "mistralai/",
}
REDACTED = "encrypted_content_REDACTED"
"""Where the recording lacks most of the bytes that were sent."""


class Told(NamedTuple):
    """A recorded answer, and what it would have cost here."""

    record: dict[str, Any]
    response: Response
    bound: Bound
    charge: Charge

    @property
    def asks_usage(self) -> bool:
        """Whether the request was one that hosts answer with usage."""
        return not self.record["stream"] or "include_usage" in json.dumps(self.record["request_body"])


def records() -> Iterator[dict[str, Any]]:
    """All exchanges, as they were recorded."""
    for path in sorted(Path(DATA).glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)


@cache
def deployment(provider: str, called: str) -> LiveDeployment:
    """The model that was called, at one price for all."""
    known = MAKERS.get(provider, "acme/") + called.rsplit("/", 1)[-1].lower()
    host = "venice" if provider == "venice" else None
    config = Deployment(model=known, dialect="openai", host=host, price_usd_per_mtok=PRICE)
    try:
        model = builtin().find(known)
    except CatalogError:
        model = None
    return LiveDeployment(name="d", config=config, provider=None, model=model)  # type: ignore[arg-type]


def told(record: dict[str, Any]) -> Told | None:
    """What a recorded answer would have cost; None = it is none that we read."""
    upstream = upstream_of(record)
    answered = isinstance(record.get("response_body"), str) and (record["status"] or 200) < 400
    if upstream is None or not answered or not isinstance(record["request_body"], dict):
        return None
    dialect, body = outbound(upstream), record["response_body"].encode()
    try:
        decoder = dialect.decoder()
        events = decoder.feed(body) + decoder.close() if record["stream"] else dialect.read_response(body)
    except AssayError:
        return None  # an error under status 200, or cut
    response, bound, request = fold(events), Bound(None), Request()
    live = deployment(record["provider"], str(record["request_body"].get("model", "x")))
    if upstream in CLIENTS:
        raw = json.dumps(record["request_body"], separators=(",", ":"), ensure_ascii=False).encode()
        request = inbound(upstream).read_request(raw)
        bound = bounded(live, Attempted(request, request.native))
    tools = works_there(request) or (upstream == "gemini" and "codeExecution" in json.dumps(record["request_body"]))
    cost = charge(
        live, request.form, Meter(sent_bytes=1), outcome="ok", error=None,
        answer=response, bound=Bound(None, works_there=tools),
    )  # fmt: skip
    return Told(record, response, bound, cost)


@pytest.fixture(scope="module")
def answers() -> list[Told]:
    """Every recorded answer that can be read."""
    return [one for record in records() if (one := told(record)) is not None]


def test_every_recorded_answer_has_a_cost(answers: list[Told]) -> None:
    """Streamed or not, in every format; but for searches and fast service where only tokens have a price."""
    asked = [one for one in answers if one.response.usage is not None]
    assert len(asked) > 2_500
    for one in asked:
        native = json.dumps(one.response.usage.native) if one.response.usage else ""
        extra = json.dumps(msgspec.to_builtins(one.response.extra))
        searched = '"web_search_requests": ' in native or "web_search" in json.dumps(one.record["request_body"])
        fast = '"priority"' in extra + native
        assert one.charge[1] == "measured" or searched or fast, one.record["id"]


def test_what_tells_no_usage_was_never_asked_for_it(answers: list[Told]) -> None:
    """Streams tell their usage where they are asked: clients need not ask, for the gateway does."""
    silent = [one for one in answers if one.response.usage is None and one.record["stream"]]
    assert silent
    assert not [one.record["id"] for one in silent if one.asks_usage]
    for one in silent[:20]:
        asked = json.loads(splice_model(json.dumps(one.record["request_body"]).encode(), "m"))
        assert asked["stream_options"]["include_usage"] is True


def test_no_recorded_answer_costs_more_than_is_held(answers: list[Told]) -> None:
    """Bytes, media and what hosts write around a prompt bound the input; the limit of the answer bounds the output."""
    held = [one for one in answers if one.bound.usd is not None and one.charge[0] is not None]
    assert len(held) > 2_000
    beyond = [one.record["id"] for one in held if one.charge[0] > one.bound.usd]  # type: ignore[operator]
    beyond = [id_ for id_ in beyond if id_ not in {one.record["id"] for one in held if _is_redacted(one.record)}]
    assert not beyond


def _is_redacted(record: dict[str, Any]) -> bool:
    return REDACTED in json.dumps(record["request_body"])
