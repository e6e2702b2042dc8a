"""The work whose cost is asked: as the options describe it, or as the ledger saw it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from assay.cli.door import note, run
from assay.cli.ledger import opened_ledger
from assay.numerals import plural

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


def traffic_of(config: str | None, since: float, kinds: tuple[str, ...]) -> tuple[Traffic, ...]:
    """All requests of the ledger since a time (seconds since 1970), then each kind's where there are several.

    Raises:
        LedgerError: there are none whose tokens are known.
    """
    from assay.errors import LedgerError

    whole, by_kind = run(_observed(config, time.time(), since, kinds))
    if whole is None:
        asked = f" of kind {', '.join(kinds)}" if kinds else ""
        raise LedgerError(
            f"the ledger has no answered requests{asked}{_from(since) if since else ''} whose tokens are "
            "known, apart from evaluations; describe the work with --requests-per-day and the like"
        )
    if whole.uncounted:
        note(
            f"{whole.uncounted:,} of {plural(whole.requests, 'request')} have no token count; the others stand for them"
        )
    return (whole, *by_kind) if len(by_kind) > 1 else (whole,)


async def _observed(
    config: str | None, now: float, since: float, kinds: tuple[str, ...]
) -> tuple[Traffic | None, tuple[Traffic, ...]]:
    from assay.config.load import load
    from assay.envelope.traffic import observed

    async with opened_ledger(load(config)) as ledger:
        return await observed(ledger, now, since, kinds)


def _from(since: float) -> str:
    return f" since {datetime.fromtimestamp(since, UTC):%Y-%m-%d %H:%M} UTC"
