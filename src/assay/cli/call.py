"""`assay call`: one request from a file, shown in every form that it takes on its way."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from assay.cli.door import INTERRUPTED, config_option, emit, finish, json_option, note, read_file, run
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.app import App
    from assay.dialects.inbound import Recognised
    from assay.inference.asking import Asking
    from assay.inference.trace import Record
    from assay.types import Event, Request

CUT_CHARS = 4000
_SECRET_HEADER = re.compile("auth|key|token|secret|cookie|password", re.IGNORECASE)
_MASK = "[secret]"


@click.command("call")
@click.argument("file", type=click.Path(allow_dash=True))
@click.option("-m", "--model", "target", help="Deployment or route to ask instead of the request's own model.")
@click.option("--dialect", help="Format of the request [default: the one that can read it].")
@click.option("--dry-run", is_flag=True, help="Send nothing; show what would be sent.")
@click.option("-k", "--kind", help="Kind of the request: its prompt and settings are applied.")
@click.option("--label", type=click.Choice(["public", "private-only"]), help="Where the request may go.")
@click.option("--full", is_flag=True, help="Show long bodies uncut.")
@config_option
@json_option
def command(
    file: str, target: str | None, dialect: str | None, dry_run: bool, kind: str | None, label: str | None,
    full: bool, config: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Send one request from FILE (- is standard input), and show every form that it takes.

    FILE holds the JSON of a client's request, in any format that `assay serve` takes. Shown are the request as
    assay understands it, the bodies that each attempt sent and received, and the answer, as assay understands it and
    as a client gets it. Headers and keys are never shown.

    \b
    Examples:
      assay call request.json -m small
      assay call request.json --dry-run          what each candidate would be sent
      echo '{"model": "small", "prompt": "Once"}' | assay call - --json

    Exit code 0: answered, or a dry run with somebody to send it to; 1: nobody may get it; 3: a provider failed.
    """
    from assay.dialects.inbound import read_inbound

    inbound = read_inbound(read_file(file), dialect)
    shown: dict[str, Any] = {}
    try:
        code = run(_call(shown, inbound, target, kind, label, dry_run, config))
    except KeyboardInterrupt:
        note("assay: interrupted; the call is on record in `assay logs`")
        code = INTERRUPTED
    if not shown:
        finish(code)
    emit(shown, as_json, "" if as_json else render(shown, full))
    if shown["error"] is not None:
        note(f"assay: {shown['error']}")
    finish(code)


async def _call(
    shown: dict[str, Any], inbound: Recognised, target: str | None, kind: str | None, label: str | None, dry_run: bool,
    config: str | None,
) -> int:  # fmt: skip
    """Fill `shown`; returns the exit code."""
    from assay.app import open_app
    from assay.cli.recovery import show_recovered
    from assay.inference.asking import Asking
    from assay.inference.trace import Trace

    async with open_app(config) as app:
        app.spine.shadows.asks = False
        show_recovered(app.ledger.recovered)
        request = await _request(app, inbound.request, target, kind, label)
        body = _Body(_secrets(app))
        shown |= {
            "dialect": inbound.dialect.name, "target": request.model, "request": body.value(request),
            "previews": _previews(app, request, body), "attempts": [], "answer": None, "client_answer": None,
            "call": None, "error": None,
        }  # fmt: skip
        if dry_run:
            return 0 if any(one["problem"] is None for one in shown["previews"]) else 1
        asking = Asking(app.spine, request, request.model, Trace(keep_exchanges=True))
        events: list[Event] = []
        try:
            async with aclosing(asking.events()) as stream:
                async for event in stream:
                    events.append(event)
        finally:
            shown["attempts"] = [_attempt(record, body) for record in asking.trace.records]
            shown["call"] = body.value(asking.call)
    if asking.error is not None:
        shown["error"] = shown["call"]["error"]
        return asking.error.exit_code
    shown["answer"] = body.value(asking.response)
    shown["client_answer"] = body.of(_client_answer(inbound, request, asking, events))
    return 0


async def _request(app: App, request: Request, target: str | None, kind: str | None, label: str | None) -> Request:
    """The request with what the command line says of it.

    Raises:
        ConfigError, RequestError: it names no target that there is.
    """
    import msgspec

    from assay.errors import ConfigError, RequestError
    from assay.types import Label

    name = target or request.model
    if not name:
        raise RequestError(f"the request names no model; give --model, one of {', '.join(sorted(app.spine.targets))}")
    try:
        await app.require([name])
    except ConfigError as error:
        if target is None:
            error.add_note("it is the request's own model; --model names another")
        raise
    return msgspec.structs.replace(
        request, model=name, kind=kind or request.kind, label=Label(label) if label else request.label
    )


def _client_answer(inbound: Recognised, request: Request, asking: Asking, events: Iterable[Event]) -> bytes:
    """What a client of the gateway would get."""
    from assay.types import Raw

    answering = asking.trace.answering
    if answering is not None and answering.passed_through and answering.exchange is not None:
        return bytes(answering.exchange.received)
    if not request.stream:
        return inbound.dialect.write_response(asking.response, request)
    encoder = inbound.dialect.encoder(request)
    return b"".join(encoder.encode(event) for event in events if not isinstance(event, Raw)) + encoder.close()


# ------------------------------------------------------------------------------------------- bodies


class _Body:
    """Bodies as values that can be shown: JSON where they are JSON, else text, and no secret in either."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = secrets

    def of(self, data: bytes) -> Any:
        """A body."""
        import msgspec

        text = data.decode("utf-8", "replace")
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return text

    def value(self, value: Any) -> Any:
        """A value of ours."""
        import msgspec

        shown = self.of(msgspec.json.encode(value))
        if isinstance(shown, dict):
            shown.pop("native", None)  # the client's own bytes
        return shown


def _secrets(app: App) -> list[str]:
    """What no output may hold: keys, and headers that look like one."""
    from assay.inference.deployment import LiveDeployment

    found: set[str] = set()
    for deployment in (one.config for one in app.spine.targets.values() if isinstance(one, LiveDeployment)):
        found.add(os.environ.get(deployment.api_key_env or "", "").strip())
        found |= {value for name, value in deployment.headers.items() if _SECRET_HEADER.search(name)}
        found |= {value.rpartition(" ")[2] for name, value in deployment.headers.items() if _SECRET_HEADER.search(name)}
    return sorted((secret for secret in found if len(secret) >= 4), key=len, reverse=True)


def _previews(app: App, request: Request, body: _Body) -> list[dict[str, Any]]:
    return [
        {
            "deployment": one.path,
            "dialect": one.dialect,
            "url": one.wire.url if one.wire is not None else None,
            "body": body.of(one.wire.body) if one.wire is not None else None,
            "passed_through": one.passed_through,
            "problem": body.of((one.problem or "").encode()) or None,
        }
        for one in app.spine.preview(request, request.model)
    ]


def _attempt(record: Record, body: _Body) -> dict[str, Any]:
    exchange = record.exchange
    wire = exchange.sent if exchange is not None else None
    received = bytes(exchange.received) if exchange is not None else b""
    received = received or getattr(record.error, "body", None) or b""
    return {
        "place": record.path,
        "deployment": record.deployment,
        "url": wire.url if wire is not None else None,
        "sent": body.of(wire.body) if wire is not None else None,
        "received": body.of(received) if received else None,
        "passed_through": record.passed_through,
        "error": body.of(f"{type(record.error).__name__}: {record.error}".encode()) if record.error else None,
    }


# ------------------------------------------------------------------------------------------- text


def render(shown: dict[str, Any], full: bool) -> str:
    """All forms, one under the other."""
    parts = [(f"request for {shown['target']}, read as {shown['dialect']}", shown["request"])]
    if shown["call"] is None:
        for one in shown["previews"]:
            if one["problem"] is not None:
                parts.append((f"nothing would be sent to {one['deployment']}: {one['problem']}", None))
            else:
                parts.append((f"would be sent to {one['deployment']} at {one['url']}{_how(one)}", one["body"]))
    for one in shown["attempts"]:
        parts += _attempt_parts(one)
    if shown["answer"] is not None:
        parts.append(("answer", shown["answer"]))
        parts.append((f"answer as a client of {shown['dialect']} gets it", shown["client_answer"]))
        parts.append((_told(shown["call"]), None))
    return "\n\n".join(_section(title, value, full) for title, value in parts)


def _attempt_parts(one: dict[str, Any]) -> list[tuple[str, Any]]:
    name = f"attempt {one['place']}"
    parts: list[tuple[str, Any]] = [(f"{name}: nothing was sent to {one['deployment']}", None)]
    if one["sent"] is not None:
        parts = [(f"{name}: sent to {one['deployment']} at {one['url']}{_how(one)}", one["sent"])]
    if one["received"] is not None:
        parts.append((f"{name}: received from {one['deployment']}", one["received"]))
    if one["error"] is not None:
        parts.append((f"{name} failed: {one['error']}", None))
    return parts


def _how(one: dict[str, Any]) -> str:
    return ", the client's own bytes" if one["passed_through"] else ""


def _told(call: dict[str, Any]) -> str:
    from assay.cli.figures import cost, count, seconds

    who = call["deployment"] or "a guard"
    return (
        f"answered by {who}: {count(call['input_tokens'])} tokens in, {count(call['output_tokens'])} "
        f"out, {seconds(call['total_s'])}, {cost(call['usd'], call['engine_s'])}"
    )


def _section(title: str, value: Any, full: bool) -> str:
    import msgspec

    from assay.cli.figures import printable

    if value is None:
        return f"== {printable(title)}"
    text = value if isinstance(value, str) else msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    if not full and len(text) > CUT_CHARS:
        text = f"{text[:CUT_CHARS]}\n… ({plural(len(text), 'character')}; --full shows them)"
    return f"== {printable(title)}\n{printable(text.rstrip())}"
