"""The situation that an `assay.toml` and its suite tell, for `assay choose --from-catalog`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from assay.config.schema import Config
from assay.decision.advice.situation import Situation, situation
from assay.evals.suites.suite import Suite

__all__ = ["situation_of", "task_of"]

TASKS: Mapping[str, str] = {
    "sql": "sql",
    "tests": "code",
    "script": "code",
    "tool-calls": "agents",
    "fields": "extraction",
    "schema": "extraction",
    "json": "extraction",
    "sources": "long-documents",
    "faithful": "long-documents",
    "numeric": "reasoning",
    "normalised": "classification",
    "choice": "classification",
    "exact": "classification",
}
"""Check of a sample -> the task that such work is taken for."""
USUAL = "chat"


def situation_of(config: Config, suite: Suite | None, task: str | None = None) -> Situation:
    """What the configuration's limits and the suite's samples say; the rest is assumed.

    Args:
        config: its `[constraints]` hold, as they do on live requests.
        suite: tells the task by its checks, and how many examples there are.
        task: instead of what the suite tells.

    Raises:
        ConfigError: there is no such task.
    """
    limits = config.constraints
    given: dict[str, Any] = {
        "usd_per_month": limits.usd_per_month,
        "latency_s": limits.p95_latency_s,
        "privacy": "sensitive" if limits.unlabelled_data == "private-only" else None,
        "licences": limits.licences,
        "examples": len(suite.samples.made_up(False)) if suite is not None else None,
    }
    return situation(task or (task_of(suite) if suite is not None else USUAL), given, limits)


def task_of(suite: Suite) -> str:
    """The task that most samples are of, by the first check that tells one."""
    found: Counter[str] = Counter()
    for name in suite.kinds:
        samples = suite.of(name)
        if samples:
            checks = [str(spec.get("check", "")) for spec in samples[0].graders]
            found[next((TASKS[check] for check in checks if check in TASKS), USUAL)] += len(samples)
    return found.most_common(1)[0][0] if found else USUAL
