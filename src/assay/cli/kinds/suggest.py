"""`assay kinds suggest`: kinds for requests that name none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from assay.cli.called import check_found
from assay.cli.door import config_option, emit, finish, json_option, note, run
from assay.cli.keeping import none_kept
from assay.cli.ledger import opened_ledger
from assay.cli.progress import LINE_EVERY_S
from assay.cli.since import moment
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.evals.kinds.untagged import Kinds, Untagged
    from assay.privacy.redaction import Redactor


@click.command("suggest")
@click.option("--route", help="Only requests to this route or deployment.")
@click.option("--since", callback=moment, help="Not older: 30m, 12h, 7d, 4w, or a day, 2026-11-01 (UTC).")
@click.option("-k", "--k", "count", type=click.IntRange(2, 50), help="So many kinds [default: as many as are found].")
@config_option
@json_option
def command(route: str | None, since: float, count: int | None, config: str | None, as_json: bool) -> None:
    """Look for kinds of work among kept requests that name none.

    Requests of like words, instructions, tools and forms of answer are put together. There are as many kinds as are
    found again in the other half of the requests (prediction strength 0.8); where there is no such structure, this
    says so. Nothing is sent anywhere, and equal requests give equal suggestions. Routes keep requests where assay.toml
    says bodies = "full".

    \b
    Examples:
      assay kinds suggest
      assay kinds suggest --route support --since 7d
      assay kinds suggest --k 5 --json

    Exit codes: 0 there are kinds, 4 too few requests, or no structure.
    """
    found, redactor, problem = run(_read(route, since, config))
    if not found.drawn:
        emit({"requests": 0, "unread": found.unread, "kinds": []}, as_json, f"no request without a kind: {problem}")
        finish(4)
    from assay.evals.kinds.untagged import suggest

    kinds = suggest(found, redactor, count)
    emit(kinds, as_json, "" if as_json else "\n".join(_lines(kinds)))
    finish(0 if len(kinds.kinds) > 1 else 4)


async def _read(route: str | None, since: float, config: str | None) -> tuple[Untagged, Redactor, str]:
    """The requests, who takes personal data out of them, and what to say if there are none."""
    from assay.config.load import load
    from assay.evals.kinds.untagged import untagged
    from assay.inference.bodies import Bodies

    loaded, last_s = load(config), time.monotonic()

    def told(read: int) -> None:
        nonlocal last_s
        if time.monotonic() - last_s > LINE_EVERY_S:
            last_s = time.monotonic()
            note(f"{plural(read, 'request')} read ...")

    async with opened_ledger(loaded) as ledger:
        found = await untagged(ledger, since_s=since, target=route, told=told)
        if not found.drawn:
            await check_found(route, loaded, ledger, "--route")
        redactor = Bodies(ledger, loaded.config).redactor_for(personal=True)
        return found, redactor, none_kept(loaded.config, found.unread, route)


def _lines(found: Kinds) -> Iterator[str]:
    from assay.evals.kinds.strength import ENOUGH

    yield f"looked at {found.looked_at:,} of {plural(found.requests, 'request')} without a kind"
    if len(found.kinds) < 2:
        best = max((count for count in found.strengths if count > 1), key=lambda count: found.strengths[count])
        yield (
            "there is no structure that is found again in the other half of them: they are of one kind, or their words "
            f"do not tell kinds apart; nearest to it are {best} kinds, of strength {found.strengths[best]:.2f} where "
            f"{ENOUGH:g} is wanted (--k {best} shows them)"
        )
        return
    strength = found.strengths[len(found.kinds)]
    weak = "" if strength >= ENOUGH else "; as many as were asked for, and they are not found again"
    yield f"{plural(len(found.kinds), 'kind')}, prediction strength {strength:.2f}{weak}"
    for kind in found.kinds:
        share = kind.requests / found.looked_at
        yield ""
        yield f"{kind.name}: {share:.0%} of them, {kind.sure:.0%} found again; {', '.join(kind.words)}"
        yield from (f"  {example}" for example in found.examples[kind.name])
    yield ""
    yield "names are a suggestion. Clients name a kind in the header x-assay-kind; or give each a route of its own:"
    yield ""
    yield from _routes(found)


def _routes(found: Kinds) -> Iterator[str]:
    """Routes to paste into assay.toml: what called one name so far calls that of its kind."""
    for kind in found.kinds:
        yield f"[routes.{kind.name}]"
        yield f'candidates = ["{found.routes[kind.name][0]}"]'
        yield f'kind = "{kind.name}"'
        yield ""
