"""Pulling a file of weights: licence, room, origins in turn, digest, and only then into the store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from assay.errors import PullError
from assay.weights.digest import sha256_of
from assay.weights.exclusive import exclusive
from assay.weights.origin import Origin, Watch
from assay.weights.partial import Partial
from assay.weights.plan import check_licence, check_room, here, room_bytes
from assay.weights.store import Store
from assay.weights.wanted import Wanted


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
        return Pulled(*found, fetched=False)
    check_licence(wanted, accepted=accepted)
    try:
        check_room(store, [room_bytes(wanted, store, origins)])
        async with exclusive(
            store.lock_path(wanted.key), lambda: watch.say("another process is pulling this file: waiting for it")
        ):
            if (found := here(wanted, store)) is not None:
                return Pulled(*found, fetched=False)
            return await _bring(wanted, store, origins, watch, accepted=accepted)
    except OSError as error:
        raise store.fault(error) from error


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
        raise PullError(f"what came has the sha256 {found}, not {wanted.sha256}; the copy was deleted")
