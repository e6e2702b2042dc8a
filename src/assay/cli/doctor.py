"""`assay doctor`: what this machine has for the work, and what is missing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from assay.cli.door import config_option, emit, finish, json_option, run
from assay.numerals import plural, told_usd

if TYPE_CHECKING:
    from assay.config.load import Loaded
    from assay.inference.build import Builder
    from assay.ledger.elsewhere import Elsewhere


@click.command("doctor")
@config_option
@json_option
def command(config: str | None, as_json: bool) -> None:
    """Look at the machine, the engine, the weights, the keys and the ledger; say what to do where one is missing.

    Keys are shown as present or absent, never themselves. Nothing is sent anywhere.

    \b
    Example:
      assay doctor -c examples/workshop

    Exit code 0: nothing is missing; 3: something is.
    """
    findings = [_python(), _cores(), _memory(), _engine(), _weights(), *_sandbox(), *_configured(config)]
    lines = [f"{'ok ' if one['ok'] else 'NO '} {one['what']}: {one['found']}" for one in findings]
    emit(findings, as_json, "\n".join(lines))
    finish(0 if all(one["ok"] for one in findings) else 3)


def _finding(what: str, ok: bool, found: str) -> dict[str, Any]:
    return {"what": what, "ok": ok, "found": found}


def _python() -> dict[str, Any]:
    import platform

    return _finding("python", True, f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _cores() -> dict[str, Any]:
    import psutil

    busy = psutil.cpu_percent(interval=0.2)
    advice = "; an engine that starts now gets fewer threads" if busy > 50 else ""
    return _finding("cores", True, f"{os.cpu_count() or 1}, {busy:.0f} % busy now{advice}")


def _memory() -> dict[str, Any]:
    import psutil

    free = psutil.virtual_memory().available
    return _finding(
        "memory", free > 1 << 30, f"{free / 2**30:.1f} GiB free" + ("" if free > 1 << 30 else "; 1 GiB is needed")
    )


def _engine() -> dict[str, Any]:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return _finding("local engine", True, f"xllamacpp {version('xllamacpp')}")
    except PackageNotFoundError:
        return _finding("local engine", False, "not installed; pip install 'assay[local]'")


def _weights() -> dict[str, Any]:
    from assay.errors import WeightsError
    from assay.weights.store import Store

    store = Store()
    try:
        held = store.held()
    except WeightsError as error:
        return _finding("weights store", False, str(error))
    if wrong := next((one for one in held if one.problem), None):
        return _finding("weights store", False, f"{wrong.path}: {wrong.problem}; assay weights verify says what to do")
    size = sum(one.manifest.size_bytes for one in held if one.manifest is not None)
    return _finding("weights store", True, f"{store.folder}: {plural(len(held), 'file')}, {size / 1e6:,.0f} MB")


def _sandbox() -> list[dict[str, Any]]:
    """One finding for each kind of walls; a kind that does not work here is no fault while another one does."""
    from assay.sandbox.probe import available

    found = available()
    usable = any(one.works for one in found)
    return [
        _finding(f"sandbox {one.backend}", usable, one.reason if one.works else f"not to be had here: {one.reason}")
        for one in found
    ]


def _engines(builder: Builder) -> list[dict[str, Any]]:
    """What each local engine will need, against what all of them may hold at the same time."""
    from assay.errors import AssayError

    try:
        states = builder.engines(look=True)
    except AssayError as error:
        return [_finding("engine", False, str(error))]
    findings = []
    for state in states:
        need, limit = state.need_bytes or 0, state.limit_bytes
        advice = "" if need <= limit else "; raise local.memory_gib, or lower engine.context_tokens or engine.slots"
        found = f"needs about {need / 2**30:.2f} of {limit / 2**30:.2f} GiB for local engines{advice}"
        findings.append(_finding(f"engine {state.engine}", need <= limit, found))
    return findings


def _suite(loaded: Loaded) -> list[dict[str, Any]]:
    """Whether the suite that is named is there; `assay suite lint` reads it."""
    from assay.errors import AssayError

    if loaded.config.decide.suite is None:
        return []
    try:
        return [_finding("suite", True, str(loaded.suite_path))]
    except AssayError as error:
        return [_finding("suite", False, str(error))]


def _webhook(loaded: Loaded) -> list[dict[str, Any]]:
    """Whether alerts have somewhere to go; `assay alerts test` tries it."""
    from assay.alerts.webhook import host_of, webhook_url
    from assay.errors import AssayError

    try:
        url = webhook_url(loaded.config.alerts)
    except AssayError as error:
        return [_finding("alerts", False, str(error))]
    return [_finding("alerts", True, f"told to {host_of(url)}")] if url is not None else []


def _configured(config: str | None) -> list[dict[str, Any]]:
    from assay.catalog.load import load as load_catalog
    from assay.config.load import load
    from assay.errors import AssayError
    from assay.inference.build import Builder

    try:
        loaded = load(config)
        builder = Builder(load_catalog(loaded.config.catalog_files), loaded.config.local)
    except AssayError as error:
        return [_finding("configuration", False, str(error))]
    findings = [_finding("configuration", True, str(loaded.path))]
    for name, deployment in loaded.config.deployments.items():
        try:
            live = builder.deployment(name, deployment)
        except AssayError as error:
            findings.append(_finding(f"deployment {name}", False, str(error)))
            continue
        key = live.config.api_key_env
        if live.missing is None and key is not None and not os.environ.get(key, "").strip():
            findings.append(_finding(f"deployment {name}", False, f"no key: ${key} is empty"))
        else:
            found = str(live.missing or deployment.model) + (f", ${key} is set" if key is not None else "")
            if live.is_elsewhere:
                found += f"; not at {live.config.host}'s own address: whoever is there has no known data policy"
            findings.append(_finding(f"deployment {name}", live.missing is None, found))
    findings += [*_engines(builder), *_suite(loaded)]
    findings += _webhook(loaded)
    try:
        left = run(_left_elsewhere(loaded))
        findings.append(_finding("ledger", True, loaded.config.ledger.url))
        findings += [_left(one) for one in left]
    except AssayError as error:
        findings.append(_finding("ledger", False, str(error)))
    return findings


async def _left_elsewhere(loaded: Loaded) -> list[Elsewhere]:
    """What sessions of other hosts hold whose processes nobody here can see.

    Raises:
        LedgerError: the ledger cannot be opened, or read.
    """
    from assay.cli.ledger import opened_ledger
    from assay.ledger.elsewhere import sessions_elsewhere

    async with opened_ledger(loaded) as ledger:
        return [one for one in await sessions_elsewhere(ledger, loaded.ledger_path) if one.holds and not one.lives]


def _left(one: Elsewhere) -> dict[str, Any]:
    return _finding(
        "ledger",
        False,
        f"session {one.id[:16]} of host {one.host} has set aside {told_usd(one.leased_usd)} and has "
        f"{plural(one.lost.attempts, 'call')} in flight, and nobody here writes its journal. Is its process {one.pid} "
        f"gone? assay ledger free {one.id[:16]}, which charges {told_usd(one.lost.charged_usd)}",
    )
