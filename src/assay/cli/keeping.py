"""What is kept of requests, told where a command has found none that were kept whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.numerals import plural

if TYPE_CHECKING:
    from assay.config.schema import Config

__all__ = ["none_kept"]


def none_kept(config: Config, unread: int, target: str | None = None) -> str:
    """Why there is nothing to read, and what to do.

    Args:
        config: whether bodies are kept at all.
        unread: requests that are kept without their text.
        target: route or deployment that is meant; None = any.
    """
    kept = f"{plural(unread, 'request')} kept without the text" if unread else "none is kept"
    meant = [config.routes.get(target)] if target is not None else [None, *config.routes.values()]
    keeps = {(route.bodies if route is not None else None) or config.serve.bodies for route in meant}
    if "full" in keeps:
        return f'{kept} so far; assay.toml says bodies = "full": what is served from now on is'
    return f'{kept}; say bodies = "full" under [serve] or a route in assay.toml, and serve'
