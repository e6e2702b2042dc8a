"""The prompts that were searched before a decision, as a report tells them: what they brought, never what they say.

A prompt may hold samples that are somebody's own words; `assay explain` shows it to whoever has the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from assay.decision.adapting.adaptation import Adaptation, KindAdaptation
from assay.report.view import PromptView

__all__ = ["origins", "prompts_of"]


def prompts_of(adaptations: Iterable[Adaptation]) -> tuple[PromptView, ...]:
    """Every search, those that found something first."""
    found = [_prompt(one, kind) for one in adaptations for kind in one.kinds]
    return tuple(sorted(found, key=lambda one: one.won is None))


def origins(adaptations: Iterable[Adaptation]) -> dict[str, str]:
    """Adapted candidate -> the one that it was made of, at whose place it works."""
    return dict(_origins(adaptations))


def _origins(adaptations: Iterable[Adaptation]) -> Iterator[tuple[str, str]]:
    for one in adaptations:
        if one.adapted is not None:
            yield one.adapted, one.candidate


def _prompt(one: Adaptation, kind: KindAdaptation) -> PromptView:
    gain = kind.gain
    dev = next((tried for tried in kind.tried if tried.name == kind.won), None)
    return PromptView(
        kind=kind.kind,
        candidate=one.candidate,
        won=kind.won,
        reason=kind.reason,
        tried=len(kind.tried),
        dev_passed=dev.passed if dev is not None else None,
        dev_scored=dev.scored if dev is not None else None,
        samples=gain.comparison.samples if gain is not None else 0,
        configured=gain.configured if gain is not None else None,
        adapted=gain.adapted if gain is not None else None,
        difference=gain.comparison.difference if gain is not None else None,
        interval=gain.comparison.interval if gain is not None else None,
    )
