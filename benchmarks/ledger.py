"""What the ledger costs a request, and how soon it stands again: `python -m benchmarks.ledger [--json]`.

A request is what the gateway records of one: an intent whose bound is held under a budget, a settlement and the row of
the request. Each way of writing runs in a process of its own. Counted is the CPU of all its threads, folding included,
without that of a loop that makes the rows and records nothing; the median of the rounds stands in the table. `sqlite`
is the way without a journal, which remains for what does not fit into it. At the end a process is killed whose journal
is as long as it may be, and the ledger is opened again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

from assay.ledger import journal, store, writer
from assay.ledger.budgets import EVERYTHING, Budget
from assay.ledger.journal import paths_of
from assay.ledger.rows import Intent, RequestRow, Settlement, new_id
from assay.ledger.store import SqliteLedger

WAYS = ("commit", "relaxed", "fsync", "sqlite")
BUDGETS = (Budget(EVERYTHING, 1e6),)
AT_ONCE = 32
KEY = "01a21bb30da407bd194deaac578ba420"
WHY = "the first candidate that is well"


def intent_of(request_id: str) -> Intent:
    """An attempt as the gateway makes it."""
    return Intent(
        id=new_id(), request_id=request_id, path="0", route="support", deployment="frontier",
        model="openai/gpt-4o-mini", dialect="openai", kind="tickets.classify", label="unlabelled",
        started_at=time.time(), passed_through=True, reserved_usd=0.0123, why=WHY, key_id=KEY, team="shop",
    )  # fmt: skip


def settlement_of(attempt_id: str) -> Settlement:
    """What came of it."""
    return Settlement(
        id=attempt_id, outcome="ok", total_s=0.412, cost_usd=0.000123, cost_basis="measured", first_event_s=0.2,
        finish="stop", input_tokens=412, cached_tokens=0, output_tokens=96, sent_bytes=2100, received_bytes=5300,
        provider_request_id="req_0123456789abcdef0123",
    )  # fmt: skip


def row_of(request_id: str, attempt_id: str) -> RequestRow:
    """The request, finished."""
    return RequestRow(
        id=request_id, target="support", kind="tickets.classify", label="unlabelled", started_at=time.time(),
        total_s=0.413, outcome="answered", attempts=1, cached=False, cost_usd=0.000123, cost_basis="measured",
        answered_by=attempt_id, deployment="frontier", why=WHY, key_id=KEY, team="shop",
    )  # fmt: skip


async def request(ledger: SqliteLedger) -> None:
    """What is recorded of one request."""
    request_id = new_id()
    intent = intent_of(request_id)
    if not ledger.hold_now(intent, BUDGETS):
        await ledger.hold(intent, BUDGETS)
    written = ledger.finish(settlement_of(intent.id), row_of(request_id, intent.id))
    if written is not None:
        await written


async def requests(ledger: SqliteLedger, count: int) -> float:
    """So many, some at once with a turn of the loop between two of each; returns the longest turn in seconds."""
    longest = 0.0

    async def client() -> None:
        nonlocal longest
        for _ in range(count // AT_ONCE):
            await request(ledger)
            began = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - began)

    await asyncio.gather(*(client() for _ in range(AT_ONCE)))
    return longest


async def bare(count: int) -> None:
    """The same turns and rows without a ledger."""

    async def client() -> None:
        for _ in range(count // AT_ONCE):
            request_id = new_id()
            intent = intent_of(request_id)
            settlement_of(intent.id)
            row_of(request_id, intent.id)
            await asyncio.sleep(0)

    await asyncio.gather(*(client() for _ in range(AT_ONCE)))


def measure(way: str, count: int, folder: Path) -> dict[str, float]:
    """CPU and wall of so many requests, per request in microseconds, beside a loop that records nothing."""
    began = time.process_time()
    asyncio.run(bare(count))
    without_s = time.process_time() - began
    durability: Literal["commit", "fsync", "relaxed"] = "commit"
    if way == "sqlite":
        store.MAX_UNFOLDED_BYTES = -1
    else:
        durability = way  # type: ignore[assignment]
    ledger = SqliteLedger(folder / "ledger.db", durability)

    async def recorded() -> dict[str, float]:
        await requests(ledger, AT_ONCE * 8)
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        longest_s = await requests(ledger, count)
        done_s = time.perf_counter()
        await ledger.attempts(limit=1)
        return {
            "cpu_us": (time.process_time() - cpu_s - without_s) / count * 1e6,
            "wall_us": (done_s - wall_s) / count * 1e6,
            "longest_turn_ms": longest_s * 1000,
        }

    found = asyncio.run(recorded())
    ledger.close_now()
    return found


def unfolded(folder: Path) -> None:
    """Fill a journal to its bound, say how many requests that were, and wait to be killed."""
    writer.FOLD_S, journal.MUCH_BYTES = 3600.0, 2**60
    ledger = SqliteLedger(folder / "ledger.db")

    async def fill() -> int:
        count = 0
        await ledger.hold(intent_of(new_id()), BUDGETS)  # leases money by SQLite
        while ledger._journal.unfolded_bytes < store.MAX_UNFOLDED_BYTES:
            await request(ledger)
            count += 1
        return count

    print(asyncio.run(fill()), flush=True)
    signal.pause()


def restarted(folder: Path) -> dict[str, float]:
    """Kill a process whose journal is as long as it may be, and open the ledger again."""
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.ledger", "--unfolded", str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    count = int(child.stdout.readline())
    child.kill()
    child.wait()
    child.stdout.close()
    size_bytes = sum(path.stat().st_size for path in paths_of(folder / "ledger.db", "*"))
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    ledger = SqliteLedger(folder / "ledger.db")
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    rows = ledger._writer.submit(lambda one: one.execute("select count(*) from requests").fetchone()).result()
    ledger.close_now()
    assert rows == (count,), f"{count} requests were acknowledged, {rows} are there"
    return {
        "requests": count, "journal_mb": size_bytes / 1e6, "open_s": wall_s, "open_cpu_s": cpu_s,
        "rows_per_s": 2 * count / wall_s,
    }  # fmt: skip


def measured(way: str, count: int) -> dict[str, float]:
    """`measure` in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["--way", way, "--requests", str(count), "--folder", folder]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.ledger", *words], capture_output=True, text=True, check=True
        )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def table(result: dict[str, Any]) -> str:
    """The figures for people."""
    lines = [f"{'way':<10}{'CPU us/request':>16}{'wall us/request':>17}{'longest turn ms':>17}"]
    lines += [
        f"{way:<10}{one['cpu_us']:>16.1f}{one['wall_us']:>17.1f}{one['longest_turn_ms']:>17.1f}"
        for way, one in result["ways"].items()
    ]
    again = result["restart"]
    lines.append(
        f"After kill -9 with {again['requests']:.0f} requests unfolded ({again['journal_mb']:.0f} MB): open in "
        f"{again['open_s']:.2f} s, {again['rows_per_s']:.0f} rows/s."
    )
    return "\n".join(lines)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--unfolded", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.unfolded is not None:
        unfolded(given.unfolded)
    elif given.way is not None:
        print(json.dumps(measure(given.way, given.requests, given.folder)))
    else:
        rounds = [{way: measured(way, given.requests) for way in WAYS} for _ in range(given.rounds)]
        ways = {
            way: {name: statistics.median(one[way][name] for one in rounds) for name in rounds[0][way]} for way in WAYS
        }
        with tempfile.TemporaryDirectory() as folder:
            result = {
                "requests": given.requests,
                "rounds": given.rounds,
                "ways": ways,
                "restart": restarted(Path(folder)),
            }
        print(json.dumps(result) if given.json else table(result))


if __name__ == "__main__":
    main()
