"""The work whose cost is asked: as the options describe it, or as the ledger saw it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from assay.cli.door import note, run

if TYPE_CHECKING:
    from assay.envelope.traffic import Traffic
    from assay.envelope.workload import Workload

__all__ = ["traffic_of", "workload_of"]


def workload_of(options: Mapping[str, float | None], traffic: tuple[Traffic, ...]) -> Workload:
    """What was observed, with what was said instead of it.

    Args:
        options: fields of a workload, as the command line has them; `None` where it says nothing.
        traffic: what was observed, all of it first.

    Raises:
        click.UsageError: nothing was observed, and the options do not describe it.
    """
    from msgspec import structs

    from assay.envelope.workload import Workload

    described = {name: value for name, value in options.items() if value is not None}
    if traffic:
        return structs.replace(traffic[0].workload, **described)
    lacking = [name for name in ("requests_per_day", "input_tokens", "output_tokens") if name not in described]
    if lacking:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in lacking)
        raise click.UsageError(f"say what the work is: {named} (or take it --from-ledger)")
    return Workload(**described)


def traffic_of(config: str | None, since: str | None, kinds: tuple[str, ...]) -> tuple[Traffic, ...]:
    """All requests of the ledger since a time, then each kind's where there are several.

    Raises:
        LedgerError: there are none whose tokens are known.
    """
    from assay.errors import LedgerError

    now = time.time()
    whole, by_kind = run(_observed(config, now, now - _seconds(since) if since else 0.0, kinds))
    if whole is None:
        asked = f" of kind {', '.join(kinds)}" if kinds else ""
        raise LedgerError(
            f"the ledger has no answered requests{asked}{f' of the last {since}' if since else ''} whose tokens are "
            "known, apart from evaluations; describe the work with --requests-per-day and the like"
        )
    if whole.uncounted:
        note(f"{whole.uncounted:,} of {whole.requests:,} requests have no token count; the others stand for them")
    return (whole, *by_kind) if len(by_kind) > 1 else (whole,)


async def _observed(
    config: str | None, now: float, since: float, kinds: tuple[str, ...]
) -> tuple[Traffic | None, tuple[Traffic, ...]]:
    from assay.app import open_ledger
    from assay.config.load import load
    from assay.envelope.traffic import observed

    ledger = open_ledger(load(config))
    try:
        return await observed(ledger, now, since, kinds)
    finally:
        await ledger.close()


def _seconds(since: str) -> float:
    """`7d` or `12h` in seconds."""
    units = {"d": 86_400.0, "h": 3600.0}
    number, unit = since[:-1], since[-1:].lower()
    try:
        return float(number) * units[unit]
    except (KeyError, ValueError):
        raise click.UsageError(f"--since {since!r}: expected days or hours, like 7d or 12h") from None
