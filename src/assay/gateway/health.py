"""`/healthz` and `/readyz`: whether the gateway is alive, and whether it can answer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from assay import __version__
from assay.errors import LedgerError
from assay.inference.deployment import LiveDeployment
from assay.inference.spine import Spine

_LEDGER_S = 2.0
"""A ledger that has not written a mark within this time keeps every request waiting."""


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
        detailed: say why, which may name files and variables of this machine.
    """
    states = breakers(spine)
    deployments = {
        name: _state(target, states.get(name, {}))
        for name, target in spine.targets.items()
        if isinstance(target, LiveDeployment)
    }
    problems = ["it is stopping"] if draining else []
    ledger = await _ledger(spine)
    if ledger is not None:
        problems.append(f"the ledger cannot be written: {ledger}" if detailed else "the ledger cannot be written")
    if not any(state["ready"] for state in deployments.values()):
        problems.append("no deployment can be asked")
    body = {
        "status": "not ready" if problems else "ready",
        "reasons": problems,
        "ledger": "ok" if ledger is None else "cannot be written",
        "config": "loaded",
        "deployments": deployments if detailed else {name: {**s, "reason": None} for name, s in deployments.items()},
    }
    return Readiness(not problems, body)


def breakers(spine: Spine) -> dict[str, dict[str, Any]]:
    """The state of each deployment's circuit breaker."""
    told: Callable[[], dict[str, dict[str, Any]]] = getattr(spine, "health", dict)
    return told()


def _state(deployment: LiveDeployment, health: Mapping[str, Any]) -> dict[str, Any]:
    """Whether a deployment can be asked, and why not."""
    breaker = health.get("state", "closed")
    reason = health.get("reason") if breaker != "closed" else None
    variable = deployment.config.api_key_env
    if deployment.missing is not None:
        reason = str(deployment.missing)
    elif variable is not None and not os.environ.get(variable):
        reason = f"the variable {variable}, which should hold its key, is empty"
    elif breaker != "open":
        return {"ready": True, "breaker": breaker, "reason": reason}
    return {"ready": False, "breaker": breaker, "reason": reason}


async def _ledger(spine: Spine) -> str | None:
    """Why the ledger cannot be written; None = it can."""
    try:
        async with asyncio.timeout(_LEDGER_S):
            await spine.ledger.touch()
    except LedgerError as error:
        return str(error)
    except TimeoutError:
        return f"a write takes longer than {_LEDGER_S:g} s"
    return None
