"""`assay news`: what has changed since the last look, and what of it asks for action."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assay.cli.door import config_option, emit, finish, json_option, note

if TYPE_CHECKING:
    from assay.catalog.load import Catalog
    from assay.catalog.model import Model
    from assay.config.load import Loaded
    from assay.decision.news.changes import Change
    from assay.decision.news.look import Look
    from assay.decision.news.news import News

_MOST = 12
"""Lines of one list; JSON has all of them."""


@click.command()
@click.option("--since", metavar="DATE", help="Compare with this day (2026-09-01) instead of the last look.")
@click.option("--within", default=30, show_default=True, type=click.IntRange(min=0), metavar="DAYS",
              help="An end that is nearer asks for action.")  # fmt: skip
@click.option("--device", metavar="DEVICE", help="New open weights must fit there: rtx4090, auto ... (assay fit).")
@click.option("--all", "everything", is_flag=True, help="List also what changed of models that are not used.")
@click.option("--no-save", is_flag=True, help="Do not keep this look as the last one.")
@config_option
@json_option
def command(
    since: str | None,
    within: int,
    device: str | None,
    everything: bool,
    no_save: bool,
    config: str | None,
    as_json: bool,
) -> None:
    """Show what changed since the last look: prices, ends, licences, data policies, and new models within the envelope.

    What is used (deployments, routes, pins) comes first, with the days until its maker retires it. Nothing is fetched:
    news come with a newer assay, a newer genai-prices, and files of the catalogue of your own. The last look is kept
    beside the ledger. A day given with --since is compared as far as the catalogue remembers: prices have a history,
    terms and data policies have none.

    Exit code 1 if something that is used is retired, retires within --within days, breaks a constraint, or has left
    the catalogue.

    \b
    Examples:
      assay news
      assay news --since 2026-06-01 --all --no-save
      assay news --within 90 --json
    """
    from assay.cli.places import catalog_of
    from assay.config.load import load_if_any

    today = datetime.now(UTC).date()
    loaded = load_if_any(config)  # the catalogue has news for everybody
    catalog = catalog_of(loaded)
    found, seen = _news(catalog, loaded, today, since, within, device)
    read = emit(found, as_json, "\n".join(_text(found, everything)))
    if read and not no_save:  # news that nobody has read are told again
        from assay.decision.news.look import write_look

        write_look(_place(loaded), seen)
    finish(1 if found.needs_action else 0)


def _place(loaded: Loaded | None) -> Path:
    """Beside the ledger; without a configuration where a user's state belongs."""
    if loaded is not None:
        ledger = loaded.ledger_path
        return ledger.with_name(f"{ledger.name}.news.json")
    import platformdirs

    return Path(platformdirs.user_state_dir("assay")) / "news.json"


def _news(
    catalog: Catalog, loaded: Loaded | None, today: date, since: str | None, within: int, device: str | None
) -> tuple[News, Look]:
    from assay.config.schema import Constraints
    from assay.decision.lock import FILE_NAME, read_lock
    from assay.decision.news.look import look, look_back, read_look
    from assay.decision.news.news import news, remembered
    from assay.decision.news.usage import in_use

    before = look_back(catalog, _day(since, today)) if since is not None else read_look(_place(loaded))
    after = look(catalog, today)
    if before is not None and before.day > after.day:
        note(f"the last look is of {before.day}, which is still to come: is this machine's clock right?")
    limits = loaded.config.constraints if loaded is not None else Constraints()
    lock_path = loaded.folder / FILE_NAME if loaded is not None else None
    lock = read_lock(lock_path) if lock_path is not None and lock_path.exists() else None
    used = in_use(loaded.config, catalog, lock, today, within) if loaded is not None else ()
    found = news(catalog, before, after, used, limits, fits=_fits(catalog, loaded, device))
    return found, remembered(before, after, used)


def _day(text: str, today: date) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(f"--since: {text!r} is no day; write it like 2026-09-01") from error
    if day > today:
        raise click.UsageError(f"--since: {text} is still to come")
    return day


def _fits(catalog: Catalog, loaded: Loaded | None, device: str | None) -> Callable[[Model], bool]:
    """Whether open weights fit on a device; on an unnamed one they may."""
    from assay.cli.places import fits_on

    return fits_on(catalog, loaded, device) if device is not None else lambda _: True


def _text(found: News, everything: bool) -> Iterator[str]:
    if found.since is None:
        yield f"First look, {found.today}: nothing to compare with yet. `assay news` tells from now on what changes."
    else:
        yield f"Since {found.since}:"
    yield from _used(found)
    yield from _listed("Changes of what you use", _changed(found.changes))
    yield from _listed("New models within your constraints", list(_new(found)))
    if everything:
        yield from _listed("Other changes", _changed(found.others), most=None)
    elif found.others:
        counted = ", ".join(f"{count} {kind}" for kind, count in found.others_by_kind.items())
        yield from ("", f"Of what you do not use: {counted} (--all lists them).")
    elif found.since is not None and not found.changes:
        yield from ("", "Nothing changed.")


def _used(found: News) -> Iterator[str]:
    from assay.decision.table import table

    if not found.used:
        return
    head = ("", "deployment", "model", "serves", "status", "retires", "days left", "")
    cells = [
        (
            "!" if one.action else " ",
            one.deployment,
            one.model,
            ", ".join((*one.routes, *one.kinds)) or "-",
            one.status or "-",
            one.retires or "-",
            str(one.days_left) if one.days_left is not None else "-",
            one.action or "",
        )
        for one in found.used
    ]
    yield from ("", "What you use", *table(head, cells, indent="  "))


def _changed(found: Sequence[Change]) -> list[str]:
    """A line for each subject, with all that changed of it."""
    lines: list[str] = []
    for (subject, used_by), group in groupby(found, key=lambda one: (one.subject, one.used_by)):
        users = f" ({', '.join(used_by)})" if used_by else ""
        lines.append(f"{subject}{users}: {'; '.join(one.difference for one in group)}")
    return lines


def _new(found: News) -> Iterator[str]:
    for one in found.new_models:
        price = (one.input_usd_per_mtok, one.output_usd_per_mtok)
        rates = f"{price[0]:g} / {price[1]:g} USD per million tokens" if None not in price else "price unknown"
        yield f"{one.model}: released {one.released or 'unknown'}, {one.licence or 'hosted'}, {rates}"


def _listed(title: str, lines: list[str], most: int | None = _MOST) -> Iterator[str]:
    if not lines:
        return
    yield from ("", title, *(f"  {line}" for line in lines[:most]))
    if most is not None and len(lines) > most:
        yield f"  and {len(lines) - most} more (--json has them all)"
