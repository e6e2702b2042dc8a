"""What `assay eval` costs and survives, as a whole process: `python -m benchmarks.runner [--json]`.

The command runs as a child against an endpoint in another process (`benchmarks.endpoint`, or any that speaks its
`/stats` and `/reset`: --server URL), with the ledger durable as in production. Counted are wall time, CPU seconds and
peak memory of the child, its start included; the same calls by a bare aiohttp loop stand beside it.

    python -m benchmarks.runner                  500 samples x 2 models, 50 ms, 20 in flight
    python -m benchmarks.runner --kill           kill -9 at half, then the same command again: calls asked twice
    python -m benchmarks.runner --faults         one item in ten fails: does it end, how, and do the bounds hold?
    python -m benchmarks.runner --many 100000    memory at 1000 samples and at so many
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.endpoint import answer, fault_of, knows

SUITE = """
name = "bench"
version = "1"
[kinds."items"]
samples = "items.jsonl"
graders = [{ check = "exact" }]
"""
CONFIG = """
[deployments.{name}]
model = "bench/{name}"
upstream_model = "{name}"
dialect = "openai"
base_url = "{url}/v1"
concurrency = 64
price_usd_per_mtok = {{ input = 1.0, output = 2.0 }}
settings = {{ max_tokens = 16 }}
"""
MODELS = ("mock-a", "mock-b")
FAULTS = ("hard429", "hard500", "hardmalformed", "hardtimeout", "mix", "empty")


class Cost(NamedTuple):
    """What a child took."""

    wall_s: float
    cpu_s: float
    rss_mb: float
    exit_code: int
    out: str


class Bench(NamedTuple):
    """Where and how is measured."""

    url: str
    samples: int
    models: tuple[str, ...]
    concurrency: int
    latency_s: float

    @property
    def calls(self) -> int:
        """Calls of one whole evaluation."""
        return self.samples * len(self.models)

    def reset(self, **changes: Any) -> None:
        """Let the endpoint forget what came, and answer so from now on."""
        body = json.dumps({"latency": self.latency_s, "faults": "none", **changes}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/reset", body, method="POST")).read()  # noqa: S310

    def stats(self) -> dict[str, Any]:
        """What has come to the endpoint."""
        found: dict[str, Any] = json.load(urllib.request.urlopen(f"{self.url}/stats"))  # noqa: S310
        return found

    def eval(self, *more: str) -> list[str]:
        """The command; the models run side by side and share what may be in flight."""
        each = max(1, self.concurrency // len(self.models))
        named = [word for model in self.models for word in ("-m", model)]
        return [sys.executable, "-m", "assay", "eval", "-s", ".", "--json", "--concurrency", str(each), *named, *more]

    @contextmanager
    def project(self, samples: int | None = None) -> Iterator[Path]:
        """A folder with configuration and suite, and no ledger yet."""
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            (folder / "suite.toml").write_text(SUITE)
            with (folder / "items.jsonl").open("w") as lines:
                for n in range(samples or self.samples):
                    line = {"id": f"s{n}", "input": f"What is the answer to item={n}?", "target": answer(n)}
                    lines.write(json.dumps(line) + "\n")
            config = "".join(CONFIG.format(name=model, url=self.url) for model in self.models)
            (folder / "assay.toml").write_text(config)
            yield folder


def measured(command: Sequence[str], folder: Path) -> Cost:
    """Run a child to its end."""
    with tempfile.TemporaryFile() as out:
        began = time.perf_counter()
        child = subprocess.Popen(command, cwd=folder, stdout=out, env={**os.environ, "PYTHONPATH": os.getcwd()})
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode()
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, child.returncode, text)


# ------------------------------------------------------------------------------------------- plain


def plain(bench: Bench) -> dict[str, Any]:
    """One whole evaluation, and the bare loop."""
    bench.reset()
    with bench.project() as folder:
        ours = measured(bench.eval(), folder)
        seen = bench.stats()
        bench.reset()
        command = [sys.executable, "-m", "benchmarks.runner", "--bare", bench.url, "--samples", str(bench.calls),
                   "--concurrency", str(bench.concurrency)]  # fmt: skip
        alone = measured(command, folder)
    if ours.exit_code:
        raise SystemExit(f"assay eval ended with {ours.exit_code}")
    return {
        "calls": bench.calls, "concurrency": bench.concurrency, "latency_s": bench.latency_s,
        "ideal_wall_s": bench.calls / bench.concurrency * bench.latency_s, "most_in_flight": seen["peak_inflight"],
        "calls_that_came": seen["total"], "assay": _figures(ours, bench.calls), "bare": _figures(alone, bench.calls),
    }  # fmt: skip


def _figures(cost: Cost, calls: int) -> dict[str, float]:
    return {
        "wall_s": cost.wall_s,
        "cpu_s": cost.cpu_s,
        "rss_mb": cost.rss_mb,
        "cpu_ms_a_call": cost.cpu_s / calls * 1e3,
    }


async def bare(url: str, calls: int, concurrency: int) -> None:
    """The calls alone."""
    import aiohttp

    queue = iter(range(calls))

    async with aiohttp.ClientSession() as session:

        async def work() -> None:
            for number in queue:
                body = {"model": "mock-a", "messages": [{"role": "user", "content": f"item={number}"}]}
                async with session.post(f"{url}/v1/chat/completions", json=body) as reply:
                    await reply.json()

        await asyncio.gather(*(work() for _ in range(concurrency)))


# ------------------------------------------------------------------------------------------- kill, faults, many


def kill(bench: Bench) -> dict[str, Any]:
    """Kill -9 at half of the calls, then the same command: what came twice to the endpoint."""
    bench.reset()
    with bench.project() as folder:
        child = subprocess.Popen(bench.eval(), cwd=folder, stdout=subprocess.DEVNULL, start_new_session=True)
        while bench.stats()["total"] < bench.calls // 2 and child.poll() is None:
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        at_kill = bench.stats()["total"]
        again = measured(bench.eval(), folder)
        seen = bench.stats()
    scored = sum(card["overall"]["passed"] + card["overall"]["failed"] for card in json.loads(again.out)["scorecards"])
    return {
        "calls": bench.calls, "in_flight_at_most": bench.concurrency, "killed_after": at_kill,
        "asked_twice": seen["total"] - seen["distinct"], "distinct": seen["distinct"], "scored": scored,
        "exit_code": again.exit_code,
    }  # fmt: skip


def faults(bench: Bench) -> dict[str, Any]:
    """Each kind of fault: does the evaluation end, with what status, and do the bounds hold the true score?"""
    found: dict[str, Any] = {}
    for fault in FAULTS:
        bench.reset(faults=fault)
        with bench.project() as folder:
            cost = measured(bench.eval("--deadline-s", "3"), folder)
        cards = json.loads(cost.out)["scorecards"] if cost.out else []
        found[fault] = {
            "wall_s": cost.wall_s, "cpu_s": cost.cpu_s, "exit_code": cost.exit_code, "calls": bench.stats()["total"],
            "models": {card["target"]: _bounds(bench, fault, card["target"], card["overall"]) for card in cards},
        }  # fmt: skip
    return found


def _bounds(bench: Bench, fault: str, model: str, overall: dict[str, Any]) -> dict[str, Any]:
    """The figures of a model beside its true score. An empty answer is a wrong one, not a fault."""
    right = sum(knows(model, n) and fault_of(fault, n) != "empty" for n in range(bench.samples))
    truth = right / bench.samples
    low, high = overall["bounds"]
    return {
        "truth": truth, "share": overall["share"], "bounds": [low, high], "unscored": overall["unscored"],
        "bounds_hold": low - 1e-9 <= truth <= high + 1e-9,
    }  # fmt: skip


def many(bench: Bench, most: int) -> dict[str, Any]:
    """Memory at 1000 samples and at `most`, one model."""
    one = bench._replace(models=bench.models[:1], latency_s=0.0)
    found: dict[str, Any] = {}
    for samples in (1000, most):
        one.reset()
        with one.project(samples) as folder:
            cost = measured(one.eval(), folder)
            again = measured(one.eval(), folder)
        found[str(samples)] = {
            "exit_code": cost.exit_code, **_figures(cost, samples), "again_wall_s": again.wall_s,
            "again_cpu_s": again.cpu_s, "again_rss_mb": again.rss_mb,
        }  # fmt: skip
    found["grown_mb"] = found[str(most)]["rss_mb"] - found["1000"]["rss_mb"]
    return found


# ------------------------------------------------------------------------------------------- command


@contextmanager
def served(url: str | None, latency_s: float) -> Iterator[str]:
    """An endpoint: the one that was named, or one of our own."""
    if url is not None:
        yield url.rstrip("/")
        return
    command = [sys.executable, "-m", "benchmarks.endpoint", "--latency-s", str(latency_s)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--models", type=int, default=2, choices=(1, 2))
    parser.add_argument("--concurrency", type=int, default=20, help="calls in flight, over all models")
    parser.add_argument("--latency-s", type=float, default=0.05)
    parser.add_argument("--server", help="URL of an endpoint that runs already")
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--faults", action="store_true")
    parser.add_argument("--many", type=int)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--bare", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare:
        asyncio.run(bare(given.bare, given.samples, given.concurrency))
        return
    with served(given.server, given.latency_s) as url:
        bench = Bench(url, given.samples, MODELS[: given.models], given.concurrency, given.latency_s)
        if given.kill:
            result = kill(bench)
        elif given.faults:
            result = faults(bench)
        else:
            result = many(bench, given.many) if given.many else plain(bench)
    print(json.dumps(result, indent=2) if given.json else "\n".join(_told(result)))


def _told(result: dict[str, Any], indent: str = "") -> Iterator[str]:
    for name, value in result.items():
        if isinstance(value, dict):
            yield f"{indent}{name}"
            yield from _told(value, indent + "  ")
        else:
            yield f"{indent}{name:<18} {value:.3f}" if isinstance(value, float) else f"{indent}{name:<18} {value}"


if __name__ == "__main__":
    main()
