"""A file that is followed: each change is taken up once, whatever way it was made."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from assay.gateway import following
from assay.gateway.following import follow, stamp


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks often."""
    monkeypatch.setattr(following, "LOOK_EVERY_S", 0.005)


@asynccontextmanager
async def followed(path: Path) -> AsyncIterator[asyncio.Queue[str]]:
    """What was read at each change."""
    read: asyncio.Queue[str] = asyncio.Queue()

    async def changed() -> None:
        read.put_nowait(path.read_text())

    task = asyncio.create_task(follow(path, stamp(path), changed))
    yield read
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def put(path: Path, text: str) -> None:
    """Put a new file in its place, as locks are written."""
    other = path.with_suffix(".new")
    other.write_text(text)
    os.utime(other, ns=(1, 1))  # the same time as any other: the file is another one all the same
    other.replace(path)


async def test_a_file_put_in_its_place_is_taken_up_once(tmp_path: Path) -> None:
    """Also with the same size and time; and a file that stays is not read again."""
    path = tmp_path / "lock"
    put(path, "one")
    async with followed(path) as read:
        put(path, "two")
        assert await asyncio.wait_for(read.get(), 5) == "two"
        put(path, "six")
        assert await asyncio.wait_for(read.get(), 5) == "six"
        await asyncio.sleep(0.05)
        assert read.empty()


async def test_a_file_that_comes_and_goes(tmp_path: Path) -> None:
    """None at first, then one; while it is gone nothing happens, and the next one is taken up."""
    path = tmp_path / "lock"
    async with followed(path) as read:
        put(path, "one")
        assert await asyncio.wait_for(read.get(), 5) == "one"
        path.unlink()
        await asyncio.sleep(0.03)
        assert read.empty()
        put(path, "two")
        assert await asyncio.wait_for(read.get(), 5) == "two"
