"""`assay spend --against`: the comparison with one model, and what it assumes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache

from assay.catalog.load import load as load_catalog
from assay.catalog.prices import LENGTHS
from assay.cli.ledger import opened_ledger
from assay.config.load import load
from assay.config.schema import Price
from assay.envelope.against import Against, compared, ratios
from assay.envelope.named import named
from assay.ledger.spend import Window
from assay.ledger.spend_against import served, shared_samples
from assay.numerals import plural, told_usd

__all__ = ["compare", "rendered"]


async def compare(name: str, window: Window, config: str | None) -> Against | None:
    """The bill of a time beside that of one deployment or model; None = it cannot be told.

    Raises:
        AssayError: there is no such name, or the ledger cannot be read.
    """
    loaded = load(config)
    catalog, today = load_catalog(loaded.config.catalog_files), datetime.now(UTC).date()

    @cache
    def rate(length: int | None) -> Price | None:
        tokens = float(length if length is not None else 2 * max(LENGTHS))
        return named([name], catalog, loaded.config, today, input_tokens=tokens / 2)[0].rate

    rate(None)  # a name that is not there is told before the ledger is read
    async with opened_ledger(loaded) as ledger:
        found = await served(ledger, window, LENGTHS)
        known = ratios(await shared_samples(ledger, name), name)
    return compared(name, found, rate, known) if found.answers else None


def rendered(found: Against) -> str:
    """The two bills, the difference, and the assumptions."""
    return "\n".join([*_bills(found), *(f"  - {line}" for line in _assumptions(found))])


def _bills(found: Against) -> Iterator[str]:
    yield f"{plural(found.requests, 'answered request')} cost {told_usd(found.paid_usd)}:"
    for purpose, usd in found.paid_by.items():
        yield f"  {_PURPOSES.get(purpose, purpose)}: {told_usd(usd)}"
    span = told_usd(found.high_usd)
    if found.low_usd != found.high_usd:
        span = f"{told_usd(found.low_usd)} to {span}"
    yield f"On {found.name} alone, by the tokens as counted: {span}"
    if found.measured_usd is not None:
        yield f"  by tokens measured on {found.samples:,} shared samples: {told_usd(found.measured_usd)}"
    least, most = found.saved_usd
    if least > 0:
        yield f"Saved: {told_usd(least)}" + (f" to {told_usd(most)}" if most != least else "")
    elif most < 0:
        yield f"Paid more: {told_usd(-most)}" + (f" to {told_usd(-least)}" if most != least else "")
    else:
        yield f"It cannot be told who is cheaper: {told_usd(-least)} more to {told_usd(most)} less was paid"
    yield "Assumed:"


_PURPOSES = {
    "answer": "the answers", "attempt": "further tries", "judge": "judges", "guard": "guards", "route": "routing",
    "shadow": "shadows", "audit": "audits",
}  # fmt: skip


def _assumptions(found: Against) -> Iterator[str]:
    yield f"today's price of {found.name} on the tokens that the answering models counted"
    if found.measured_usd is None:
        yield "models split a text into other tokens: no runs have asked both the same, so by how much is unknown"
    elif found.covered < 1:
        yield f"token counts were measured for {found.covered:.0%} of the requests; the others are taken as counted"
    yield "answers as long as those that were given, thinking included; another model may think more or less"
    yield "one attempt each: no retries, judges, guards or comparisons on its side"
    if found.low_usd != found.high_usd:
        yield "what was read from caches is cached there too, or not: both ends are given"
    if found.uncounted:
        yield f"in neither bill: {plural(found.uncounted, 'answered request')} without counts"
    if found.unknown:
        yield f"not in what was paid: {plural(found.unknown, 'attempt')} whose cost nobody knows; it was more"
    if found.bounds:
        yield f"at the bound: {plural(found.bounds, 'attempt')}; it may have been less"
    yield "evaluations and answers from assay's cache are left out, and so are requests that nobody answered"
