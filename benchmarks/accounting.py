r"""Is each request paid for, once, by what its host says? `python -m benchmarks.accounting [--json] [--requests N]`.

A gateway before a host on loopback that knows the truth (`benchmarks.accounting_host`). Of the requests a third are
streamed, cut by the host, left by their client, refused, or never answered. Then the ledger is held against the host:

- each request has its row, and each call of the host exactly one attempt;
- what the host told is the cost, to the last picodollar; what it did not tell is a marked bound;
- the books (settled sums of budgets) are the sums of the rows, nothing is held any more, no budget is overspent;
- 32 clients near a limit: what fitted once running requests had settled was not refused.

Prints a verdict for each, and exits 1 where one is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from assay.ledger.rows import Row
from benchmarks.accounting_host import Host, Told, usage_of

INPUT_USD, OUTPUT_USD = 3.0, 15.0  # per million tokens
LIMIT_TOKENS, CLIENTS, FITTING = 64, 32, 60
PICO = 10**12
MONTH_USD = 500.0
TOML = """
[deployments.up]
model = "acme/m"
dialect = "openai"
base_url = "http://127.0.0.1:{port}/v1"
price_usd_per_mtok = {{ input = {input}, output = {output} }}
concurrency = 512
retries = 0
total_timeout_s = 1.0
breaker = {{ failures = 1000000 }}
[routes.work]
candidates = ["up"]
max_tokens = {limit}
[routes.near]
candidates = ["up"]
max_tokens = {limit}
[budgets.near]
route = "near"
usd = {near}
per = "total"
[constraints]
usd_per_month = {month}
[serve]
port = 0
api_key_env = "BENCH_KEY"
max_connections = 4096
"""


class Asked(NamedTuple):
    """One request, and when its client leaves."""

    doing: str
    number: int
    stream: bool
    leaves: bool
    named: bool

    def body(self, model: str) -> bytes:
        """As it is sent."""
        said: dict[str, Any] = {
            "model": model,
            "messages": [{"role": "user", "content": f"do={self.doing} n={self.number} " + "x" * (self.number % 90)}],
        }
        if self.stream:
            said["stream"] = True
        if self.named:
            said["max_tokens"] = LIMIT_TOKENS
        return json.dumps(said).encode()


class _Row(Row, frozen=True, kw_only=True):
    name: str
    count: int


class Verdict(NamedTuple):
    """One thing that must hold."""

    what: str
    holds: bool
    told: str


ODD = (
    ("answer", True, False), ("silent", True, False), ("cut", True, False), ("endless", True, True),
    ("error", False, False), ("busy", True, False), ("slow", False, True), ("hang", False, False),
)  # fmt: skip
"""What a third of the requests meet: what the host does, whether it is a stream, whether the client leaves."""


def asked(count: int) -> Iterator[Asked]:
    """Two whole answers, and then one of the others in turn."""
    for number in range(count):
        doing, stream, leaves = ODD[number // 3 % len(ODD)] if number % 3 == 2 else ("answer", False, False)
        if doing == "hang" and number // 3 % 40 != 7:  # a few: each takes the whole time limit
            doing = "answer"
        yield Asked(doing, number, stream, leaves, number % 2 == 0)


async def ask(url: str, body: bytes, *, leaves: bool) -> int:
    """The status of one request whose answer is read to its end, or left; 0 = there was none."""
    host, port = url.removeprefix("http://").split("/")[0].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-bench\r\nconnection: close\r\n"
            b"content-type: application/json\r\ncontent-length: " + str(len(body)).encode() + b"\r\n\r\n" + body
        )
        if leaves:
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.01)
            return 0
        head = await reader.readline()
        while await reader.read(1 << 16):
            pass
        return int(head.split()[1]) if head else 0
    except ConnectionError:
        return 0
    finally:
        writer.close()


async def flood(url: str, model: str, requests: Iterator[Asked], clients: int) -> Counter[int]:
    """Ask everything, so many at a time."""
    statuses: Counter[int] = Counter()

    async def client() -> None:
        for one in requests:
            statuses[await ask(url, one.body(model), leaves=one.leaves)] += 1

    await asyncio.gather(*(client() for _ in range(clients)))
    return statuses


async def near_limit(url: str) -> Counter[int]:
    """Clients that each ask until they are refused."""
    statuses: Counter[int] = Counter()

    async def client() -> None:
        status = 200
        while status == 200:
            status = await ask(url, _near().body("near"), leaves=False)
            statuses[status] += 1

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return statuses


def _near() -> Asked:
    return Asked("slow", 39, stream=False, leaves=False, named=False)


def cost_pico(number: int) -> int:
    """What a request costs by the host's counts."""
    given, made = usage_of(number)
    return round(given * INPUT_USD * 1e6) + round(made * OUTPUT_USD * 1e6)


async def bound_usd(folder: Path) -> float:
    """What is held for a request of those near the limit."""
    from assay.app import open_app
    from assay.dialects.openai_chat import OpenAIChat
    from assay.inference.bounds import bounded

    app = open_app(folder / "assay.toml")
    async with app:
        up: Any = app.spine.targets["up"]
        request = OpenAIChat().read_request(_near().body("near"))
        return bounded(up, up.limited(up.attempted(request, untouched=True), LIMIT_TOKENS)).usd or 0.0


async def ledger_rows(folder: Path) -> dict[str, Any]:
    """What the ledger holds in the end."""
    from assay.app import open_ledger
    from assay.config.load import load

    ledger = open_ledger(load(folder / "assay.toml"))
    try:
        requests = await ledger.rows(_Row, "select target as name, count(*) as count from requests group by 1")
        spend = await ledger.rows(_Row, "select scope as name, sum(settled_pico) as count from spend group by 1")
        attempts = await ledger.attempts(limit=1_000_000)
        return {
            "requests": {row.name: row.count for row in requests},
            "spend": {row.name: row.count for row in spend},
            "attempts": attempts,
            "held": sum(row["outcome"] == "running" for row in attempts),
        }
    finally:
        await ledger.close()


def verdicts(
    found: dict[str, Any], told: dict[str, Told], count: int, near: Counter[int], near_usd: float
) -> list[Verdict]:
    """Hold the ledger against the host."""
    attempts = found["attempts"]
    by_id = {row["provider_request_id"]: row for row in attempts if row["provider_request_id"]}
    wrong: Counter[str] = Counter()
    for id_, one in told.items():
        wrong[_wrong(by_id.get(id_), one)] += 1
    unheard = sum(row["provider_request_id"] is None and bool(row["sent_bytes"]) for row in attempts)
    silent = sum(id_ not in by_id for id_ in told)
    right = wrong.pop("", 0)
    requests, sums = Counter(found["requests"]), found["spend"]
    pico = sum(round((row["cost_usd"] or 0.0) * PICO) for row in attempts)
    near_pico = sum(round((row["cost_usd"] or 0.0) * PICO) for row in attempts if row["route"] == "near")
    lacking = sum(one.limit is None for one in told.values())
    return [
        Verdict("each request has its row", requests["work"] == count, f"{requests['work']} of {count}"),
        Verdict("each call of the host has its attempt", len(by_id) + unheard == len(told) and silent == unheard,
                f"{len(by_id)} by their id and {unheard} that were never answered, of {len(told)}"),
        Verdict("each cost is the host's count or a marked bound", not wrong, f"{right} right; {dict(wrong)} wrong"),
        Verdict("the host was told a limit for each answer", not lacking, f"{lacking} without"),
        Verdict("the books are the sums of the rows", sums == {"everything": pico, "route:near": near_pico},
                f"{sums} and {pico}, {near_pico} picodollars"),
        Verdict("nothing is held in the end", not found["held"], f"{found['held']} running"),
        Verdict("no budget is overspent", pico <= MONTH_USD * PICO and near_pico <= round(near_usd * PICO),
                f"{near_pico / PICO:.9f} of {near_usd:.9f} USD near the limit"),
        Verdict("nothing is refused that would have fitted", near[200] == FITTING + 1,
                f"{near[200]} answered of {FITTING + 1} that fit, by {CLIENTS} clients; {dict(near)}"),
    ]  # fmt: skip


def _wrong(row: dict[str, Any] | None, one: Told) -> str:
    """What is wrong with the row of a call; empty = nothing."""
    if row is None:
        return "" if one.status is None or one.doing in ("slow", "endless") else f"{one.doing}: no row"
    cost = round((row["cost_usd"] or 0.0) * PICO)
    basis, true = row["cost_basis"], cost_pico(one.number)
    if one.status != 200:
        return "" if (basis, cost) == ("none", 0) else f"{one.doing}: an error that cost something"
    if basis == "measured":
        return "" if one.usage and cost == true else f"{one.doing}: measured, and not what was told"
    if basis != "bound" or cost < true:
        return f"{one.doing}: {basis}, {cost} of {true}"
    return "" if not one.usage or row["outcome"] != "ok" else f"{one.doing}: told, and charged at the bound"


async def measure(count: int, folder: Path) -> list[Verdict]:
    """Start both, ask, stop, and look."""
    host = Host()
    await host.begin()
    price = {"port": host.port, "input": INPUT_USD, "output": OUTPUT_USD, "limit": LIMIT_TOKENS, "month": MONTH_USD}
    path = folder / "assay.toml"
    path.write_text(TOML.format(near=1.0, **price))
    near_usd = (FITTING * cost_pico(_near().number) + round(await bound_usd(folder) * PICO)) / PICO
    path.write_text(TOML.format(near=repr(near_usd), **price))
    server = subprocess.Popen(  # noqa: ASYNC220 - it only starts here
        [sys.executable, "-m", "assay", "serve", "--config", str(path), "--json"], cwd=folder, stdout=subprocess.PIPE,
        text=True, env={**os.environ, "BENCH_KEY": "sk-bench"},
    )  # fmt: skip
    try:
        assert server.stdout is not None
        url = await asyncio.to_thread(_url, server.stdout)
        started = time.perf_counter()
        statuses = await flood(url, "work", iter(list(asked(count))), CLIENTS)
        sys.stderr.write(f"{count} requests in {time.perf_counter() - started:.1f} s: {dict(statuses)}\n")
        near = await near_limit(url)
    finally:
        server.terminate()
        await asyncio.to_thread(server.wait, 30)
        await host.end()
    return verdicts(await ledger_rows(folder), host.told, count, near, near_usd)


def _url(out: Any) -> str:
    text = ""
    for line in out:
        text += line
        with suppress(ValueError):
            return str(json.loads(text)["url"])
    raise SystemExit(f"the gateway did not start: {text}")


def main() -> None:
    """Measure, print, and say by the exit status whether all holds."""
    parser = argparse.ArgumentParser(prog="benchmarks.accounting", description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(given.requests, Path(folder)))
    if given.json:
        sys.stdout.write(json.dumps([one._asdict() for one in found]) + "\n")
    else:
        sys.stdout.writelines(f"{'yes' if one.holds else 'NO '}  {one.what}: {one.told}\n" for one in found)
    sys.exit(0 if all(one.holds for one in found) else 1)


if __name__ == "__main__":
    main()
