"""`assay demo`: the whole loop on the example that ships: measure, choose, pin, serve, ask."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assay.cli.door import emit, json_option, note, run
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.app import App
    from assay.decision.lock import Lock

EXAMPLE = Path("examples/workshop")
REPORT = "report.html"


@click.command("demo")
@click.argument("folder", type=click.Path(), required=False)
@click.option("--fresh", is_flag=True, help="Forget the example's earlier evidence and measure anew.")
@json_option
def command(folder: str | None, fresh: bool, as_json: bool) -> None:
    """Measure real local models in several configurations, choose, pin, serve, ask one question, and write the page.

    FOLDER is one with an assay.toml [default: examples/workshop of the checkout].

    \b
    Example:
      assay demo examples/workshop --fresh
    """
    run(_demo(find_example(folder), fresh, as_json), continues=True)


def find_example(folder: str | None) -> Path:
    """The folder of the example.

    Raises:
        ConfigError: it is not there.
    """
    from assay.errors import ConfigError

    places = [Path(folder)] if folder else [Path.cwd() / EXAMPLE, Path(__file__).parents[3] / EXAMPLE]
    for place in places:
        if (place / "assay.toml").is_file():
            return place
    raise ConfigError(f"no example in {places[0]}; name a folder with an assay.toml")


async def _demo(folder: Path, fresh: bool, as_json: bool) -> None:
    from assay.app import open_app
    from assay.cli.deciding import decide
    from assay.cli.pin import pin_decision
    from assay.cli.pin import render as render_lock
    from assay.config.load import load
    from assay.decision.explain import method, summary
    from assay.report import read_report

    if fresh:
        _forget(load(folder).ledger_path)
    started = time.monotonic()
    async with open_app(folder) as app:
        note(f"measuring {', '.join(app.candidates)} on {app.suite_path}")
        decision = await decide(app)
        asked_s = time.monotonic() - started
        lock = await pin_decision(app)
        answer = await _ask_through_gateway(app, lock)
        report = await read_report(app.loaded, app.ledger, decision.id)
        page = report.write(folder / REPORT).resolve()
        asked = f"asked {plural(decision.asked_now, 'sample')} in {asked_s:.0f} s"
        if not decision.asked_now:
            asked = "nothing was asked: the evidence of an earlier call holds (--fresh measures anew)"
        text = [
            summary(decision),
            f"\n{asked[0].upper()}{asked[1:]}.",
            method(decision),
            f"\nPinned in {app.lock_path}:",
            render_lock(lock),
            f"\nServed at {answer['url']}, kind {answer['kind']}, by {answer['deployment']}:",
            f"  > {answer['asked']}",
            f"  < {answer['answer']}",
            f"\n{report.verdict}",
            f"The page that shows it, with every reason and the samples where candidates differ: {page}",
            f"\nGo on in {folder}:  assay explain | assay compare | assay check | assay serve | assay logs",
        ]
        told = {"decision": decision, "lock": lock, "answer": answer, "seconds": asked_s}
        emit(told | {"verdict": report.verdict, "report": str(page)}, as_json, "\n".join(text))


def _forget(ledger: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        ledger.with_name(ledger.name + suffix).unlink(missing_ok=True)


async def _ask_through_gateway(app: App, lock: Lock) -> dict[str, Any]:
    """Start the gateway on a free port and ask one held-out input of a pinned kind over HTTP."""
    import asyncio

    import msgspec

    from assay.evals.suites.suite import read_suite
    from assay.gateway import server
    from assay.gateway.asgi import Gateway

    await app.serve_pins()
    kind = next(iter(lock.kinds))
    sample = read_suite(app.suite_path).of(kind)[0]
    serve = msgspec.structs.replace(app.loaded.config.serve, host="127.0.0.1", port=0)
    listener = server.listen(serve)
    port = listener.getsockname()[1]
    serving = asyncio.create_task(server.run(Gateway(app.spine, serve), listener, signals=False))
    try:
        text = sample.messages[-1].text
        body = {"model": lock.route, "messages": [{"role": "user", "content": text}]}
        headers, reply = await _post(port, "/v1/chat/completions", {"x-assay-kind": kind}, body)
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    return {
        "url": f"http://127.0.0.1:{port}/v1",
        "kind": kind,
        "asked": text,
        "answer": reply["choices"][0]["message"]["content"],
        "deployment": headers.get("x-assay-deployment", "?"),
    }


async def _post(
    port: int, path: str, headers: dict[str, str], body: dict[str, Any]
) -> tuple[dict[str, str], dict[str, Any]]:
    import aiohttp

    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{port}{path}", headers=headers, json=body) as response,
    ):
        return {name.lower(): value for name, value in response.headers.items()}, json.loads(await response.read())
