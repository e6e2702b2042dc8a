"""CPU that the runner and the spine add to each call: `python -m benchmarks.runner [--json]`.

A suite of N samples is run against an endpoint in another process (50 ms latency by default), with the ledger
durable as in production. Counted is the CPU time of this process over the run, per call; the same calls made
by a bare aiohttp loop in the same process stand beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

SUITE = """
name = "bench"
version = "1"
[kinds."echo"]
samples = "echo.jsonl"
graders = [{ check = "exact" }]
"""
CONFIG = """
[deployments.{name}]
model = "bench/{name}"
dialect = "openai"
base_url = "http://127.0.0.1:{port}/v1"
concurrency = {concurrency}
"""


async def endpoint(latency_s: float) -> None:
    """A chat endpoint that says its last message back; prints its port."""
    from aiohttp import web

    async def chat(request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        await asyncio.sleep(latency_s)
        message = {"role": "assistant", "content": body["messages"][-1]["content"]}
        usage = {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return web.json_response(
            {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
        )

    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


def run(work: Coroutine[Any, Any, tuple[float, float]]) -> tuple[float, float]:
    """On the loop that the command line uses."""
    from assay.cli.door import run as run_as_command

    return run_as_command(work)


def cpu_s() -> float:
    """CPU seconds of this process, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def bare(port: int, samples: int, concurrency: int) -> tuple[float, float]:
    """The calls alone: wall and CPU seconds."""
    import aiohttp

    queue = iter(range(samples))

    async with aiohttp.ClientSession() as session:

        async def work() -> None:
            for number in queue:
                body = {"model": "m", "messages": [{"role": "user", "content": f"say {number}"}]}
                async with session.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=body) as reply:
                    await reply.json()

        wall, cpu = time.perf_counter(), cpu_s()
        await asyncio.gather(*(work() for _ in range(concurrency)))
        return time.perf_counter() - wall, cpu_s() - cpu


async def assay(folder: Path, models: list[str], concurrency: int) -> tuple[float, float]:
    """The same calls as an eval: wall and CPU seconds, grading and ledger included."""
    from assay.app import open_app
    from assay.evals.runner import Runner
    from assay.evals.suite import read_suite

    async with open_app(folder) as app:
        suite = read_suite(folder)
        wall, cpu = time.perf_counter(), cpu_s()
        runner = Runner(app.spine, suite, concurrency=concurrency)
        for model in models:
            run = await runner.open(model)
            await runner.evaluate(run, suite.samples)
            await runner.finish(run)
            assert all(row.value == 1.0 for row in run.results.values())
        return time.perf_counter() - wall, cpu_s() - cpu


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--models", type=int, default=2)
    parser.add_argument("--concurrency", type=int, default=20)
    parser.add_argument("--latency-s", type=float, default=0.05)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--endpoint", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.endpoint:
        asyncio.run(endpoint(given.latency_s))
        return
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.runner", "--endpoint", "--latency-s", str(given.latency_s)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        models = [f"model-{number}" for number in range(given.models)]
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            (folder / "suite.toml").write_text(SUITE)
            lines = (
                json.dumps({"id": f"s{n}", "input": f"say {n}", "target": f"say {n}"}) for n in range(given.samples)
            )
            (folder / "echo.jsonl").write_text("\n".join(lines))
            config = "".join(CONFIG.format(name=m, port=port, concurrency=given.concurrency) for m in models)
            (folder / "assay.toml").write_text(config)
            ours = run(assay(folder, models, given.concurrency))
        calls = given.samples * given.models
        alone = run(bare(port, calls, given.concurrency))
    finally:
        server.terminate()
        server.wait()
    result = {
        "calls": calls,
        "concurrency": given.concurrency,
        "latency_s": given.latency_s,
        "ideal_wall_s": calls / given.concurrency * given.latency_s,
        "assay": {"wall_s": ours[0], "cpu_s": ours[1], "cpu_ms_per_call": ours[1] / calls * 1000},
        "bare_aiohttp": {"wall_s": alone[0], "cpu_s": alone[1], "cpu_ms_per_call": alone[1] / calls * 1000},
        "overhead_cpu_ms_per_call": (ours[1] - alone[1]) / calls * 1000,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    if given.json:
        print(json.dumps(result, indent=2))
        return
    ideal = result["ideal_wall_s"]
    print(f"{calls} calls, {given.latency_s * 1000:.0f} ms, concurrency {given.concurrency}: ideal {ideal:.1f} s wall")
    for name in ("assay", "bare_aiohttp"):
        wall, cpu, each = result[name].values()
        print(f"  {name:<13} {wall:6.2f} s wall  {cpu:6.2f} s CPU  {each:.2f} ms CPU a call")
    print(f"  overhead {result['overhead_cpu_ms_per_call']:.2f} ms CPU a call, peak RSS {result['peak_rss_mb']:.0f} MB")


if __name__ == "__main__":
    main()
