"""How true the wire formats are: recorded exchanges of public projects, decoded and encoded again.

    python -m benchmarks.wire --data DIR [--harness DIR] [--json]

Each recorded answer is served on loopback by the harness's replay server, in several ways of cutting it, decoded,
and encoded for a client twice: whole and as a stream. A field is right if an independent reader finds the same in
our bytes as in the recorded ones. `value` compares the decoded `Response` itself.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

from assay.dialects.dialect import Dialect
from assay.errors import MalformedReply, RequestError
from assay.types import Event, Failed, Request, fold
from benchmarks.wire_fields import DIALECTS, Canon, compare, load, request_kept

CLIENT = Request(model="m", stream=True, stream_usage=True)
MODES = {"whole": 1 << 30, "event": 1 << 30, "7": 40_000, "1": 3_000}  # mode -> largest body in bytes
_ENDPOINTS = tuple(DIALECTS)


class Tally:
    """Right and applicable fields, per cell and field, with some examples of what is wrong."""

    def __init__(self) -> None:
        self.cells: dict[str, dict[str, list[int]]] = {}
        self.exchanges: collections.Counter[str] = collections.Counter()
        self.whole: collections.Counter[str] = collections.Counter()
        self.excluded: collections.Counter[str] = collections.Counter()
        self.wrong: list[dict[str, Any]] = []

    def add(self, cell: str, ident: str, want: dict[str, Any], got: dict[str, Any] | None) -> None:
        """Compare one answer; `None` counts every applicable field as wrong."""
        fields = dict(compare(want, got or want))
        if got is None:
            fields = dict.fromkeys(fields, False)
        table = self.cells.setdefault(cell, {})
        for name, right in fields.items():
            counts = table.setdefault(name, [0, 0])
            counts[0] += right
            counts[1] += 1
        self.note(cell, ident, [name for name, right in fields.items() if not right])

    def note(self, cell: str, ident: str, wrong: list[str]) -> None:
        """Count one exchange of `cell` with the fields that are wrong in it."""
        self.exchanges[cell] += 1
        self.whole[cell] += not wrong
        if wrong:
            self.wrong.append({"cell": cell, "id": ident, "fields": wrong})

    def share(self, cell: str) -> float:
        """The share of applicable fields that are right."""
        counts = self.cells.get(cell, {}).values()
        total = sum(count[1] for count in counts)
        return sum(count[0] for count in counts) / total if total else 0.0

    def as_dict(self) -> dict[str, Any]:
        """All figures, for `--json`."""
        cells = {
            cell: {
                "exchanges": self.exchanges[cell],
                "all_right": self.whole[cell],
                "share": self.share(cell) if cell in self.cells else self.whole[cell] / self.exchanges[cell],
                "fields": self.cells.get(cell, {}),
            }
            for cell in sorted(self.exchanges)
        }
        return {"cells": cells, "excluded": dict(self.excluded), "wrong": self.wrong}


async def measure(data: Path, harness: Path) -> Tally:
    """Run every recorded exchange of our dialects."""
    replay, canon = load(harness / "replay.py"), Canon(load(harness / "canon.py"))
    server, listener = await replay.serve([data], 0, "whole")
    port = listener.sockets[0].getsockname()[1]
    tally = Tally()
    try:
        for ident, record in server.c.by_id.items():
            if record["endpoint"] in _ENDPOINTS:
                await _exchange(tally, record, ident, port, canon)
                _request(tally, record, ident, replay)
    finally:
        listener.close()
        await listener.wait_closed()
    return tally


async def _exchange(tally: Tally, record: dict[str, Any], ident: str, port: int, canon: Canon) -> None:
    endpoint, stream = record["endpoint"], record["stream"]
    dialect = DIALECTS[endpoint]
    body = record.get("response_body")
    if not isinstance(body, str):
        tally.excluded["answer: the recording has no text body"] += 1
        return
    if record["status"] >= 400:
        _error(tally, record, ident, dialect, body)
        return
    want = canon.read(endpoint, body, stream=stream)
    if want is None:
        tally.excluded["answer: the independent reader cannot read it"] += 1
        return
    if '"finish_reason"' not in body and '"error"' not in body:
        tally.excluded["answer: the recording has no choice (cut, or another format)"] += 1
        return
    first: list[Event] | None = None
    for mode, largest in MODES.items():
        if (mode != "whole" and not stream) or len(body) > largest:
            continue
        cell = f"{endpoint} {'stream' if stream else 'json'}"
        try:
            events = await _decode(dialect, port, ident, mode, stream=stream)
        except MalformedReply as error:
            tally.wrong.append({"cell": f"{cell} -> value", "id": ident, "error": str(error), "mode": mode})
            tally.add(f"{cell} -> value", ident, want, None)
            continue
        if first is None:
            first = events
            _encodings(tally, cell, ident, want, events, dialect, endpoint, canon)
        if stream:
            tally.note(f"{endpoint} stream cut as {mode}", ident, [] if fold(events) == fold(first) else ["events"])


def _encodings(
    tally: Tally,
    cell: str,
    ident: str,
    want: dict[str, Any],
    events: list[Event],
    dialect: Dialect,
    endpoint: str,
    canon: Canon,
) -> None:
    """Compare the decoded value and both encodings of it with the independent reading."""
    response = fold(events)
    failure = next((event for event in events if isinstance(event, Failed)), None)
    if failure is not None and not response.parts:
        tally.note("error under status 200", ident, [] if failure.message and failure.native else ["message"])
        return
    tally.add(f"{cell} -> value", ident, want, canon.of_response(response))
    body = dialect.write_response(response, CLIENT).decode()
    tally.add(f"{cell} -> json", ident, want, canon.read(endpoint, body, stream=False))
    encoder = dialect.encoder(CLIENT)
    pieces = [encoder.encode(event) for event in events]
    text = b"".join((*pieces, encoder.close())).decode()
    tally.add(f"{cell} -> stream", ident, want, canon.read(endpoint, text, stream=True))


def _error(tally: Tally, record: dict[str, Any], ident: str, dialect: Dialect, body: str) -> None:
    headers = {key.lower(): value for key, value in record["response_headers"].items()}
    error = dialect.read_error(record["status"], headers, body.encode())
    wrong = [] if error.status == record["status"] else ["status"]
    said = json.loads(body)
    said = said.get("error") or said
    message = (said.get("message") or said.get("detail")) if isinstance(said, dict) else said
    wrong += [] if str(message)[:200] in str(error) else ["message"]
    wrong += [] if error.body == body.encode() else ["body"]
    if isinstance(said, dict) and (said.get("code") or said.get("type")):
        wrong += [] if error.code in (str(said.get("code")), said.get("type")) else ["code"]
    tally.note("error statuses", ident, wrong)


def _request(tally: Tally, record: dict[str, Any], ident: str, replay: ModuleType) -> None:
    body = record.get("request_body")
    if not isinstance(body, dict):
        tally.excluded["request: the recording has no JSON object"] += 1
        return
    cell = f"{record['endpoint']} request"
    try:
        tally.note(cell, ident, [] if request_kept(record["endpoint"], body, replay) else ["body"])
    except RequestError as error:
        if record["status"] >= 400:
            tally.excluded["request: refused by us and by the provider"] += 1
            return
        tally.note(cell, ident, [f"refused: {error}"])


async def _decode(dialect: Dialect, port: int, ident: str, mode: str, *, stream: bool) -> list[Event]:
    chunks = _fetch(port, f"/x/{ident}~{mode}/v1")
    if not stream:
        return dialect.read_response(b"".join([chunk async for chunk in chunks]))
    decoder = dialect.decoder()
    events = [event async for chunk in chunks for event in decoder.feed(chunk)]
    return events + decoder.close()


async def _fetch(port: int, path: str) -> AsyncIterator[bytes]:
    """The body of one answer, cut as the server sent it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"POST {path} HTTP/1.1\r\nhost: replay\r\nconnection: close\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1").lower()
        if "content-length: " in head:
            yield await reader.readexactly(int(head.split("content-length: ")[1].split("\r\n")[0]))
            return
        while size := int(await reader.readline(), 16):
            yield await reader.readexactly(size)
            await reader.readexactly(2)
    finally:
        writer.close()
        await writer.wait_closed()


def table(tally: Tally) -> str:
    """The figures as text."""
    lines = [f"{'cell':<38} {'exchanges':>9} {'all right':>9} {'fields':>13} {'share':>8}"]
    for cell, row in tally.as_dict()["cells"].items():
        right, total = (sum(count[n] for count in row["fields"].values()) for n in (0, 1))
        counts = f"{right}/{total}" if total else "-"
        lines.append(f"{cell:<38} {row['exchanges']:>9} {row['all_right']:>9} {counts:>13} {row['share']:>8.2%}")
    lines += ["", "excluded:"]
    lines += [f"  {count:>5}  {reason}" for reason, count in sorted(tally.excluded.items())] or ["  nothing"]
    lines += ["", f"wrong: {len(tally.wrong)}"]
    lines += [f"  {entry}" for entry in tally.wrong[:40]]
    return "\n".join(lines)


def shared() -> Path:
    """Where the development data is: `ASSAY_SHARED`, or `../shared` beside the checkout."""
    default = Path(__file__).resolve().parents[2] / "shared"
    return Path(os.environ.get("ASSAY_SHARED") or default)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wire", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=shared() / "data" / "wire", help="recorded exchanges")
    parser.add_argument("--harness", type=Path, default=shared() / "measure" / "wire", help="replay.py and canon.py")
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")
    options = parser.parse_args()
    tally = asyncio.run(measure(options.data, options.harness))
    sys.stdout.write((json.dumps(tally.as_dict(), indent=1) if options.json else table(tally)) + "\n")


if __name__ == "__main__":
    main()
