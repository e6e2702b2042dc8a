"""`/healthz` and `/readyz`: whether the gateway is alive, and whether it can answer."""

from __future__ import annotations

import asyncio
import os
from typing import Any, NamedTuple

from assay import __version__
from assay.errors import LedgerError
from assay.inference.deployment import LiveDeployment
from assay.inference.spine import Spine
from assay.routing.protocol import Health

_LEDGER_S = 2.0
"""A ledger that has not written a mark within this time keeps every request waiting."""
_UNWRITTEN = "the ledger cannot be written"


class Readiness(NamedTuple):
    """Whether requests can be answered, and what stands in the way."""

    ready: bool
    body: dict[str, Any]


def alive(spine: Spine, *, detailed: bool) -> dict[str, Any]:
    """That the process answers; with what its local engines do, for who may know."""
    told: dict[str, Any] = {"status": "ok", "version": __version__}
    return {**told, "engines": spine.engines()} if detailed else told


async def readiness(spine: Spine, *, draining: bool, detailed: bool) -> Readiness:
    """Whether there is a deployment that can be asked, and a ledger that writes down what it does.

    Args:
        spine: with the deployments and the ledger.
        draining: the gateway is about to stop.
        detailed: say which deployment and why, which may name files and variables of this machine.
    """
    states = spine.health()
    deployments = {
        name: _state(target, states[name])
        for name, target in spine.targets.items()
        if isinstance(target, LiveDeployment)
    }
    problems = ["it is stopping"] if draining else []
    ledger = await _ledger(spine)
    if ledger is not None:
        problems.append(ledger if detailed else _UNWRITTEN)
    ready = sum(state["ready"] for state in deployments.values())
    if not ready:
        problems.append("no deployment can be asked")
    body = {
        "status": "not ready" if problems else "ready",
        "reasons": problems,
        "ledger": "ok" if ledger is None else "cannot be written",
        "config": "loaded",
        "deployments": deployments if detailed else {"ready": ready, "all": len(deployments)},
    }
    return Readiness(not problems, body)


def _state(deployment: LiveDeployment, health: Health) -> dict[str, Any]:
    """Whether a deployment can be asked, and why not."""
    reason = _missing(deployment)
    ready = reason is None and health.state != "open"
    if reason is None and health.state != "closed":
        reason = health.reason
    return {"ready": ready, "breaker": health.state, "reason": reason, "retry_after_s": health.retry_after_s}


def _missing(deployment: LiveDeployment) -> str | None:
    """What it lacks to be called from here."""
    variable = deployment.config.api_key_env
    if deployment.missing is not None:
        return str(deployment.missing)
    if variable is not None and not os.environ.get(variable, "").strip():
        return f"the variable {variable}, which should hold its key, is empty"
    return None


async def _ledger(spine: Spine) -> str | None:
    """Why the ledger cannot be written, in a sentence; None = it can."""
    try:
        async with asyncio.timeout(_LEDGER_S):
            await spine.ledger.touch()
    except LedgerError as error:
        return str(error)
    except TimeoutError:
        return f"{_UNWRITTEN}: a write takes longer than {_LEDGER_S:g} s"
    return None
