"""`assay serve --workers`: several processes behind one address."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from assay.config.schema import Config, Deployment
from assay.gateway.counters import counters
from assay.gateway.workers import Place, place_of, share_of, supervise

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sockets cannot be handed on there")
CONFIG = """
[deployments.small]
model = "acme/small"
dialect = "scripted"
script = "rules.json"
"""
ASKED = {"model": "small", "messages": [{"role": "user", "content": "hello"}]}


def test_a_place_is_told_on_the_command_line() -> None:
    """What the supervisor writes, the worker reads."""
    assert place_of("13,15,0,2") == Place(13, 15, 0, 2)


def test_the_places_of_a_deployment_are_shared() -> None:
    """All workers together call a host no more often at once than one would, but each at least once."""
    config = Config(
        deployments={"a": Deployment(model="a/a", concurrency=9), "b": Deployment(model="b/b", concurrency=1)}
    )
    assert [one.concurrency for one in share_of(config, 2).deployments.values()] == [4, 1]


class Served:
    """A gateway of two workers in a folder."""

    def __init__(self, folder: Path) -> None:
        (folder / "assay.toml").write_text(CONFIG, "utf-8")
        (folder / "rules.json").write_text('{"default": "hi"}', "utf-8")
        command = [sys.executable, "-m", "assay", "serve", "--port", "0", "--workers", "2", "--json"]
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.url = ""

    def ready(self) -> None:
        """Wait until it says where it is."""
        assert self.process.stdout is not None
        text = ""
        while not text.rstrip().endswith("}"):
            line = self.process.stdout.readline()
            assert line, self.process.stderr and self.process.stderr.read()
            text += line
        self.url = json.loads(text)["url"]

    def workers(self) -> list[psutil.Process]:
        """Its workers that live."""
        return [one for one in psutil.Process(self.process.pid).children() if runs(one)]

    def ask(self) -> int:
        """One request; its status, 0 where the connection failed."""
        head = {"content-type": "application/json", "connection": "close"}
        request = urllib.request.Request(f"{self.url}/chat/completions", json.dumps(ASKED).encode(), head)  # noqa: S310
        with suppress(OSError), urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - of this machine
            return int(answer.status)
        return 0

    def metrics(self) -> str:
        """The page of whichever worker is asked."""
        address = self.url.removesuffix("/v1") + "/metrics"
        with urllib.request.urlopen(address, timeout=10) as page:  # noqa: S310 - of this machine
            return str(page.read().decode())


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Two workers, which are gone at the end."""
    one = Served(tmp_path)
    try:
        one.ready()
        yield one
    finally:
        left = [*one.workers()] if one.process.poll() is None else []
        one.process.kill()
        one.process.communicate()
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()


def runs(process: psutil.Process) -> bool:
    """Whether it has not ended, even if nobody has asked how; it may end while this looks."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def until(true: Callable[[], bool], within_s: float = 20.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, "it did not become so"
        time.sleep(0.02)


def test_one_that_dies_is_replaced_and_a_signal_ends_all(served: Served) -> None:
    """Requests are answered with one worker gone, soon two are there again, and SIGTERM ends them with 0."""
    first, second = served.workers()
    assert served.ask() == 200
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: {one.pid for one in served.workers()} > {second.pid})
    until(lambda: served.ask() == 200)
    left = served.workers()
    served.process.terminate()
    assert served.process.wait(20) == 0
    assert not any(map(runs, left))


def test_whoever_is_asked_tells_what_all_have_counted(served: Served) -> None:
    """A scrape meets one worker; its page has the requests of both, and still those of one that is dead."""

    def counted() -> float:
        found = re.findall(r"^assay_requests_total{.*} (\S+)$", served.metrics(), re.MULTILINE)
        return sum(map(float, found))

    assert served.ask() == 200
    until(lambda: counted() == 1)  # a client has its answer before it is counted
    os.kill(served.workers()[0].pid, signal.SIGKILL)
    until(lambda: len(served.workers()) == 2)
    asked = 1 + sum(served.ask() == 200 for _ in range(9))
    until(lambda: counted() == asked)
    assert re.search(r"^assay_connections \d", served.metrics(), re.MULTILINE)


def test_workers_end_with_their_supervisor(served: Served) -> None:
    """A supervisor that is killed leaves nobody behind who holds the address; what they counted goes with the next."""
    left = served.workers()
    folder = Path(left[0].environ()["PROMETHEUS_MULTIPROC_DIR"])
    served.process.kill()
    until(lambda: not any(map(runs, left)))
    assert folder.is_dir()
    with counters():
        assert not folder.exists()


def test_what_cannot_begin_ends_with_its_own_code(tmp_path: Path) -> None:
    """A mistake in the configuration is told once, and nobody tries for ever."""
    (tmp_path / "assay.toml").write_text('[deployments.small]\nmodel = "a/b"\ndialect = "nonsense"\n', "utf-8")
    command = [sys.executable, "-m", "assay", "serve", "--port", "0", "--workers", "2"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert "nonsense" in ended.stderr


class Made:
    """A process that lives until it is told to end, or ends at once with a code."""

    pid = 0

    def __init__(self, returncode: int | None = None) -> None:
        self.returncode = returncode
        self._ended = asyncio.Event()

    def terminate(self) -> None:
        """End it."""
        self.returncode = -signal.SIGTERM
        self._ended.set()

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        if self.returncode is None:
            await self._ended.wait()
        assert self.returncode is not None
        return self.returncode


def supervised(monkeypatch: pytest.MonkeyPatch, made: Callable[[], Awaitable[Made]]) -> int:
    """The code of a supervisor of one worker, whose process is `made`."""

    async def made_with(*_: Any, **__: Any) -> Made:
        return await made()

    async def run() -> int:
        monkeypatch.setattr(asyncio, "create_subprocess_exec", made_with)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return await asyncio.wait_for(supervise(listener, 1, ["serve"]), 10)

    return asyncio.run(run())


def test_a_signal_reaches_a_worker_that_is_just_being_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who says stop between the beginning and the end of a start does not wait for ever."""

    async def made() -> Made:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.05)  # the loop hears the signal
        return Made()

    assert supervised(monkeypatch, made) == 0


def test_a_worker_that_a_signal_ends_before_it_was_ready_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is killed for want of memory while it starts: the supervisor ends with an exit code above 0."""

    async def made() -> Made:
        return Made(-signal.SIGKILL)

    assert supervised(monkeypatch, made) == 1
