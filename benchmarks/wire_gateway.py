"""The wire formats through the gateway itself: recorded answers, served again to clients of every format over HTTP.

    python -m benchmarks.wire_gateway --data DIR [--harness DIR] [--sample N] [--json]

Each recording is the upstream of a deployment of its own behind one `assay serve`; the harness's replay server sends
its bytes an event at a time. Clients ask in every format, for a whole answer and for a stream, and what they get is
compared like in `benchmarks.wire`: with the spine, the ledger and the raw pass-through in between.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.wire import answer_cells, shared
from benchmarks.wire_answers import FORMS, Answers
from benchmarks.wire_fields import Side, compare
from benchmarks.wire_formats import Canon, load, records, upstream_of
from benchmarks.wire_tally import Tally

__all__ = ["main", "measure"]

_HOSTS = {
    "chat": ("openai", "/v1"), "messages": ("anthropic", "/v1"), "responses": ("openai-responses", "/v1"),
    "gemini": ("gemini", "/v1beta"),
}  # fmt: skip
_SAID = [{"role": "user", "content": "hi"}]
_ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"messages": _SAID}),
    "messages": ("/v1/messages", {"messages": _SAID, "max_tokens": 50}),
    "responses": ("/v1/responses", {"input": "hi"}),
}
_LARGEST = 60_000  # characters of a recording
_WAIT_S = 30.0


class Server(NamedTuple):
    """A process that listens, and where."""

    process: subprocess.Popen[str]
    port: int


def measure(data: Path, harness: Path, sample: int) -> Tally:
    """Ask for `sample` recordings of each endpoint of each provider, in every format."""
    tally, canon = Tally(), Canon(load(harness / "canon.py"))
    answers = Answers(tally, canon)
    chosen = [
        (record, want)
        for record in records(load(harness / "replay.py"), data, sample)
        if upstream_of(record) in _HOSTS
        and len(record.get("response_body") or "") <= _LARGEST
        and (want := answers.wanted(record)) is not None
    ]
    with _replay(data, harness) as port, _gateway(port, [record for record, _ in chosen]) as server:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_WAIT_S)
        for record, want in chosen:
            for name in _ASKED:
                for form in FORMS:
                    _ask(tally, canon, client, record, want, name, form)
    return tally


def _ask(
    tally: Tally,
    canon: Canon,
    client: http.client.HTTPConnection,
    record: dict[str, Any],
    want: dict[str, Any],
    name: str,
    form: str,
) -> None:
    path, asked = _ASKED[name]
    body = {"model": f"r{record['id']}", "stream": form == "stream", **asked}
    if name == "chat" and form == "stream":
        body["stream_options"] = {"include_usage": True}
    client.request("POST", path, json.dumps(body), {"content-type": "application/json"})
    reply = client.getresponse()
    text = reply.read().decode()
    upstream = str(upstream_of(record))
    if reply.status >= 400 and _is_error(record):
        tally.note("error under status 200", record["id"], [])
        return
    cell = f"{name} <- {upstream} {FORMS[record['stream']]} -> {form}"
    canonical = canon.read(name, text, stream=form == "stream") if reply.status == 200 else None
    more = {} if reply.status == 200 else {"status": reply.status, "body": text[:300]}
    tally.add(cell, record["id"], compare(upstream, want, Side(name, text, canonical)), **more)


def _is_error(record: dict[str, Any]) -> bool:
    """Whether a provider told an error under a status of success."""
    try:
        body = json.loads(record["response_body"])
    except ValueError:
        return False
    return isinstance(body, dict) and bool(body.get("error"))


@contextmanager
def _replay(data: Path, harness: Path) -> Iterator[int]:
    """The port of the server that plays the recordings."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, harness / "replay.py", "--port", str(port), data], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()  # it says when it is there
        yield port
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _gateway(upstream_port: int, chosen: list[dict[str, Any]]) -> Iterator[Server]:
    """A gateway with a deployment for each recording."""
    config = "".join(_deployment(record, upstream_port) for record in chosen)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "assay.toml").write_text(config, "utf-8")
        process = subprocess.Popen(
            [sys.executable, "-m", "assay", "serve", "--port", "0"], cwd=folder, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=os.environ | {"RECORDED_KEY": "none"},
        )  # fmt: skip
        try:
            yield Server(process, _port_of(process))
        finally:
            process.terminate()
            process.wait()


def _deployment(record: dict[str, Any], port: int) -> str:
    dialect, base = _HOSTS[str(upstream_of(record))]
    return (
        f'[deployments.r{record["id"]}]\nmodel = "recorded/{record["id"]}"\ndialect = "{dialect}"\n'
        f'base_url = "http://127.0.0.1:{port}/x/{record["id"]}~event{base}"\napi_key_env = "RECORDED_KEY"\n'
    )


def _port_of(process: subprocess.Popen[str]) -> int:
    """The port that the gateway says it serves."""
    assert process.stdout is not None
    until, said = time.monotonic() + _WAIT_S, ""
    while time.monotonic() < until and (line := process.stdout.readline()):
        said += line
        found = re.search(r"serving http://127\.0\.0\.1:(\d+)", line)
        if found:
            return int(found[1])
    raise SystemExit(f"the gateway did not start:\n{said}")


def table(tally: Tally) -> str:
    """The figures as text."""
    lines = [
        f"{'client <- upstream, recorded -> asked for':<44} {'answers':>8} {'all right':>9} {'fields':>11} {'share':>8}"
    ]
    for client in _ASKED:
        for upstream in _HOSTS:
            for cell in answer_cells(client, upstream):
                right, total = tally.counts(cell)
                counts = f"{tally.exchanges[cell]:>8} {tally.all_right[cell]:>9} {f'{right}/{total}':>11}"
                lines.append(f"{cell:<44} {counts} {tally.share(cell):>8.2%}")
    return "\n".join([*lines, f"wrong: {len(tally.wrong)}", *(f"  {entry}" for entry in tally.wrong[:40])])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.wire_gateway", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--data", type=Path, default=shared() / "data" / "wire", help="recorded exchanges")
    parser.add_argument("--harness", type=Path, default=shared() / "measure" / "wire", help="the independent readers")
    parser.add_argument("--sample", type=int, default=10, help="most exchanges of each endpoint of each provider")
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")
    options = parser.parse_args()
    tally = measure(options.data.resolve(), options.harness.resolve(), options.sample)
    sys.stdout.write((json.dumps(tally.as_dict(), indent=1) if options.json else table(tally)) + "\n")


if __name__ == "__main__":
    main()
