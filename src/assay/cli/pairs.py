"""`assay pairs`: pairs of answers, of which one is better, to tune a model with."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from assay.cli.called import check_found, hint
from assay.cli.door import Finite, config_option, emit, finish, json_option, note, run
from assay.cli.since import DAY_S, moment
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.decision.experiments.pairing import Pairing, Wanted


class Files(NamedTuple):
    """Where pairs are written: to train with, and to look at what training brought; None = all to the first."""

    train: Path
    heldout: Path | None


@click.group()
def command() -> None:
    """Pairs of answers of which one is better, out of feedback and comparisons: what preference tuning learns from.

    \b
    Example:
      assay pairs export support -o pairs.jsonl
    """


@command.command("export")
@click.argument("route", required=False)
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="JSONL to write.")
@click.option("-k", "--kind", help="Only this kind.")
@click.option("--since", callback=moment, help="Not older: 30m, 12h, 7d, 4w, or a day (UTC).")
@click.option(
    "--heldout", default=0.2, show_default=True, type=Finite(0, 1, max_open=True),
    help="Share of the prompts whose pairs go into OUT with .heldout before its ending; 0 = none.",
)  # fmt: skip
@click.option("--redact/--no-redact", default=True, help="Take out personal data, too; credentials go in any case.")
@click.option("--forbidden", is_flag=True, help="Also pairs with answers whose terms forbid to train with them.")
@click.option("--force", is_flag=True, help="Write over files that are there.")
@config_option
@json_option
def export(
    route: str | None, out: Path, kind: str | None, since: float, heldout: float, redact: bool, forbidden: bool,
    force: bool, config: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Write preference pairs, one JSON object a line: prompt (messages), chosen, rejected, tools, origin.

    They come of answers that people edited, preferred to others, or accepted and rejected to the same prompt, and of
    comparisons by shadows and audits; only where routes keep bodies (bodies = "full"). All pairs of one prompt are on
    one side, in every export. Answers may be under terms that forbid to train other models with them: such pairs are
    left out, and where the terms are not known that is said; the catalogue's reading of terms is no legal advice.
    Private-only requests give private-only pairs: origin.label says so. Redaction misses things: read what you pass on.

    Exit code 0: pairs were written; 4: there is none.

    \b
    Examples:
      assay pairs export support -o pairs.jsonl
      assay pairs export --kind tickets.classify -o pairs.jsonl --since 4w --json
    """
    from assay.decision.experiments.pairing import Wanted

    files = Files(out, out.with_name(f"{out.stem}.heldout{out.suffix}") if heldout else None)
    for one in filter(None, files):
        if one.exists() and not force:
            raise click.UsageError(f"{one} is there already; --force writes over it")
        if not one.absolute().parent.is_dir():
            raise click.UsageError(f"{one}: its folder is not there")
    pairing, counts = run(_export(files, heldout, Wanted(route, kind, since, forbidden), redact, config))
    value = {
        "files": {str(file): count for file, count in counts.items()},
        "sources": dict(pairing.sources),
        "requests": pairing.requests,
        "left_out": {reason: count for reason, count in pairing.left_out.items() if count},
        "redacted": dict(pairing.redacted),
        "terms": {name: {"verdict": one.verdict, "reason": one.reason} for name, one in pairing.terms.items()},
    }
    emit(value, as_json, "" if as_json else "\n".join(_text(pairing, counts)))
    for name, ruling in pairing.terms.items():
        if ruling.verdict != "allowed":
            note(f"warning: answers of {name}: {ruling.reason}")
    finish(0 if pairing.sources else 4)


async def _export(
    files: Files, heldout: float, wanted: Wanted, redact: bool, config: str | None
) -> tuple[Pairing, dict[Path, int]]:
    from contextlib import ExitStack, suppress

    import msgspec

    from assay.app import open_app
    from assay.decision.experiments.pair import side_of
    from assay.decision.experiments.pairing import Pairing
    from assay.inference.bodies import Bodies
    from assay.whole_file import exchanged

    async with open_app(config) as app:
        bodies = Bodies(app.ledger, app.loaded.config)
        oldest = time.time() - app.loaded.config.bodies.keep_days * DAY_S
        wanted = wanted._replace(since_s=max(wanted.since_s, oldest))
        pairing = Pairing(app.ledger, app.spine.targets, bodies.redactor_for(personal=redact))
        counts = dict[Path, int]()
        with suppress(_NoPairs), ExitStack() as stack:
            places = {one: stack.enter_context(exchanged(one)) for one in filter(None, files)}
            opened = {one: stack.enter_context(place.open("wb")) for one, place in places.items()}
            counts = dict.fromkeys(places, 0)
            async for pair in pairing.pairs(wanted):
                held = files.heldout is not None and side_of(pair.digest, heldout) == "heldout"
                file = files.heldout if held and files.heldout is not None else files.train
                opened[file].write(msgspec.json.encode(pair.line) + b"\n")
                counts[file] += 1
            if not pairing.requests:
                await check_found(wanted.route, app.loaded, app.ledger)
                await hint(app.ledger, kind=wanted.kind)
            if not any(counts.values()):
                counts.clear()
                raise _NoPairs
    return pairing, counts


class _NoPairs(Exception):
    """There is none: no file is written, and one that is there stays as it is."""


def _text(pairing: Pairing, counts: dict[Path, int]) -> list[str]:
    lines = [f"{file}: {plural(count, 'pair')}" for file, count in counts.items()]
    if pairing.sources:
        lines.append("from: " + ", ".join(f"{count} {source}" for source, count in pairing.sources.most_common()))
    else:
        lines.append('no pairs: feedback that prefers one answer to another, and bodies = "full", make them')
    lines += [f"left out: {count}, {reason}" for reason, count in pairing.left_out.most_common() if count]
    if pairing.redacted:
        lines.append("taken out: " + ", ".join(f"{count} {what}" for what, count in pairing.redacted.most_common()))
    return lines
