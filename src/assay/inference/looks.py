"""What the guards of one route have seen of a request and its answers, and what they have revised."""

from __future__ import annotations

from assay.errors import ConfigError
from assay.inference.guards import Ask, Found, LiveGuards
from assay.inference.trace import Trace
from assay.routing.protocol import Attempt, Look, Looked
from assay.types import Request, Response

__all__ = ["Looks"]


class Looks:
    """The looks that have been taken.

    Args:
        guards: of the route.
        trace: is told each verdict.

    Attributes:
        of_request: what guards said of the request, by their names.
    """

    def __init__(self, guards: LiveGuards, trace: Trace) -> None:
        self.of_request: dict[str, Looked] = {}
        self._guards = guards
        self._trace = trace
        self._revised: dict[int, Response] = {}

    def revised(self, index: int) -> Response | None:
        """What guards have made of the answer of an attempt; None = they have left it as it is."""
        return self._revised.get(index)

    async def take(self, step: Look, request: Request, attempt: Attempt | None, ask: Ask) -> Found:
        """Have a guard look at the request, or at the answer of an attempt as guards have left it.

        Raises:
            ConfigError: the route has no such guard.
        """
        guard = self._guards.by_name.get(step.guard)
        if guard is None:
            raise ConfigError(f"there is no guard {step.guard!r} on this route")
        answer = self._revised.get(attempt.index, attempt.response) if attempt is not None else None
        found = await guard.look(request, answer, ask)
        when = "before" if attempt is None else "after"
        self._trace.guarded.append(f"{when} {step.guard}={found.looked.verdict}")
        if attempt is None:
            self.of_request = {**self.of_request, step.guard: found.looked}
        elif found.answer is not None:
            self._revised[attempt.index] = found.answer
        return found
