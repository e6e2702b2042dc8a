"""`assay feedback`: say what came of an answer, or read what was said of all."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from assay.cli.called import check_found, hint
from assay.cli.door import config_option, emit, finish, json_option, read_file, run, utf8
from assay.cli.ledger import opened_ledger
from assay.cli.since import moment
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.evals.traffic.opinions import Opinion, OutcomeMean
    from assay.ledger.rows import FeedbackRow


@click.command("feedback")
@click.argument("request_id", required=False)
@click.argument("verdict", required=False, type=click.Choice(["accepted", "edited", "rejected", "preferred"]))
@click.option("--correction", metavar="TEXT|@FILE", help="What an edited answer became; @- is standard input.")
@click.option("--over", metavar="REQUEST", help="With preferred: the request whose answer was less good.")
@click.option("--metric", metavar="NAME=VALUE", help="An outcome that was measured: stars=4.")
@click.option("--comment", help="Anything else.")
@click.option("--since", callback=moment, help="Reading: requests not older than 30m, 12h, 7d, 4w, or a day (UTC).")
@click.option("--route", help="Reading: only of this route or deployment.")
@click.option("-k", "--kind", help="Reading: only of this kind.")
@config_option
@json_option
def command(
    request_id: str | None, verdict: str | None, correction: str | None, over: str | None, metric: str | None,
    comment: str | None, since: float, route: str | None, kind: str | None, config: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Say what came of the answer to a request; without REQUEST_ID, show what was said, by kind and deployment.

    REQUEST_ID is the header x-assay-request-id of the answer, or the beginning of it that no other request has, or the
    id in the answer's body. Clients of the gateway say the same with POST /v1/feedback, or with the header
    x-assay-feedback of their next request. `assay suite from-ledger` makes samples of it.

    \b
    Examples:
      assay feedback 019ac31f0b7e4d accepted
      assay feedback 019ac31f0b7e4d edited --correction @answer.txt
      assay feedback 019ac31f0b7e4d preferred --over 019ac31f0b9a77
      assay feedback 019ac31f0b7e4d --metric stars=4 --comment "a little long"
      assay feedback --since 7d                who is accepted how often, with intervals of 95 %

    Exit code 4: nothing was said of these requests.
    """
    said: dict[str, Any] = {"request_id": request_id, "verdict": verdict, "over": over, **_metric(metric)}
    said |= {"correction": _text(correction), "comment": utf8(comment) if comment is not None else None}
    given = {name: value for name, value in said.items() if value is not None}
    if request_id is None:
        if given:
            raise click.UsageError(f"--{min(given)} speaks of one answer; name its request")
        found = run(_read(since, route, kind, config))
        emit({"opinions": found}, as_json, "" if as_json else "\n".join(_lines(found)))
        finish(0 if found else 4)
    if since or route or kind:
        raise click.UsageError("--since, --route and --kind read what was said; leave REQUEST_ID out")
    row = run(_record(given, config))
    emit(row, as_json, f"{row.verdict or f'{row.metric} = {row.value:g}'}: request {row.request_id}")


def _metric(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    name, _, value = text.partition("=")
    try:
        figure = float(value)
    except ValueError:
        figure = math.nan
    if not math.isfinite(figure):  # `nan` and `inf` can be read, and are none
        raise click.UsageError(f"--metric: {text!r} is not NAME=VALUE with a number: stars=4")
    return {"metric": name.strip(), "value": figure}


def _text(given: str | None) -> str | None:
    if given is None or not given.startswith("@"):
        return utf8(given) if given is not None else None
    return read_file(given[1:]).decode("utf-8", "replace")


async def _record(said: dict[str, Any], config: str | None) -> FeedbackRow:
    from assay.config.load import load
    from assay.inference.bodies import Bodies
    from assay.inference.feedback import parse, record

    told, loaded = parse(said), load(config)
    async with opened_ledger(loaded) as ledger:
        return await record(told, ledger, Bodies(ledger, loaded.config))


async def _read(since: float, route: str | None, kind: str | None, config: str | None) -> list[Opinion]:
    from assay.config.load import load
    from assay.evals.traffic.opinions import opinions
    from assay.ledger.feedback import Feedback

    loaded = load(config)
    async with opened_ledger(loaded) as ledger:
        feedback = Feedback(ledger)
        said = await feedback.verdicts(since_s=since, target=route, kind=kind)
        found = opinions(said, await feedback.outcomes(since_s=since, target=route, kind=kind))
        if not found:
            await check_found(route, loaded, ledger, "--route")
            await hint(ledger, kind=kind)
        return found


def _lines(found: list[Opinion]) -> Iterator[str]:
    from assay.decision.table import printable, table

    if not found:
        yield "nothing was said of these requests: assay feedback REQUEST accepted, or POST /v1/feedback"
        return
    rows = [
        (
            one.kind or "(none)", one.deployment or "-", f"{one.requests:,}", f"{one.heard.n and one.heard.value:.0%}",
            ", ".join(f"{count} {verdict}" for verdict, count in sorted(one.verdicts.items())) or "-",
            str(one.passed_over or "-"), str(one.accepted),
        )
        for one in found
    ]  # fmt: skip
    head = ("kind", "deployment", "answers", "heard of", "verdicts", "passed over", "accepted or preferred")
    yield from table(head, rows)
    for one in found:
        for outcome in one.outcomes:
            yield printable(f"{outcome.metric} of {one.kind or '(none)'}, {one.deployment or '-'}: {_mean(outcome)}")
    yield "who says something is no random sample of those who ask: compare deployments that were dealt at random"


def _mean(outcome: OutcomeMean) -> str:
    interval = f" ({outcome.low:.4g} to {outcome.high:.4g})" if outcome.low is not None else ""
    return f"{outcome.mean:.4g}{interval} on average over {plural(outcome.n, 'answer')}"
