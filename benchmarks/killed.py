"""`kill -9` under load, again and again: `python -m benchmarks.killed [--times 20] [--json]`.

A gateway with a virtual key, budgets and `durability = "commit"` answers clients as fast as it can; it is killed at a
moment that is drawn, and started anew on the same ledger. Each answer that a client had whole must then have its
request row and the row of its attempt with the cost that the usage makes; what has been settled must be the sum of all
rows, to the picodollar; nothing may be held once all has been recovered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from assay.ledger.store import SqliteLedger
from benchmarks.gateway.load import Client
from benchmarks.gateway.processes import free_port, start_upstream
from benchmarks.gateway.servers import Place, Server, ours

CLIENTS = 32
USD = (210 * 1.0 + 64 * 2.0) / 1e6
"""What the upstream's usage costs at the prices of the configuration."""
_BODY = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 128}


class Asking(Client):
    """A client that keeps the ids of the answers that it had whole."""

    def head(self) -> bytes:
        """Of the answer."""
        return bytes(self._buffer).partition(b"\r\n\r\n")[0].lower()


async def load(port: int, server: Server, until: float, had: list[str]) -> None:
    """Ask without a pause until a moment, or until the server is gone."""
    model = random.choice(("m", "m-i10"))  # noqa: S311 - whole or streamed
    body = json.dumps({**_BODY, "model": model, **({"stream": True} if model == "m-i10" else {})}).encode()
    fields = "".join(f"{name}: {value}\r\n" for name, value in server.headers.items())
    head = f"POST {server.path} HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n{fields}"
    request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    try:
        _, client = await asyncio.get_running_loop().create_connection(Asking, "127.0.0.1", port)
    except OSError:
        return
    while time.monotonic() < until and not client.transport.is_closing():
        if await client.ask(request):
            had.append(client.head().partition(b"x-assay-request-id: ")[2][:32].decode())
    client.transport.close()


def _started(server: Server, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(server.command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def once(folder: Path, server: Server, port: int) -> dict[str, Any]:
    """Start, load, kill; how long it took until the first answer, and what clients had."""
    began = time.monotonic()
    process = _started(server, folder)
    had: list[str] = []
    while not had:
        await load(port, server, time.monotonic() + 0.01, had)
        if time.monotonic() - began > 30:
            raise SystemExit("the gateway does not answer")
        await asyncio.sleep(0.005)
    start_s = time.monotonic() - began
    until = time.monotonic() + 5
    work = asyncio.gather(*(load(port, server, until, had) for _ in range(CLIENTS)))
    await asyncio.sleep(random.uniform(0.3, 1.5))  # noqa: S311 - the moment
    process.kill()
    process.wait()
    await work
    return {"start_s": start_s, "had": had}


def checked(ledger: Path, had: list[str]) -> dict[str, Any]:
    """What is wrong with a ledger that has been opened again."""
    SqliteLedger(ledger).close_now()  # recovers
    with sqlite3.connect(ledger) as rows:
        requests = {one for (one,) in rows.execute("select id from requests")}
        settled = dict(rows.execute("select request_id, cost_usd from attempts where outcome = 'ok'"))
        total = sum(round(usd * 1e12) for (usd,) in rows.execute("select coalesce(cost_usd, 0) from attempts"))
        booked = rows.execute("select settled_pico from spend where scope = 'everything'").fetchone()[0]
        open_ = rows.execute("select count(*) from attempts where outcome = 'running'").fetchone()[0]
        bounds = rows.execute("select count(*) from attempts where cost_basis = 'bound'").fetchone()[0]
    rows.close()
    return {
        "answers": len(had),
        "requests_lost": len(set(had) - requests),
        "attempts_lost": len(set(had) - settled.keys()),
        "wrong_costs": sum(abs(settled[one] - USD) > 1e-12 for one in had if one in settled),
        "unbooked_pico": total - booked,
        "open": open_,
        "charged_at_bound": bounds,
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    with ExitStack() as undo:
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="killed-")))
        upstream, _ = start_upstream(undo, folder, None, tls=False)
        port = free_port()
        server = ours(Place(folder, port, upstream))
        found = [asyncio.run(once(folder, server, port)) for _ in range(asked.times)]
        told = checked(folder / "assay.db", [one for each in found for one in each["had"]])
    starts = [each["start_s"] for each in found[1:]]
    told |= {"kills": asked.times, "restart_median_s": statistics.median(starts), "restart_worst_s": max(starts)}
    wrong = ("requests_lost", "attempts_lost", "wrong_costs", "unbooked_pico", "open")
    good = not any(told[name] for name in wrong) and told["restart_worst_s"] <= 2.0
    lines = [f"{name.replace('_', ' ')}: {value:g}" for name, value in told.items()]
    print(json.dumps(told, indent=2) if asked.json else "\n".join([*lines, "holds" if good else "DOES NOT HOLD"]))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
