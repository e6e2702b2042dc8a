"""Starting upstream and servers, each on its core, and ending them with all that they have started."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.gateway.servers import Make, Place, Server
from benchmarks.gateway.upstream import MARK


class Running(NamedTuple):
    """A server that answers."""

    name: str
    server: Server
    port: int
    process: subprocess.Popen[bytes]
    start_s: float


def start_upstream(undo: ExitStack, folder: Path, core: int | None, *, tls: bool) -> tuple[str, str | None]:
    """Start the upstream; its address, and the file of its authority."""
    port, more, ca_file = free_port(), [], None
    if tls:
        import trustme

        authority = trustme.CA()
        ca_file = str(folder / "ca.pem")
        authority.cert_pem.write_to_path(ca_file)
        issued = authority.issue_cert("127.0.0.1", "localhost")
        for blob in (issued.private_key_pem, *issued.cert_chain_pems):
            blob.write_to_path(str(folder / "host.pem"), append=True)
        more = [str(folder / "host.pem")]
    command = [sys.executable, "-m", "benchmarks.gateway.upstream", str(port), *more]
    undo.enter_context(running_process(command, core, {}))
    wait_for(port)
    return f"{'https' if tls else 'http'}://127.0.0.1:{port}/v1", ca_file


def start(
    undo: ExitStack, name: str, make: Make, folder: Path, upstream: str, ca_file: str | None, core: int | None
) -> Running:
    """Start a server and wait for its first good answer.

    Raises:
        SystemExit: there is none.
    """
    own = folder / name.replace(" ", "-").replace(",", "")
    own.mkdir()
    port = free_port()
    server = make(Place(own, port, upstream, ca_file))
    began = time.perf_counter()
    process = undo.enter_context(running_process(server.command, None if "workers" in name else core, server.env))
    said = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 64}
    body = json.dumps({"model": server.model.replace("{m}", "m"), **said})
    headers = {"content-type": "application/json", **server.headers}
    while True:
        try:
            request = urllib.request.Request(f"http://127.0.0.1:{port}{server.path}", body.encode(), headers)
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - of this machine
                if MARK in answer.read():
                    return Running(name, server, port, process, time.perf_counter() - began)
        except (OSError, urllib.error.URLError) as error:
            told = f"{error} {error.read().decode()}" if isinstance(error, urllib.error.HTTPError) else error
            if process.poll() is not None or time.perf_counter() - began > 90:
                raise SystemExit(f"{name} does not answer: {told}") from error
        time.sleep(0.02)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(500):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise SystemExit("the upstream does not start")


@contextmanager
def running_process(
    command: list[str], core: int | None, env: dict[str, str], stdout: int | None = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    """A process on one core, ended with all that it started."""

    def place() -> None:
        os.setsid()
        if core is not None:
            os.sched_setaffinity(0, {core})

    process = subprocess.Popen(
        command, stdout=stdout, stderr=subprocess.DEVNULL, env={**os.environ, **env}, preexec_fn=place
    )
    try:
        yield process
    finally:
        for one in (signal.SIGTERM, signal.SIGKILL):
            if process.poll() is None:
                os.killpg(process.pid, one)
                try:
                    process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    continue
