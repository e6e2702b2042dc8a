"""Supervision, with a child that only pretends to be an engine."""

import asyncio
import os
import signal
import struct
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from assay.config.schema import Deployment
from assay.config.schema import Engine as Settings
from assay.errors import BadRequest, ConfigError, EngineCrashed, WeightsError
from assay.providers.local import engine as engine_module
from assay.providers.local.engine import Engine
from assay.providers.local.memory import Memory
from assay.providers.local.pool import EnginePool
from assay.providers.local.provider import LocalProvider
from assay.providers.provider import Attempted, Meter
from assay.types import Message, OutputFormat, Request, Sampling

READY = """
import json, os, sys
spec = json.loads(sys.stdin.readline())
print("starting with", spec["threads"], "threads", file=sys.stderr, flush=True)
def ready():
    line = {"type": "ready", "address": "http://127.0.0.1:9", "version": "0", "pid": os.getpid()}
    print(json.dumps(line), flush=True)
"""
GOOD = READY + "ready(); sys.stdin.read()"
DIES = READY + "print('out of luck', file=sys.stderr, flush=True); os._exit(7)"
SILENT = READY + "sys.stdin.read()"
DEAF = READY + "ready()\nimport time\ntime.sleep(60)"
BABBLES = READY + "print('hello', flush=True); sys.stdin.read()"
REFUSES = READY + "print(json.dumps({'type': 'not-ready', 'message': 'bad tensor'}), flush=True)"

Make = Callable[..., Engine]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A GGUF of nothing: its header is good."""
    path = tmp_path / "empty.gguf"
    path.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, 0) + bytes(8))
    return path


@pytest.fixture
async def make(weights: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    """Makes engines whose child runs the given script; closes them afterwards."""
    monkeypatch.setenv("ASSAY_THREADS", "1")
    monkeypatch.setattr(engine_module.importlib.util, "find_spec", lambda name: name)
    made: list[Engine] = []
    memory = Memory(1 << 40, available=lambda: 1 << 40)

    def _make(script: str = GOOD, **settings: float) -> Engine:
        command = (sys.executable, "-c", script)
        engine = Engine(weights, Settings(**settings), memory, command=command, start_timeout_s=5.0)  # type: ignore[arg-type]
        made.append(engine)
        return engine

    yield _make
    for engine in made:
        await engine.close()


async def use(engine: Engine) -> int:
    """Lease a slot for a moment; the child's process id."""
    async with engine.lease(b"", Meter()) as lease:
        return lease.process.pid


async def test_starts_on_first_use_and_once(make: Make) -> None:
    """Nothing runs before the first request, and requests at the same time share one start."""
    engine = make()
    assert engine.process is None
    pids = await asyncio.gather(*(use(engine) for _ in range(8)))
    assert len(set(pids)) == 1
    assert engine.starts == 1


async def test_the_wait_for_a_start_is_told(make: Make) -> None:
    """A request that a start was made for knows how long it waited; one that found the engine running does not."""
    engine, cold, warm = make(), Meter(), Meter()
    async with engine.lease(b"", cold):
        pass
    async with engine.lease(b"", warm):
        pass
    assert cold.load_s is not None
    assert cold.load_s > 0
    assert warm.load_s is None


async def test_stops_when_idle_and_starts_again(make: Make) -> None:
    """After `idle_s` without a request the process is gone; the next request starts another."""
    engine = make(idle_s=0.05)
    pid = await use(engine)
    process = engine.process
    assert process is not None
    assert await process.died_within(5)
    assert await use(engine) != pid


async def test_is_not_idle_while_it_serves(make: Make) -> None:
    """A request that takes longer than `idle_s` keeps its process."""
    engine = make(idle_s=0.05)
    await use(engine)
    async with engine.lease(b"", Meter()) as lease:
        await asyncio.sleep(0.2)
        assert lease.process.is_alive


async def test_close_ends_the_process(make: Make) -> None:
    """After close the child is gone and requests are refused."""
    engine = make()
    pid = await use(engine)
    await engine.close()
    assert not psutil.pid_exists(pid)
    with pytest.raises(EngineCrashed, match="closed"):
        await use(engine)


async def test_a_child_that_does_not_stop_is_killed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that ignores the end of its stdin does not hold up close for long."""
    monkeypatch.setattr("assay.providers.local.process.STOP_TIMEOUT_S", 0.1)
    engine = make(DEAF)
    pid = await use(engine)
    async with asyncio.timeout(3):
        await engine.close()
    assert not psutil.pid_exists(pid)


async def test_death_at_the_start_is_told_with_its_last_words(make: Make) -> None:
    """Exit code and the last line of the log are in the message."""
    with pytest.raises(EngineCrashed, match=r"exit code 7 \(its last words: out of luck\)"):
        await use(make(DIES))


async def test_a_start_takes_no_longer_than_its_limit(make: Make) -> None:
    """A child that never gets ready is ended."""
    engine = make(SILENT)
    engine._start_timeout_s = 0.2
    with pytest.raises(EngineCrashed, match=r"not ready after 0\.2 s"):
        await use(engine)


async def test_a_first_line_that_makes_no_sense(make: Make) -> None:
    """What is not the agreed line is shown."""
    with pytest.raises(EngineCrashed, match="hello"):
        await use(make(BABBLES))


async def test_weights_that_the_engine_refuses_are_a_weights_error(make: Make) -> None:
    """The engine's own reason is told."""
    with pytest.raises(WeightsError, match="bad tensor"):
        await use(make(REFUSES))


async def test_damaged_weights_start_no_process(make: Make, weights: Path) -> None:
    """The header is checked first."""
    await asyncio.to_thread(weights.write_bytes, b"GG")
    engine = make()
    with pytest.raises(WeightsError, match="not a GGUF"):
        await use(engine)
    assert engine.starts == 0


async def test_three_failures_in_a_row_make_a_pause(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """After three failed starts requests fail at once for some seconds and say so; then it is tried again."""
    engine = make(DIES)
    for _ in range(3):
        with pytest.raises(EngineCrashed, match="exit code 7"):
            await use(engine)
    with pytest.raises(EngineCrashed, match="failed 3 times in a row; next try in") as caught:
        await use(engine)
    assert engine.starts == 3
    assert caught.value.retry_after_s is not None
    engine._paused_until = 0.0
    with pytest.raises(EngineCrashed, match="exit code 7"):
        await use(engine)
    assert engine.starts == 4


async def test_a_request_that_was_served_ends_the_row_of_failures(make: Make) -> None:
    """Failures count in a row only."""
    engine = make()
    engine._failures = 2
    await use(engine)
    assert engine._failures == 0


async def test_a_process_that_died_in_between_is_replaced(make: Make) -> None:
    """Killed while nobody asks: the next request notices before it sends anything."""
    engine = make()
    pid = await use(engine)
    os.kill(pid, signal.SIGKILL)
    process = engine.process
    assert process is not None
    assert await process.died_within(5)
    assert "SIGKILL" in process.describe_exit()
    assert await use(engine) != pid


async def test_a_cancelled_request_does_not_cancel_the_start_for_others(make: Make) -> None:
    """The start belongs to all who wait for it."""
    engine = make()
    first = asyncio.create_task(use(engine))
    second = asyncio.create_task(use(engine))
    await asyncio.sleep(0.02)
    first.cancel()
    assert await second > 0
    assert engine.starts == 1
    await asyncio.gather(first, return_exceptions=True)


async def test_close_while_it_starts(make: Make) -> None:
    """A start that is under way is given up, and the request ends with an error: nobody has cancelled it."""
    engine = make(SILENT)
    asking = asyncio.create_task(use(engine))
    await asyncio.sleep(0.2)
    await engine.close()
    (result,) = await asyncio.gather(asking, return_exceptions=True)
    assert isinstance(result, EngineCrashed)
    assert engine.process is None


async def test_deployments_with_equal_weights_and_settings_share_an_engine(weights: Path) -> None:
    """The last one to leave closes it; other settings make another engine."""
    pool = EnginePool()
    deployment = Deployment(model="m", dialect="local")
    one, other = LocalProvider(deployment, weights, pool), LocalProvider(deployment, weights, pool)
    third = LocalProvider(Deployment(model="m", dialect="local", engine=Settings(slots=2)), weights, pool)
    assert one.engine is other.engine
    assert one.engine is not third.engine
    assert len(pool) == 2
    await one.close()
    assert len(pool) == 2
    await other.close()
    assert len(pool) == 1
    await pool.close()
    assert len(pool) == 0


@pytest.mark.parametrize(
    "request_",
    [
        Request(messages=(Message.of("user", "x"),), sampling=Sampling(n=2)),
        Request(form="completion", prompt="x", sampling=Sampling(n=3), output=OutputFormat(kind="json")),
    ],
)
async def test_what_the_engine_cannot_do_starts_nothing(weights: Path, request_: Request) -> None:
    """Several answers at once are refused by name."""
    pool = EnginePool()
    provider = LocalProvider(Deployment(model="m", dialect="local"), weights, pool)
    with pytest.raises(BadRequest, match="n: "):
        async with aclosing(provider.stream(Attempted(request_), Meter())) as events:
            await anext(events)
    assert provider.engine.starts == 0
    await provider.close()


def test_the_engine_must_be_installed(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without xllamacpp the message says what to install."""
    monkeypatch.setattr(engine_module.importlib.util, "find_spec", lambda _: None)

    async def ask() -> None:
        engine = Engine(weights, Settings(), Memory())
        try:
            await use(engine)
        finally:
            await engine.close()

    with pytest.raises(ConfigError, match=r"pip install 'assay\[local\]'"):
        asyncio.run(ask())
