"""`assay serve`: the gateway."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import click

from assay.cli.door import config_option, emit, finish, json_option, note, run
from assay.cli.recovery import show_recovered
from assay.numerals import plural

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterable

    from assay.access.keyring import Keyring
    from assay.alerts.lookout import Lookout
    from assay.app import App
    from assay.config.schema import Serve
    from assay.decision.lock import Lock
    from assay.gateway.following import Stamp
    from assay.gateway.workers import Place


@click.command("serve")
@click.option("--host", help="Address to listen on [default: serve.host, 127.0.0.1].")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one [default: serve.port, 8080].")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes behind the one address."
)
@click.option("--worker", hidden=True, help="The place of a worker, as its supervisor says it.")
@click.option("--log-requests", is_flag=True, help="Write one line per request to stderr: names, times, outcome.")
@config_option
@json_option
def command(
    host: str | None, port: int | None, workers: int, worker: str | None, log_requests: bool, config: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Serve the pinned route, and every deployment and route of the config, as one endpoint.

    It speaks the formats of OpenAI (chat completions, completions, responses, embeddings) and Anthropic (messages):
    point a client's base URL here. /docs describes it, /readyz and /metrics watch it.

    The pinned route has the suite's name. A request's kind comes in the header x-assay-kind; a kind that
    nothing was proven for is refused, unless serve.default_kind names one. Other machines come in with a key that
    `assay keys add` has made, or with that of serve.api_key_env. Keys, and a lock that is written anew (assay pin,
    assay rollback), are taken up within a second.

    With --workers, several processes accept from one address and share the ledger, its money and what keys may
    ask in a minute; each has its part of a deployment's places and its own breakers, and loads a local engine of
    its own. One that dies is started anew.

    \b
    Example:
      assay serve --port 8080
      curl localhost:8080/v1/chat/completions -H 'x-assay-kind: tickets.classify' \\
        -d '{"model": "workshop", "messages": [{"role": "user", "content": "My invoice is wrong."}]}'
    """
    if log_requests:
        _log_requests()
    if workers > 1:
        finish(run(_supervise(host, port, workers, log_requests, config, as_json)))
    from assay.gateway.workers import place_of

    run(_serve(host, port, place_of(worker) if worker is not None else None, config, as_json))


async def _supervise(
    host: str | None, port: int | None, workers: int, log_requests: bool, config: str | None, as_json: bool
) -> int:
    from assay.config.load import load
    from assay.gateway import server
    from assay.gateway.workers import supervise

    loaded = load(config)
    listener = server.listen(_given(loaded.config.serve, host, port))
    url = server.url_of(listener)
    arguments = ["serve", "--config", str(loaded.path), *(["--log-requests"] if log_requests else [])]
    arguments += ["--host", host] if host is not None else []  # whether it is reached by others decides about keys

    def serving() -> None:
        emit({"url": url, "workers": workers}, as_json, f"serving {url} with {plural(workers, 'worker')}")

    return await supervise(listener, workers, arguments, serving)


def _given(serve: Serve, host: str | None, port: int | None) -> Serve:
    """The settings with what the command line says."""
    import msgspec

    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    return msgspec.structs.replace(serve, **given)


def _log_requests() -> None:
    import logging

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.getLogger("assay")
    log.addHandler(handler)
    log.setLevel(logging.INFO)


async def _serve(host: str | None, port: int | None, place: Place | None, config: str | None, as_json: bool) -> None:
    from contextlib import closing

    from assay.gateway import server
    from assay.gateway.admission import Virtual
    from assay.gateway.asgi import Gateway
    from assay.gateway.following import stamp
    from assay.gateway.rollouts import Rollouts
    from assay.inference.bodies import Bodies

    async with _opened(config, place) as app:
        show_recovered(app.ledger.recovered)
        seen = stamp(app.lock_path)
        lock, broken = await app.serve_pins()
        serve = _given(app.loaded.config.serve, host, port)
        bodies = Bodies(app.ledger, app.loaded.config, app.spine.targets)
        opened = Virtual.opened(app.ledger.path, app.loaded.config.budgets)
        with closing(opened) as virtual, closing(Rollouts(app.spine, app.ledger.path, note)) as rollouts:
            gateway = Gateway(app.spine, serve, bodies, virtual)  # first: it refuses to stand open
            lookout = _lookout(app, virtual.keyring)
            gateway.on_refusal = lookout.hear if lookout is not None else None
            await bodies.tidy()
            await rollouts.look()  # their weights count from the first request on
            listener = place.listening() if place is not None else server.listen(serve)
            if place is not None:
                place.ready()
            else:
                url = server.url_of(listener)
                emit({"url": url, "targets": list(app.spine.targets), "broken": broken}, as_json, f"serving {url}")
            if place is None or place.number == 0:
                await _tell(app, [*_told(lock, broken), _told_keys(virtual.keyring, serve.api_key_env is not None)])
            works = [_follow_lock(app, seen), virtual.keyring.follow(), rollouts.follow()]
            works += [lookout.follow()] if lookout is not None else []
            works += [place.alone()] if place is not None else []
            async with _beside(works):
                await server.run(gateway, listener)


@asynccontextmanager
async def _beside(works: Iterable[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """What goes on while the gateway serves, and has ended when it does."""
    import asyncio

    tasks = [asyncio.create_task(one) for one in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _follow_lock(app: App, since: Stamp | None) -> None:
    from functools import partial

    from assay.gateway.following import follow

    await follow(app.lock_path, since, partial(_take_up, app))


def _opened(config: str | None, place: Place | None) -> App:
    """The app; of a worker, with its part of what all workers may do."""
    from assay.app import App
    from assay.config.load import load
    from assay.gateway.workers import share_of

    loaded = load(config)
    return App(loaded if place is None else loaded._replace(config=share_of(loaded.config, place.workers)))


def _lookout(app: App, keyring: Keyring) -> Lookout | None:
    """What tells the webhook; None = none is configured."""
    from assay.alerts.webhook import webhook_url

    config = app.loaded.config
    url = webhook_url(config.alerts)
    if url is None:
        return None
    from assay.alerts.lookout import Lookout

    return Lookout(url, config, app.spine, keyring)


async def _tell(app: App, lines: list[str]) -> None:
    """Say what is served and who gets in, and who cannot be asked."""
    from assay.gateway.health import readiness

    ready = await readiness(app.spine, draining=False, detailed=True)
    states = ready.body["deployments"].items()
    for line in (*lines, *(f"  {name} cannot be asked: {one['reason']}" for name, one in states if not one["ready"])):
        note(line)


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
