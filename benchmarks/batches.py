"""What `assay eval --batch` costs as a whole process: `python -m benchmarks.batches [--samples N ...] [--host openai]`.

The command runs as a child against the tests' stub of a host's batch endpoints in another process, which answers at
once: what is counted is ours, not the wait. The ledger is durable as in production.
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
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
SUITE = 'name = "bench"\nversion = "1"\n[kinds.items]\nsamples = "items.jsonl"\ngraders = [{ check = "exact" }]\n'


async def serve(host: str) -> None:
    """The stub, until it is ended; its deployment goes to standard output."""
    sys.path.insert(0, str(TESTS))
    from batch_stub import PRICED, stub

    async with stub(host, polls=0) as up:
        print(json.dumps(up.toml("up", f"{PRICED}\nsettings = {{ max_tokens = 16 }}")), flush=True)
        await asyncio.Event().wait()


def prepare(folder: Path, deployment: str, samples: int) -> None:
    """A project with so many samples of half a kilobyte."""
    (folder / "assay.toml").write_text(f'{deployment}\n[decide]\nsuite = "suite"\n')
    (folder / "suite").mkdir()
    (folder / "suite/suite.toml").write_text(SUITE)
    with (folder / "suite/items.jsonl").open("w") as lines:
        for number in range(samples):
            text = f"item {number} " + "x" * 490
            lines.write(json.dumps({"id": f"i{number}", "input": text, "target": text.upper()}) + "\n")


def measure(host: str, samples: int) -> dict[str, float]:
    """Wall and CPU seconds and peak memory of one evaluation; it must score every sample."""
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.batches", "--serve", host], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        deployment = json.loads(server.stdout.readline())
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            prepare(folder, deployment, samples)
            began = time.perf_counter()
            with (folder / "out.json").open("w") as out, (folder / "err.txt").open("w") as err:
                child = subprocess.Popen(
                    [sys.executable, "-m", "assay", "eval", "-m", "up", "--batch", "--json"],
                    cwd=folder, stdout=out, stderr=err,
                )  # fmt: skip
                _, status, used = os.wait4(child.pid, 0)
            wall_s = time.perf_counter() - began
            child.returncode = os.waitstatus_to_exitcode(status)
            assert child.returncode == 0, (folder / "err.txt").read_text()
            figures = json.loads((folder / "out.json").read_text())["scorecards"][0]["overall"]
            assert (figures["passed"], figures["batched"]) == (samples, samples), figures
    finally:
        server.terminate()
        server.wait()
    cpu_s = used.ru_utime + used.ru_stime
    return {"samples": samples, "wall_s": wall_s, "cpu_s": cpu_s, "peak_mb": used.ru_maxrss / 1000}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, nargs="+", default=[1000, 20_000])
    parser.add_argument("--host", default="openai", choices=["openai", "anthropic", "gemini"])
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve is not None:
        asyncio.run(serve(given.serve))
        return
    for samples in given.samples:
        one = measure(given.host, samples)
        print(
            f"{given.host}: {samples} samples in {one['wall_s']:.1f} s, {one['cpu_s']:.1f} CPU s, "
            f"{one['peak_mb']:.0f} MB at most"
        )


if __name__ == "__main__":
    main()
