"""The bound of a call is a bound: media, what hosts write around prompts, tiers, tools of the host."""

from __future__ import annotations

import base64
import time
from calendar import timegm
from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec
import pytest

from assay.catalog.prices import CatalogPrice
from assay.config.schema import Price
from assay.dialects.anthropic import Anthropic
from assay.dialects.openai_chat import OpenAIChat
from assay.envelope.media import table, unseen
from assay.inference.bounds import Bound, bounded, works_there
from assay.inference.deployment import LiveDeployment
from assay.inference.spine import Spine
from assay.types import Usage

MakeSpine = Callable[..., Spine]
TOML = """
[deployments.up]
model = "{model}"
dialect = "{dialect}"
base_url = "http://127.0.0.1:9"
{more}
"""
INPUT_ONLY = "price_usd_per_mtok = { input = 1e6, output = 0 }"
"""One USD for each token of the input."""
PLAIN = "openai/gpt-4o-mini"


def live(make_spine: MakeSpine, model: str = PLAIN, more: str = INPUT_ONLY, dialect: str = "openai") -> LiveDeployment:
    """A deployment of this model."""
    found = make_spine(TOML.format(model=model, more=more, dialect=dialect)).targets["up"]
    assert isinstance(found, LiveDeployment)
    return found


def bound(up: LiveDeployment, content: Any, **more: Any) -> tuple[Bound, int]:
    """The bound of a client's chat, and the bytes of its body."""
    body = {"model": "up", "max_tokens": 10, "messages": [{"role": "user", "content": content}], **more}
    raw = msgspec.json.encode(body)
    dialect = Anthropic() if up.config.dialect == "anthropic" else OpenAIChat()
    return bounded(up, up.attempted(dialect.read_request(raw), untouched=True)), len(raw)


def image(size: int, media: str = "png") -> dict[str, Any]:
    """A picture of so many bytes, sent along."""
    data = base64.b64encode(b"x" * size).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/{media};base64,{data}"}}


def test_text_is_its_bytes_and_what_is_written_around_it(make_spine: MakeSpine) -> None:
    """Tools are explained to a model in a prompt that no client sees."""
    known = unseen(PLAIN, None)
    plain, size = bound(live(make_spine), "hi")
    assert plain.usd == size + known.plain
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    with_tools, size = bound(live(make_spine), "hi", tools=tools)
    assert with_tools.usd == size + known.tools


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_a_picture_counts_as_its_maker_says_and_not_by_its_bytes(make_spine: MakeSpine, size: int) -> None:
    """Base64 of a photograph would hold a hundred times what it can cost."""
    found, whole = bound(live(make_spine), [{"type": "text", "text": "?"}, image(size)])
    encoded = len(base64.b64encode(b"x" * size))
    assert found.usd == whole - encoded + unseen(PLAIN, None).plain + 48_169


def test_a_picture_behind_an_address_counts_the_same(make_spine: MakeSpine) -> None:
    """Where it comes from changes nothing."""
    content = [{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]
    found, whole = bound(live(make_spine), content)
    assert found.usd == whole + unseen(PLAIN, None).plain + 48_169


def test_pictures_are_no_more_than_the_context(make_spine: MakeSpine) -> None:
    """A host reads no more than its model can."""
    found, whole = bound(live(make_spine), [image(3)] * 50)
    assert found.usd is not None
    assert found.usd < whole + unseen(PLAIN, None).plain + 128_001


def test_a_picture_for_a_model_that_nobody_knows_has_no_bound(make_spine: MakeSpine) -> None:
    """Neither tokens nor context are known: a budget must refuse it."""
    found, _ = bound(live(make_spine, "acme/sees"), [image(3)])
    assert (found.usd, found.missing) == (None, "context of the model, and so the input")


def test_sound_counts_by_its_length(make_spine: MakeSpine) -> None:
    """A second of sound has few tokens and many bytes; in a form whose rate is unknown, its bytes count."""
    data = base64.b64encode(b"x" * 160_000).decode()
    wav, whole = bound(live(make_spine), [{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}])
    assert wav.usd is not None
    assert 100 * 20 < wav.usd - (whole - len(data)) < 110 * 20 + 300
    flac, whole = bound(live(make_spine), [{"type": "input_audio", "input_audio": {"data": data, "format": "flac"}}])
    assert flac.usd == whole + unseen(PLAIN, None).plain


@pytest.mark.parametrize(
    ("more", "there"),
    [
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, True),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, False),
        ({"tools": [{"name": "f", "input_schema": {"type": "object"}}]}, False),
        ({"mcp_servers": [{"type": "url", "url": "https://example.org", "name": "x"}]}, True),
    ],
)
def test_tools_that_the_host_runs_have_no_bound(make_spine: MakeSpine, more: dict[str, Any], there: bool) -> None:
    """They are billed by use, and what they find is billed as input; those that a client runs are only text."""
    up = live(make_spine, "anthropic/claude-sonnet-4-5", dialect="anthropic")
    found, _ = bound(up, "hi", **more)
    assert (found.usd is None) is there
    raw = msgspec.json.encode({"model": "up", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}], **more})
    assert works_there(Anthropic().read_request(raw)) is there


def test_thinking_beyond_the_limit_counts_where_a_host_does_so(make_spine: MakeSpine) -> None:
    """The limit holds for what is said; the longest thought is added."""
    more = "price_usd_per_mtok = { input = 0, output = 1e6 }"
    thinks, _ = bound(live(make_spine, "x-ai/grok-4", more), "hi", max_tokens=100)
    assert thinks.usd is None or thinks.usd > 10_000
    plain, _ = bound(live(make_spine, PLAIN, more), "hi", max_tokens=100)
    assert plain.usd == 101


def test_a_faster_tier_is_held_at_its_rate(make_spine: MakeSpine) -> None:
    """Who asks for it pays more; where nobody knows how much, there is no bound."""
    listed = live(make_spine, "openai/gpt-4.1", "")
    usual, _ = bound(listed, "hi")
    fast, _ = bound(listed, "hi", service_tier="priority")
    assert usual.usd is not None
    assert fast.usd is not None
    assert fast.usd > 1.5 * usual.usd
    own, _ = bound(live(make_spine), "hi", service_tier="priority")
    assert (own.usd, own.missing) == (None, "price of the service tier")


def test_writing_to_a_cache_counts_where_it_is_asked_for(make_spine: MakeSpine) -> None:
    """A team's price without a rate for it: twice the input is the most that any maker takes."""
    up = live(make_spine, "anthropic/claude-sonnet-4-5", dialect="anthropic")
    plain, size = bound(up, [{"type": "text", "text": "hi"}])
    cached, more = bound(up, [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}])
    assert plain.usd == size + 64
    assert cached.usd == 2 * (more + 64)


def test_short_calls_are_held_and_charged_at_the_rates_of_short_calls(make_spine: MakeSpine) -> None:
    """Long contexts are dearer at some hosts; a short call must not hold, or be charged, what only long ones cost."""
    up = live(make_spine, "google/gemini-2.5-pro", "", "gemini")
    assert up.price.by_length
    short, long = up.price_for(1_000), up.price_for(900_000)
    assert short.price is not None
    assert long.price is not None
    assert short.price.input < long.price.input
    assert up.price_for(200_000).price == short.price
    assert up.price_for(200_001).price == long.price


def test_a_price_that_changes_by_the_hour_is_looked_up_once_a_minute(
    make_spine: MakeSpine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes milliseconds, and is asked for twice with each call; the next minute may be of another hour."""
    up = live(make_spine, "deepseek-ai/deepseek-v4-flash", "", "openai")
    assert up.price.by_hour
    asked: list[float] = []
    now = [time.time() // 60 * 60 + 60.0]

    def looked_up(*_: object, **__: object) -> CatalogPrice:
        asked.append(now[0])
        return CatalogPrice(Price(input=len(asked), output=1.0), None, "test", by_hour=True)

    monkeypatch.setattr("assay.inference.deployment.price_now", looked_up)
    monkeypatch.setattr("assay.inference.deployment.time.time", lambda: now[0])
    begun = now[0]
    for _ in range(3):
        assert up.price_for(100).price == Price(input=1.0, output=1.0)
        now[0] += 19.9
    now[0] = begun + 60.0
    assert up.price_for(100).price == Price(input=2.0, output=1.0)
    assert asked == [begun, begun + 60.0]
    assert up.flat_price is None


@pytest.mark.parametrize("by_length", [False, True])
def test_a_price_that_is_known_to_end_is_looked_up_again_on_that_day(
    make_spine: MakeSpine, monkeypatch: pytest.MonkeyPatch, by_length: bool
) -> None:
    """A gateway runs for months, and lists say beforehand from when on they change."""
    up = live(make_spine, "google/gemini-2.5-pro" if by_length else PLAIN, "", "openai")
    now = [float(timegm((2026, 12, 31, 23, 59, 59)))]

    def looked_up(*_: object, **__: object) -> CatalogPrice:
        rate, until = (1.0, date(2027, 1, 1)) if now[0] < timegm((2027, 1, 1, 0, 0, 0)) else (2.0, None)
        return CatalogPrice(Price(input=rate, output=1.0), None, "test", by_length=by_length, until=until)

    monkeypatch.setattr("assay.inference.deployment.price_now", looked_up)
    monkeypatch.setattr("assay.inference.deployment.time.time", lambda: now[0])
    for expected in (1.0, 2.0):
        for tokens in (None, 100):
            found = up.price_for(tokens).price
            assert found is not None
            assert found.input == expected
        now[0] += 1.0
    assert (up.flat_price is None) is by_length


def test_an_input_that_was_told_makes_the_bound_nearer() -> None:
    """Never above what it was, whatever a host says."""
    price = Price(input=1e6, output=1e6, cached_input=2e6)
    whole = Bound(1_000.0, None, 100, price)
    assert whole.after(Usage(input=10, output=3)) == 10 * 2 + 100
    assert whole.after(Usage(input=10_000)) == 1_000.0
    assert whole.after(Usage(output=3)) == whole.after(None) == 1_000.0
    assert whole.after(Usage(input=0, output=0)) == 1_000.0, "a host that knows it only in the end says 0 before"
    assert Bound(None, "price").after(Usage(input=10)) is None


def test_every_entry_of_the_table_has_a_source() -> None:
    """Each figure says who says so, and of all models something is known of what is written around a prompt."""
    known = table()
    for one in (*known.media, *known.prompts, *known.limits):
        assert known.sources[one.evidence].as_of
    assert unseen("whoever/x", None).plain > 0
    assert unseen("whoever/x", "venice").plain > 5_000, "more than was recorded"
