"""Names that requests call: of the configuration's deployments and routes, of the pinned route, and of the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.cli.door import note

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assay.config.load import Loaded
    from assay.ledger.names import Column
    from assay.ledger.store import Ledger

__all__ = ["check_called", "check_found", "hint"]


def check_called(name: str | None, loaded: Loaded, option: str | None = None, beside: Iterable[str] = ()) -> None:
    """Refuse a name that nothing of the configuration has.

    Args:
        name: what is to be called; None = whatever it is.
        loaded: the configuration.
        option: that the name was given to.
        beside: other names that are right.

    Raises:
        ConfigError: nothing is called so; names the nearest.
    """
    from assay.decision.lock import FILE_NAME, read_lock
    from assay.errors import ConfigError, did_you_mean

    known = {*loaded.config.routes, *loaded.config.deployments, *beside}
    if name is None or name in known:
        return
    lock = loaded.folder / FILE_NAME
    if lock.exists():
        known.add(read_lock(lock).route)
    if name not in known:
        raise ConfigError(f"{f'{option}: ' if option else ''}nothing is called {name!r}; {did_you_mean(name, known)}")


async def check_found(name: str | None, loaded: Loaded, ledger: Ledger, option: str | None = None) -> None:
    """Tell a name that nothing has, or ever had, from one of which nothing was found.

    Commands that read the ledger ask this once they have found nothing: a route of the past may have records that the
    other conditions leave out.

    Args:
        name: what was called; None = whatever it was.
        loaded: the configuration.
        ledger: where nothing was found.
        option: that the name was given to.

    Raises:
        ConfigError: nothing is called so; names the nearest.
        LedgerError: the ledger cannot be read.
    """
    from assay.errors import ConfigError
    from assay.ledger.names import called_names

    try:
        check_called(name, loaded, option)
    except ConfigError:
        check_called(name, loaded, option, await called_names(ledger))


async def hint(ledger: Ledger, *, kind: str | None = None, team: str | None = None, error: str | None = None) -> None:
    """Say which of some words no attempt has, once nothing was found.

    They are no mistakes as such: clients may name a new kind at any time.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    from assay.errors import did_you_mean
    from assay.ledger.names import recorded

    words: dict[Column, str | None] = {"kind": kind, "team": team, "error": error}
    for column, word in words.items():
        if word is not None and word not in (known := await recorded(ledger, column)):
            note(f"--{column}: no attempt has {word!r}; {did_you_mean(word, known)}")
