"""Names that requests call: of the configuration's deployments and routes, and of the pinned route."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.config.load import Loaded

__all__ = ["check_called"]


def check_called(name: str | None, loaded: Loaded, option: str | None = None) -> None:
    """Tell a name that nothing has from one of which nothing is recorded yet.

    Commands that read the ledger ask this once they have found nothing: a route of the past has records, and is no
    longer in the configuration.

    Args:
        name: what was called; None = whatever it was.
        loaded: the configuration.
        option: that the name was given to.

    Raises:
        ConfigError: nothing is called so; names the nearest.
    """
    from assay.decision.lock import FILE_NAME, read_lock
    from assay.errors import ConfigError, did_you_mean

    known = {*loaded.config.routes, *loaded.config.deployments}
    if name is None or name in known:
        return
    lock = loaded.folder / FILE_NAME
    if lock.exists():
        known.add(read_lock(lock).route)
    if name not in known:
        raise ConfigError(f"{f'{option}: ' if option else ''}nothing is called {name!r}; {did_you_mean(name, known)}")
