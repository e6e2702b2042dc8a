"""`assay serve`: the gateway."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from assay.cli.door import config_option, emit, json_option, note, run
from assay.cli.recovery import show_recovered

if TYPE_CHECKING:
    from assay.access.keyring import Keyring
    from assay.app import App
    from assay.decision.lock import Lock


@click.command("serve")
@click.option("--host", help="Address to listen on [default: serve.host, 127.0.0.1].")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one [default: serve.port, 8080].")
@click.option("--log-requests", is_flag=True, help="Write one line per request to stderr: names, times, outcome.")
@config_option
@json_option
def command(host: str | None, port: int | None, log_requests: bool, config: str | None, as_json: bool) -> None:
    """Serve the pinned route, and every deployment and route of the config, as one endpoint.

    It speaks the formats of OpenAI (chat completions, completions, responses, embeddings) and Anthropic (messages):
    point a client's base URL here. /docs describes it, /readyz and /metrics watch it.

    The pinned route has the suite's name. A request's kind comes in the header x-assay-kind; a kind that
    nothing was proven for is refused, unless serve.default_kind names one. Other machines come in with a key that
    `assay keys add` has made, or with that of serve.api_key_env. Keys, and a lock that is written anew (assay pin, assay
    rollback), are taken up within a second.

    \b
    Example:
      assay serve --port 8080
      curl localhost:8080/v1/chat/completions -H 'x-assay-kind: tickets.classify' \\
        -d '{"model": "workshop", "messages": [{"role": "user", "content": "My invoice is wrong."}]}'
    """
    if log_requests:
        _log_requests()
    run(_serve(host, port, config, as_json))


def _log_requests() -> None:
    import logging

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.getLogger("assay")
    log.addHandler(handler)
    log.setLevel(logging.INFO)


async def _serve(host: str | None, port: int | None, config: str | None, as_json: bool) -> None:
    import asyncio
    from functools import partial

    import msgspec

    from assay.app import open_app
    from assay.gateway import server
    from assay.gateway.admission import Virtual
    from assay.gateway.asgi import Gateway
    from assay.gateway.following import follow, stamp
    from assay.gateway.health import readiness
    from assay.inference.bodies import Bodies

    async with open_app(config) as app:
        show_recovered(app.ledger.recovered)
        seen = stamp(app.lock_path)
        lock, broken = await app.serve_pins()
        given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
        serve = msgspec.structs.replace(app.loaded.config.serve, **given)
        bodies = Bodies(app.ledger, app.loaded.config, app.spine.targets)
        virtual = Virtual.opened(app.ledger.path, app.loaded.config.budgets)
        gateway = Gateway(app.spine, serve, bodies, virtual)  # first: it refuses to stand open
        await bodies.tidy()
        listener = server.listen(serve)
        host = f"[{serve.host}]" if ":" in serve.host else serve.host
        url = f"http://{host}:{listener.getsockname()[1]}/v1"
        emit({"url": url, "targets": list(app.spine.targets), "broken": broken}, as_json, f"serving {url}")
        sys.stdout.flush()
        for line in [*_told(lock, broken), _told_keys(virtual.keyring, serve.api_key_env is not None)]:
            note(line)
        ready = await readiness(app.spine, draining=False, detailed=True)
        for name, state in ready.body["deployments"].items():
            if not state["ready"]:
                note(f"  {name} cannot be asked: {state['reason']}")
        following = [
            asyncio.create_task(follow(app.lock_path, seen, partial(_take_up, app))),
            asyncio.create_task(virtual.keyring.follow()),
        ]
        try:
            await server.run(gateway, listener)
        finally:
            for task in following:
                task.cancel()
            virtual.close()


async def _take_up(app: App) -> None:
    """Serve what the lock says now; one that cannot be used changes nothing, and that is told."""
    from assay.errors import AssayError

    try:
        lock, broken = await app.serve_pins()
    except AssayError as error:
        note(f"{app.lock_path} has changed and cannot be served; what was pinned before goes on: {error}")
        return
    note(f"{app.lock_path} has changed; what it pins is served from now on:")
    for line in _told(lock, broken):
        note(line)
    if broken:
        note("  (assay.toml and prompts are as they were when this began; start again to take up changes of theirs)")


def _told_keys(keyring: Keyring, operator: bool) -> str:
    """Who gets in."""
    now = time.time()
    active = sum(key.state(now) == "active" for key in keyring.keys)
    ways = [f"one of the {active} that `assay keys list` names"] if keyring.asks_key else []
    ways += ["that of serve.api_key_env"] if operator else []
    if not ways:
        return "no key is asked for; `assay keys add` makes one, and from then on each client must show one"
    return f"clients must show a key: {' or '.join(ways)}"


def _told(lock: Lock | None, broken: dict[str, str]) -> list[str]:
    if lock is None:
        return ["no assay.lock here: serving deployments and routes by name; `assay choose` and `assay pin` make one"]
    lines = [f"  {lock.route} / {kind}: {pin.target}" for kind, pin in lock.kinds.items() if kind not in broken]
    lines += [f"  {lock.route} / {kind}: refused, its pin is broken: {reason}" for kind, reason in broken.items()]
    return lines + [f"  {lock.route} / {kind}: refused, {reason}" for kind, reason in lock.unproven.items()]
