"""`assay suite from-ledger`: a suite of real requests, where routes keep bodies."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assay.cli.called import check_found, hint
from assay.cli.door import config_option, emit, finish, json_option, note, run
from assay.cli.keeping import none_kept
from assay.cli.ledger import opened_ledger
from assay.cli.progress import LINE_EVERY_S
from assay.cli.since import DAY_S, moment
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.evals.traffic.harvest import Gathered, Harvest
    from assay.evals.traffic.suite import Written

_DIMENSIONS = ("feedback", "answer", "deployment", "length", "script", "turns", "day", "compared")
_USUAL = ("feedback", "answer", "deployment", "length", "script")


@click.command("from-ledger")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder to write; absent or empty.")
@click.option("-k", "--kind", help="Only this kind.")
@click.option("--route", help="Only requests to this route or deployment.")
@click.option("--since", callback=moment, help="Not older: 30m, 12h, 7d, 4w, or a day, 2026-11-01 (UTC).")
@click.option("--limit", default=200, show_default=True, type=click.IntRange(1, 100_000), help="Samples of each kind.")
@click.option("--with-feedback-only", is_flag=True, help="Only requests that somebody has said something of.")
@click.option(
    "--by", multiple=True, type=click.Choice(_DIMENSIONS),
    help=f"What divides the requests of a kind; may be repeated.  [default: {', '.join(_USUAL)}]",
)  # fmt: skip
@click.option("--redact/--no-redact", default=True, help="Take out personal data, too; credentials go in any case.")
@click.option("--judge", help="Deployment or route that judges what no check can.")
@click.option("--name", help="The suite's name [default: the folder's].")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Another one draws other requests.")
@config_option
@json_option
def command(
    out: Path, kind: str | None, route: str | None, since: float, limit: int, with_feedback_only: bool,
    by: tuple[str, ...], redact: bool, judge: str | None, name: str | None, seed: int, config: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Make a suite of real requests, with what people said of the answers as targets.

    Routes keep requests and answers where assay.toml says bodies = "full" (under [serve], or a route); feedback comes
    from `assay feedback` or POST /v1/feedback. The draw has no text twice, nor near-duplicates; each kind is divided
    into strata, and rare ones give at least one sample. What each sample stands for is its origin.weight.

    A correction becomes the target, so does an accepted or preferred answer, marked as such. What nobody has said
    what is right of, and long texts without a --judge, wait in FOLDER/drafts: `assay suite review` goes through them.
    Graders are a suggestion. Private-only requests stay private-only samples. Redaction is a filter that misses
    things: read what you publish.

    \b
    Examples:
      assay suite from-ledger --out suite --since 7d
      assay suite from-ledger --out sql-suite -k sql --with-feedback-only --limit 50
      assay suite from-ledger --out suite --judge frontier --by feedback --by day
      assay suite from-ledger --out suite --by compared      where an audit or shadow disagreed, too
    """
    from assay.evals.traffic.harvest import Wish

    wish = Wish(
        limit=limit, since_s=since, target=route, kind=kind, with_feedback_only=with_feedback_only,
        by=by or _USUAL, seed=seed,
    )  # fmt: skip
    found, written = run(_make(out, wish, redact, judge, name, config))
    value = {
        "folder": out, "unread": found.unread, "redacted": dict(found.redacted),
        "kinds": [_kind(one, written[one.kind]) for one in found.kinds if one.kind in written],
        "left_out": {one.kind: one.left_out for one in found.kinds},
    }  # fmt: skip
    emit(value, as_json, "" if as_json else "\n".join(_lines(out, found, written)))
    finish(0)


async def _make(
    out: Path, wish: Any, redact: bool, judge: str | None, name: str | None, config: str | None
) -> tuple[Harvest, dict[str, Written]]:
    from assay.config.load import load
    from assay.errors import SuiteError
    from assay.evals.suites.writing import check_free
    from assay.evals.traffic.harvest import harvest
    from assay.evals.traffic.suite import write_harvest
    from assay.inference.bodies import Bodies

    check_free(out)
    loaded = load(config)
    async with opened_ledger(loaded) as ledger:
        bodies = Bodies(ledger, loaded.config)
        oldest = time.time() - loaded.config.bodies.keep_days * DAY_S
        wish = wish._replace(since_s=max(wish.since_s, oldest))
        found = await harvest(ledger, wish, bodies.redactor_for(personal=redact), _Reading().told)
        if not found.kinds:
            await check_found(wish.target, loaded, ledger, "--route")
            await hint(ledger, kind=wish.kind)
    if not found.kinds:
        why = none_kept(loaded.config, found.unread, wish.target)
        raise SuiteError(f"the ledger has no such requests to make samples of: {why}")
    return found, write_harvest(out, found, name=name or _name(out), judge=judge)


class _Reading:
    """Says now and then how far a large ledger has been read."""

    def __init__(self) -> None:
        self._last_s = time.monotonic()

    def told(self, read: int) -> None:
        if time.monotonic() - self._last_s > LINE_EVERY_S:
            self._last_s = time.monotonic()
            note(f"{plural(read, 'request')} read ...")


def _name(folder: Path) -> str:
    fit = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name).strip("._-")
    return fit or "traffic"


def _kind(one: Gathered, written: Written) -> dict[str, Any]:
    return {
        "kind": one.kind, "requests": one.requests, "samples": written.samples, "waiting": written.waiting,
        "graders": written.graders, "targets": written.targets, "strata": one.strata,
    }  # fmt: skip


def _lines(out: Path, found: Harvest, written: dict[str, Written]) -> Iterator[str]:
    from assay.decision.table import table

    rows = [
        (
            one.kind, str(one.requests), str(written[one.kind].samples), str(written[one.kind].waiting),
            f"{sum(stratum.samples > 0 for stratum in one.strata)} of {len(one.strata)}",
            ", ".join(f"{count} {how}" for how, count in sorted(written[one.kind].targets.items())),
            ", ".join(str(grader.get("check", grader.get("grader"))) for grader in written[one.kind].graders),
        )
        for one in found.kinds if one.kind in written
    ]  # fmt: skip
    yield from table(("kind", "requests", "samples", "waiting", "strata", "targets", "graders"), rows)
    yield ""
    left_out = sum((Counter(one.left_out) for one in found.kinds), Counter[str]())
    if left_out:
        yield "left out of the draw: " + ", ".join(f"{count} {reason}" for reason, count in left_out.most_common())
    if found.unread:
        yield f"kept without their text: {plural(found.unread, 'request')}"
    taken = ", ".join(f"{count} {what}" for what, count in found.redacted.most_common()) or "nothing was found"
    yield f"taken out: {taken}; detectors miss things, so read what leaves your hands"
    yield from _next(out, written)


def _next(out: Path, written: dict[str, Written]) -> Iterator[str]:
    if any(one.samples for one in written.values()):
        yield f"next: assay suite lint {out}; assay eval --suite {out} -m NAME"
    if any(one.waiting for one in written.values()):
        yield f"what waits for a target or a judge: assay suite review {out}"
