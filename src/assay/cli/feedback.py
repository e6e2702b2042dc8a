"""`assay feedback`: say what came of an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from assay.cli.door import config_option, emit, json_option, read_file, run, utf8

if TYPE_CHECKING:
    from assay.ledger.rows import FeedbackRow


@click.command("feedback")
@click.argument("request_id")
@click.argument("verdict", required=False, type=click.Choice(["accepted", "edited", "rejected", "preferred"]))
@click.option("--correction", metavar="TEXT|@FILE", help="What an edited answer became; @- is standard input.")
@click.option("--over", metavar="REQUEST", help="With preferred: the request whose answer was less good.")
@click.option("--metric", metavar="NAME=VALUE", help="An outcome that was measured: stars=4.")
@click.option("--comment", help="Anything else.")
@config_option
@json_option
def command(
    request_id: str, verdict: str | None, correction: str | None, over: str | None, metric: str | None,
    comment: str | None, config: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Say what came of the answer to a request: a verdict, a measured outcome, or both.

    REQUEST_ID is the header x-assay-request-id of the answer, or the beginning of it that no other request has. Clients
    of the gateway say the same with POST /v1/feedback. `assay suite from-ledger` makes samples of it.

    \b
    Examples:
      assay feedback 019ac31f0b7e4d accepted
      assay feedback 019ac31f0b7e4d edited --correction @answer.txt
      assay feedback 019ac31f0b7e4d preferred --over 019ac31f0b9a77
      assay feedback 019ac31f0b7e4d --metric stars=4 --comment "a little long"
    """
    from assay.inference.feedback import parse

    said: dict[str, Any] = {"request_id": request_id, "verdict": verdict, "over": over, **_metric(metric)}
    said |= {"correction": _text(correction), "comment": utf8(comment) if comment is not None else None}
    told = parse({name: value for name, value in said.items() if value is not None})
    row = run(_record(told, config))
    emit(row, as_json, f"{row.verdict or f'{row.metric} = {row.value:g}'}: request {row.request_id}")


def _metric(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    name, _, value = text.partition("=")
    try:
        return {"metric": name.strip(), "value": float(value)}
    except ValueError:
        raise click.UsageError(f"--metric: {text!r} is not NAME=VALUE with a number: stars=4") from None


def _text(given: str | None) -> str | None:
    if given is None or not given.startswith("@"):
        return utf8(given) if given is not None else None
    return read_file(given[1:]).decode("utf-8", "replace")


async def _record(told: Any, config: str | None) -> FeedbackRow:
    from assay.app import open_ledger
    from assay.config.load import load
    from assay.inference.bodies import Bodies
    from assay.inference.feedback import record

    loaded = load(config)
    ledger = open_ledger(loaded)
    try:
        return await record(told, ledger, Bodies(ledger, loaded.config))
    finally:
        await ledger.close()
