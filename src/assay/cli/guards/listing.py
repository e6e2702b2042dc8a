"""`assay guards list`: each guard, what it looks with, what comes of it, and which routes it stands before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from assay.cli.door import config_option, emit, json_option

if TYPE_CHECKING:
    from assay.config.schema import Config

_HEAD = ("guard", "looks with", "found", "on error", "before", "after")


@click.command("list")
@config_option
@json_option
def command(config: str | None, as_json: bool) -> None:
    """Each guard, what it looks with, what comes of what it finds, and where it stands.

    \b
    Example:
      assay guards list -c examples/guards
    """
    from assay.config.load import load
    from assay.decision.table import table

    guards = _guards(load(config).config)
    rows = [tuple(", ".join(cell) if isinstance(cell, list) else str(cell) for cell in one.values()) for one in guards]
    emit(guards, as_json, "\n".join(table(_HEAD, rows)) if rows else "no guard is configured: [guards.NAME]")


def _guards(config: Config) -> list[dict[str, Any]]:
    found = []
    for name, guard in config.guards.items():
        asking = guard.asking()
        kind = str(guard.spec.get("check"))
        found.append({
            "guard": name,
            "check": f"{kind}: {asking.model}" if asking is not None else kind,
            "found": guard.found,
            "on_error": guard.on_error,
            "before": [route for route, one in config.routes.items() if name in one.guards.before],
            "after": [route for route, one in config.routes.items() if name in one.guards.after],
        })  # fmt: skip
    return found
