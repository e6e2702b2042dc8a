"""The gateway beside nginx and whatever peers are installed: `python -m benchmarks.gateway [--json]`.

Each server gets the same requests on one core, by turns, while upstream and clients share another. Figures that hold
on a busy machine are CPU times of the whole process tree, and their ratios to nginx's in the same round:

    requests    closed loop, 16 connections, 1 kB in, 1 kB out    CPU us a request, requests a second of one core
    large       closed loop, 8 connections, a prompt of 113 kB
    latency     open loop at 100 a second, upstream 50 ms         added p50 and p99 over asking the upstream itself
    streams     128 at once, a chunk each 10 ms                   CPU us a chunk
    first       8 streams at once                                 added time to the first chunk

Ours has everything on: a virtual key with a rate limit and budgets, routes, costs, rows durable at commit.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.gateway import servers
from benchmarks.gateway.load import Job
from benchmarks.gateway.meter import cpu_s, peak_mb
from benchmarks.gateway.processes import Running, running_process, start, start_upstream
from benchmarks.gateway.servers import Make, Server

PHASES = ("requests", "large", "latency", "streams", "first")
_SYSTEM = "You are a helpful assistant. " + "Be brief and exact. " * 20
_USER = "Sort this ticket: " + "the printer is on fire and the user is unhappy. " * 12
_LONG = 'A contract clause, with "quotes" and é. ' * 2400
_SHAPES: dict[str, dict[str, Any]] = {
    "requests": {"connections": 16},
    "large": {"connections": 8},
    "latency": {"connections": 64, "rate": 100.0},
    "streams": {"connections": 128, "stream": True},
    "first": {"connections": 8, "stream": True},
}
_MODELS = {"requests": "m", "large": "m", "latency": "m-d50", "streams": "m-i10", "first": "m-i10"}


def main() -> int:
    """Measure and print."""
    asked = _arguments()
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    here, there = (cores[0], cores[1]) if len(cores) > 1 else (None, None)
    makes: dict[str, Make] = {"assay": servers.ours, **servers.found()}
    if asked.workers > 1:
        makes[f"assay, {asked.workers} workers"] = lambda place: servers.ours(place, workers=asked.workers)
    makes |= {name: servers.other(command) for name, _, command in (one.partition("=") for one in asked.peer)}
    if asked.only:
        makes = {name: make for name, make in makes.items() if name in asked.only}
    with ExitStack() as undo:
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="gateway-")))
        upstream, ca_file = start_upstream(undo, folder, there, tls=asked.tls)
        running = [start(undo, name, make, folder, upstream, ca_file, here) for name, make in makes.items()]
        rounds = [_round(running, upstream, asked, there) for _ in range(asked.repeats)]
        found = _summed(running, rounds)
    if asked.json:
        print(json.dumps({"tls": asked.tls, "repeats": asked.repeats, "servers": found}, indent=2))
    else:
        print(_table(found))
    return 1 if any(one["bad"] for name, one in found.items() if name.startswith("assay")) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--seconds", type=float, default=2.0, help="counted seconds of each phase")
    parser.add_argument("--repeats", type=int, default=3, help="rounds, of which the medians count")
    parser.add_argument("--phases", default=",".join(PHASES), help=f"of {', '.join(PHASES)}")
    parser.add_argument(
        "--tls", action="store_true", help="the upstream speaks TLS; peers that cannot trust it are out"
    )
    parser.add_argument("--workers", type=int, default=1, help="also measure ours with so many, on two cores")
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="another server; {port}, {upstream}, {folder}",
    )
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only these servers")
    return parser.parse_args()


def _round(running: list[Running], upstream: str, asked: argparse.Namespace, core: int | None) -> list[dict[str, Any]]:
    found = []
    for phase in asked.phases.split(","):
        tls = upstream.startswith("https")
        if phase in ("latency", "first") and not tls:
            port = int(upstream.rpartition(":")[2].partition("/")[0])
            found.append(_phase("direct", Server([], {}), port, 0, phase, asked.seconds, core))
        found += [
            _phase(one.name, one.server, one.port, one.process.pid, phase, asked.seconds, core) for one in running
        ]
    return found


def _phase(
    name: str, server: Server, port: int, pid: int, phase: str, seconds: float, core: int | None
) -> dict[str, Any]:
    """One phase of one server, with the CPU time that it took in the counted seconds."""
    job = Job(
        port=port, path=server.path, body=_body(phase, server), headers=server.headers, seconds=seconds, warm_s=0.7,
        **_SHAPES[phase],
    )  # fmt: skip
    command = [sys.executable, "-m", "benchmarks.gateway.load", msgspec.json.encode(job).decode()]
    with running_process(command, core, {}, stdout=subprocess.PIPE) as clients:
        assert clients.stdout is not None
        clocks: list[float] = []
        for line in clients.stdout:
            if line.strip() not in (b"begin", b"end"):
                seen = json.loads(line)
                break
            clocks.append(cpu_s(pid) if pid else 0.0)
        else:
            raise SystemExit(f"{name}: the clients of phase {phase!r} have ended without a word")
    cpu = clocks[1] - clocks[0]
    per = seen["events"] if phase == "streams" else seen["good"]
    return {"server": name, "phase": phase, **seen, "cpu_us": 1e6 * cpu / per if per and pid else None}


def _body(phase: str, server: Server) -> str:
    content = _LONG if phase == "large" else _USER
    messages = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": content}]
    model = server.model.replace("{m}", _MODELS[phase])
    more = {"stream": True} if _SHAPES[phase].get("stream") else {}
    return json.dumps({"model": model, "messages": messages, "temperature": 0, "max_tokens": 128, **more})


def _summed(running: list[Running], rounds: list[list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Medians over the rounds, by server."""
    seen = [one for found in rounds for one in found]

    def median(server: str, phase: str, what: str) -> float | None:
        values = [
            one[what] for one in seen if (one["server"], one["phase"]) == (server, phase) and one[what] is not None
        ]
        return statistics.median(values) if values else None

    def added(server: str, phase: str, what: str) -> float | None:
        mine, direct = median(server, phase, what), median("direct", phase, what)
        return round(mine - direct, 3) if mine is not None and direct is not None else None

    def of_nginx(server: str, phase: str) -> float | None:
        ratios = []
        for found in rounds:  # within each round: the machine's pace changes between them
            cpu = {one["server"]: one["cpu_us"] for one in found if one["phase"] == phase}
            if cpu.get(server) and cpu.get("nginx"):
                ratios.append(cpu[server] / cpu["nginx"])
        return round(statistics.median(ratios), 2) if ratios else None

    told = {}
    for one in running:
        cpu = {phase: median(one.name, phase, "cpu_us") for phase in ("requests", "large", "streams")}
        told[one.name] = {
            "cpu_us_per_request": _rounded(cpu["requests"]),
            "requests_per_core_second": round(1e6 / cpu["requests"]) if cpu["requests"] else None,
            "request_cpu_of_nginx": of_nginx(one.name, "requests"),
            "large_per_core_second": round(1e6 / cpu["large"]) if cpu["large"] else None,
            "large_cpu_of_nginx": of_nginx(one.name, "large"),
            "cpu_us_per_chunk": _rounded(cpu["streams"]),
            "chunk_cpu_of_nginx": of_nginx(one.name, "streams"),
            "added_p50_ms": added(one.name, "latency", "p50_ms"),
            "added_p99_ms": added(one.name, "latency", "p99_ms"),
            "added_first_chunk_p50_ms": added(one.name, "first", "first_p50_ms"),
            "peak_mb": round(peak_mb(one.process.pid), 1),
            "start_s": round(one.start_s, 2),
            "bad": sum(each["bad"] for each in seen if each["server"] == one.name),
        }
    return told


def _rounded(value: float | None) -> float | None:
    return round(value, 1) if value is not None else None


_COLUMNS = {
    "cpu_us_per_request": "CPU us", "requests_per_core_second": "req/s/core", "request_cpu_of_nginx": "x nginx",
    "large_per_core_second": "113 kB/s", "cpu_us_per_chunk": "us/chunk", "chunk_cpu_of_nginx": "x nginx",
    "added_p50_ms": "+p50 ms", "added_p99_ms": "+p99 ms", "added_first_chunk_p50_ms": "+first ms", "peak_mb": "MB",
    "start_s": "start s", "bad": "bad",
}  # fmt: skip


def _table(found: dict[str, dict[str, Any]]) -> str:
    rows = [("server", *_COLUMNS.values())]
    rows += [(name, *("-" if one[key] is None else f"{one[key]:g}" for key in _COLUMNS)) for name, one in found.items()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    mine = found.get("assay", {}).get("cpu_us_per_request")
    for name, one in found.items():
        if mine and name != "assay" and one["cpu_us_per_request"]:
            times = one["cpu_us_per_request"] / mine
            lines.append(f"a request costs {name} {times:.3g} times the CPU that it costs assay")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
