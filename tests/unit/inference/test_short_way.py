"""The short way is a way only: hosts, clients and books see what they would see of the general one."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from msgspec.structs import replace
from upstreams import Heard, Host, Seen, host, rows, settled, sse, stream, well, whole

from assay.catalog.load import builtin
from assay.config.load import parse
from assay.dialects import chat_request
from assay.errors import AssayError
from assay.inference import spine as spines
from assay.inference.build import Builder
from assay.inference.spine import Options, Spine
from assay.inference.trace import Trace
from assay.ledger.budgets import Account, Budget
from assay.ledger.store import SqliteLedger
from assay.types import Label, Raw, Request

TOML = """
[deployments.a]
model = "{model}"
dialect = "openai"
base_url = "{url}"
api_key_env = "KEY_A"
retries = 0
private = true
breaker = {{ failures = 2, open_s = 100.0 }}
headers = {{ "x-own" = "a" }}
{price}
{settings}
[deployments.b]
model = "acme/b"
dialect = "openai"
base_url = "{url}"
api_key_env = "KEY_B"
retries = 0
private = {private}
breaker = {{ failures = 2, open_s = 100.0 }}
{other_price}
[routes.r]
candidates = ["a", "b"]
policy = {{ kind = "fallback" }}
{route}
[routes.outer]
candidates = ["r", "b"]
policy = {{ kind = "fallback" }}
{outer}
[constraints]
unknown_price = "{unknown}"
unlabelled_data = "{unlabelled}"
budget_wait_s = 0.0
{month}
"""
OWN = "price_usd_per_mtok = { input = 1.0, output = 2.0 }"
HUGE = {"prompt_tokens": 10**7, "completion_tokens": 10**7, "total_tokens": 2 * 10**7}
OF_TIME = (
    "id",
    "request_id",
    "session_id",
    "answered_by",
    "started_at",
    "total_s",
    "first_event_s",
    "reason",
    "message",
)
"""Columns in which two runs of the same requests differ, and words that tell of times."""


class Ran(NamedTuple):
    """What came of some requests: for their clients, at their hosts, and in the books."""

    given: list[object]
    received: list[tuple[bytes, bytes]]
    attempts: list[dict[str, Any]]
    requests: list[dict[str, Any]]


async def behaves(seen: Seen) -> None:
    """As the first word of the prompt says; `?` only where the key is that of `a`."""
    word, streamed = seen.json["messages"][-1]["content"].split()[0], seen.json.get("stream")
    if word.endswith("?") and b"key-a" not in seen.head:
        return await well(seen)
    match word.rstrip("?"):
        case "500" | "400" as status:
            return await seen.answer(b'{"error": {"message": "key-a-0"}}', f"{status} Bad")
        case "cut" if streamed:
            await seen.begin()
            await seen.chunk(b"".join(sse("one", done=False, finish=False, usage=None)))
            return seen.reset()
        case "cut":
            await seen.say(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{")
            return seen.reset()
        case "huge" | "untold" as word:
            usage = HUGE if word == "huge" else None
            return await (stream(seen, sse("x", usage=usage)) if streamed else seen.answer(whole(usage=usage)))
        case "other":
            return await (seen.answer(whole()) if streamed else stream(seen, sse("hello")))
    await well(seen)


def configured(rnd: random.Random, url: str) -> str:
    """A configuration of some kind."""
    budgets = "".join(
        f'[budgets.{name}]\nroute = "{name}"\nusd = {rnd.choice([1.0, 0.001])}\nper = "day"\n'
        for name in ("a", "b", "r", "outer")
        if rnd.random() < 0.3
    )
    return budgets + TOML.format(
        url=url,
        model=rnd.choice(["acme/a", "openai/gpt-4o-mini", "google/gemini-2.5-pro", "deepseek-ai/deepseek-v4-flash"]),
        price=rnd.choice([OWN, ""]),
        other_price=rnd.choice([OWN, OWN, ""]),
        settings=rnd.choice(["", "", "", "settings = { max_tokens = 33 }", 'only_kinds = ["x"]']),
        private=rnd.choice(["true", "false"]),
        route=rnd.choice(["max_tokens = 20\n", ""]) + rnd.choice(["", 'label = "public"', 'label = "private-only"']),
        outer=rnd.choice(["", 'label = "private-only"', "max_tokens = 10"]),
        unknown=rnd.choice(["allow", "refuse"]),
        unlabelled=rnd.choice(["any", "private-only"]),
        month=rnd.choice(["", "usd_per_month = 1.0"]),
    )


def asked(rnd: random.Random) -> Request:
    """A client's request of some kind."""
    words = ["well", "well", "500", "500?", "400", "400?", "cut", "cut?", "huge", "untold", "other"]
    text = rnd.choice(words) + " w" * rnd.choice([0, 0, 0, 150_000])
    body: dict[str, Any] = {"model": "r", "messages": [{"role": "user", "content": text}], "stream": rnd.random() < 0.5}
    if rnd.random() < 0.4:
        body["max_tokens"] = rnd.choice([5, 50, 10**6])
    if rnd.random() < 0.1:
        body |= rnd.choice([{"service_tier": "priority"}, {"n": 3}])
    return replace(chat_request.read_request(msgspec.json.encode(body)), label=rnd.choice(list(Label)))


async def given(spine: Spine, request: Request, target: str, options: Options) -> tuple[object, ...]:
    """What a client is given for a request, and what its attempts were."""
    trace = Trace()
    found: object
    try:
        if request.stream:
            heard = Heard()
            await spine.stream(heard, request, target, trace, options)
            events = [heard.events.get_nowait() for _ in range(heard.events.qsize())]
            found = b"".join(event.data for event in events if isinstance(event, Raw))
        else:
            said = await spine.whole(request, target, trace, options)
            found = said if isinstance(said, bytes) else said.text
    except AssayError as error:
        found = type(error).__name__
    for written in trace.pending:
        await written
    tried = [(one.path, one.deployment, one.outcome, one.cost_usd, one.why, one.label) for one in trace.records]
    return target, found, tried, trace.cost


async def ran(spine: Spine, up: Host, rnd: random.Random, path: Path, monkeypatch: pytest.MonkeyPatch) -> Ran:
    """Some requests one after another, while keys are exchanged."""
    found: list[object] = []
    received: list[tuple[bytes, bytes]] = []
    for number in range(8):
        for name in ("a", "b"):
            if number == 0 or rnd.random() < 0.2:
                monkeypatch.setenv(f"KEY_{name.upper()}", f"key-{name}-{number}")
        account = Account(
            "k", "t", (Budget("key:k", rnd.choice([1.0, 1.0, 0.001]), "total"), Budget("team:t", 1.0, "day"))
        )
        target = rnd.choice(["r", "r", "r", "a", "b", "outer"])
        found.append(await given(spine, asked(rnd), target, Options(bytes_only=True, account=account)))
        for seen in up.seen[len(received) :]:
            head = seen.head.split(b"\r\n", 2)[2]  # without the address
            received.append((head, seen.body))
    await settled(path)
    attempts, requests = rows(path), rows(path, "select * from requests order by started_at")
    for row in (*attempts, *requests):
        for column in OF_TIME:
            row.pop(column, None)
    return Ran(found, received, attempts, requests)


@pytest.mark.parametrize("seed", range(16))
async def test_both_ways_are_one(
    empty_ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Whatever the configuration, the request, its host and the money: bytes, headers, rows and sums are the same."""
    both: list[Ran] = []
    for way in ("short", "general"):
        if way == "general":
            monkeypatch.setattr(spines, "passage_of", lambda *_: None)
        rnd, path = random.Random(seed), tmp_path / f"{way}.db"  # noqa: S311 - no secret
        ledger = SqliteLedger(shutil.copyfile(empty_ledger, path))
        async with host(behaves) as up:
            config = parse(configured(rnd, up.url).encode(), tmp_path / "assay.toml")
            spine = Builder(builtin(), config.local).spine(config, ledger)
            both.append(await ran(spine, up, rnd, path, monkeypatch))
            await spine.close()
        await ledger.close()
    short, general = both
    assert short == general
