"""Pulling a file of weights: room, licence, origins in turn, digest, and only then into the store."""

from __future__ import annotations

import asyncio
import errno
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from assay.errors import PullError, WeightsError
from assay.weights.digest import sha256_of
from assay.weights.exclusive import exclusive
from assay.weights.local_file import LocalFile
from assay.weights.locate import locate
from assay.weights.origin import Origin, Watch
from assay.weights.packages import Packages
from assay.weights.partial import Partial
from assay.weights.store import Store
from assay.weights.wanted import Wanted

SPARE_BYTES = 64 << 20
"""Room that a pull leaves on the disk for everybody else."""


class Pulled(NamedTuple):
    """Where a file is and where it came from; `fetched` is false where it was here already."""

    path: Path
    source: str
    fetched: bool


async def pull(
    wanted: Wanted, store: Store, origins: Sequence[Origin], watch: Watch, *, accepted: bool = False
) -> Pulled:
    """Bring a file into the store. Safe to cancel, to kill, and to run twice at once; the next call goes on.

    Args:
        wanted: which file.
        store: where to.
        origins: tried in this order; at least one.
        watch: told how it goes.
        accepted: a person accepted the licence. An open one needs no acceptance.

    Raises:
        PullError: the licence is not accepted, there is no room, or no origin gave the file: says why each failed.
    """
    if (found := here(wanted, store)) is not None:
        return found
    check_licence(wanted, accepted=accepted)
    try:
        check_room(store, [room_bytes(wanted, store, origins)])
        async with exclusive(
            store.lock_path(wanted.key), lambda: watch.say("another process is pulling this file: waiting for it")
        ):
            if (found := here(wanted, store)) is not None:
                return found
            return await _bring(wanted, store, origins, watch, accepted=accepted)
    except OSError as error:
        raise disk_fault(error, store) from error


def here(wanted: Wanted, store: Store) -> Pulled | None:
    """The file if it needs no pull: it is in the store, or an installed package has it with the right digest.

    Raises:
        WeightsError: the store cannot be read.
    """
    if (held := store.find(sha256=wanted.sha256, model=wanted.model)) is not None and held.manifest is not None:
        return Pulled(held.path, held.manifest.source, fetched=False)
    if wanted.installed is None:
        return None
    try:
        path = locate(wanted.installed)
        return Pulled(path, wanted.installed, fetched=False) if sha256_of(path) == wanted.sha256 else None
    except WeightsError:  # not installed, or not readable: as good as not here
        return None


def origins_of(
    wanted: Wanted, *, only: str | None = None, path: Path | None = None, link: bool = False
) -> tuple[Origin, ...]:
    """Where a file can be had, in the order of trying: a path that is named is the only one, else hub, then packages.

    Args:
        wanted: which file.
        only: `hub` or `packages`: that one alone.
        path: the file itself; `link` hard-links it.
        link: see `LocalFile`.

    Raises:
        PullError: the catalogue names no such place.
    """
    if path is not None:
        return (LocalFile(path, link=link),)
    found: list[Origin] = []
    if wanted.hub is not None and only in (None, "hub"):
        from assay.weights.hub import Hub

        found.append(Hub(wanted.hub))
    if wanted.parts and only in (None, "packages"):
        found.append(Packages(wanted.parts))
    if not found:
        raise PullError(f"{wanted.model}: the catalogue names no {only or 'hub file and no packages'}; give a --path")
    return tuple(found)


async def _bring(wanted: Wanted, store: Store, origins: Sequence[Origin], watch: Watch, *, accepted: bool) -> Pulled:
    partial = store.partial(wanted)
    reasons: list[str] = []
    for origin in origins:
        try:
            await origin.fetch(wanted, partial, watch)
            await _verify(wanted, partial, watch)
        except PullError as error:
            reasons.append(f"{origin.name}: {error}")
            watch.say(reasons[-1])
            continue
        held = store.place(wanted, partial, source=origin.source, accepted=accepted)
        return Pulled(held.path, origin.source, fetched=True)
    raise PullError(f"{wanted.model} could not be pulled: {'; '.join(reasons)}")


async def _verify(wanted: Wanted, partial: Partial, watch: Watch) -> None:
    """Hold what was fetched against the digest; what does not pass is deleted, for nothing can be saved of it."""
    watch.say("verifying the digest")
    found = await asyncio.to_thread(sha256_of, partial.path, fresh=True)
    if found != wanted.sha256:
        partial.drop()
        raise PullError(f"what came has the sha256 {found}, not {wanted.sha256}; it was deleted")


def check_licence(wanted: Wanted, *, accepted: bool) -> None:
    """Raises PullError where the licence must be accepted by a person and was not."""
    licence = wanted.licence
    if not (licence.is_open or accepted):
        raise PullError(
            f"{wanted.model}: the licence {licence.id} is no open-source one"
            f"{f' ({licence.url})' if licence.url else ''}; read it, then accept it with --accept-licence"
        )


def room_bytes(wanted: Wanted, store: Store, origins: Iterable[Origin]) -> int:
    """Bytes of disk that a pull will still take: what the hungriest origin takes."""
    here = store.partial(wanted).size_bytes
    return max((origin.room_bytes(wanted, here) for origin in origins), default=0)


def check_room(store: Store, needs_bytes: Iterable[int]) -> None:
    """Raises PullError where the store's disk has no room for all of it and `SPARE_BYTES`."""
    need, free = sum(needs_bytes) + SPARE_BYTES, free_bytes(store.folder)
    if need > free:
        raise PullError(
            f"no room in {store.folder}: {need / 1e6:,.0f} MB needed, {free / 1e6:,.0f} MB free; "
            "free some, or name a folder on another disk in $ASSAY_WEIGHTS"
        )


def free_bytes(folder: Path) -> int:
    """Free bytes on the disk that a folder is, or would be, on.

    Raises:
        OSError: the disk cannot be asked.
    """
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def disk_fault(error: OSError, store: Store) -> PullError:
    """What an error of the store's own disk means to a person."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return PullError(
            f"the disk of {store.folder} is full; what is here stays: free some room and the same command goes on"
        )
    return PullError(
        f"weights store {error.filename or store.folder}: {error.strerror or error}; "
        "make it writable, or name another folder in $ASSAY_WEIGHTS"
    )
