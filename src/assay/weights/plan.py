"""What a pull would do, before it does anything: is the file here, who has it, is it allowed, is there room."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from assay.errors import PullError, WeightsError
from assay.types import Value
from assay.weights.digest import sha256_of
from assay.weights.local_file import LocalFile
from assay.weights.locate import locate
from assay.weights.origin import Origin
from assay.weights.packages import Packages
from assay.weights.store import Store
from assay.weights.wanted import Licence, Wanted

SPARE_BYTES = 64 << 20
"""Room that a pull leaves on the disk for everybody else."""


class Here(NamedTuple):
    """A file that is on this machine, and where it came from."""

    path: Path
    source: str


class Plan(Value, frozen=True, kw_only=True):
    """What a pull would do, JSON-able.

    Attributes:
        here: the file, where it needs no pull.
        sources: what would be tried, in this order.
        begun_bytes: of the file that an earlier pull left.
        need_bytes: of disk that the pull would still take; `free_bytes` is what there is.
    """

    model: str
    quantisation: str | None
    size_bytes: int | None
    sha256: str
    licence: Licence
    here: str | None
    sources: tuple[str, ...]
    begun_bytes: int
    need_bytes: int
    free_bytes: int


def plan(wanted: Wanted, store: Store, origins: Sequence[Origin]) -> Plan:
    """What pulling the file from these origins would do.

    Raises:
        WeightsError: the store cannot be read.
    """
    found = here(wanted, store)
    try:
        begun, free = store.partial(wanted).size_bytes, free_bytes(store.folder)
    except OSError as error:
        raise store.fault(error) from error
    return Plan(
        model=wanted.model,
        quantisation=wanted.quantisation,
        size_bytes=wanted.size_bytes,
        sha256=wanted.sha256,
        licence=wanted.licence,
        here=str(found.path) if found else None,
        sources=tuple(origin.source for origin in origins),
        begun_bytes=begun,
        need_bytes=0 if found else room_bytes(wanted, store, origins),
        free_bytes=free,
    )


def here(wanted: Wanted, store: Store) -> Here | None:
    """The file if it needs no pull: it is in the store, or an installed package has it with the right digest.

    Raises:
        WeightsError: the store cannot be read.
    """
    if (held := store.find(sha256=wanted.sha256, model=wanted.model)) is not None and held.manifest is not None:
        return Here(held.path, held.manifest.source)
    if wanted.installed is None:
        return None
    try:
        path = locate(wanted.installed)
        return Here(path, wanted.installed) if sha256_of(path) == wanted.sha256 else None
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


def check_licence(wanted: Wanted, *, accepted: bool) -> None:
    """See that a licence which is no open one was accepted by a person.

    Raises:
        PullError: it was not.
    """
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
    """See that the store's disk has room for all of it and `SPARE_BYTES`.

    Raises:
        PullError: it has not; names what is needed and what is free.
    """
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
