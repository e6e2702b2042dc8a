"""The tokens of a call, as the rate of its key counts them: at most before it is sent, then what it took."""

from __future__ import annotations

from collections.abc import Mapping

from assay.inference.deployment import LiveDeployment
from assay.inference.route import LiveRoute
from assay.inference.trace import Record, Trace
from assay.types import Request

__all__ = ["Targets", "most_tokens", "taken_tokens"]

Targets = Mapping[str, LiveDeployment | LiveRoute]


def most_tokens(request: Request, targets: Targets) -> int:
    """Tokens that a call takes at most: no token has less than a byte, and answers have a limit or their model's."""
    size = len(request.native.raw) if request.native is not None else 0
    if request.form in ("embedding", "count"):
        return size
    limit = request.sampling.max_tokens
    longest = limit if limit is not None else _longest(request.model, targets)
    return size + max(0, longest) * max(1, request.sampling.n or 1)


def _longest(name: str, targets: Targets, limit: int | None = None) -> int:
    """The longest answer of anything below a name that was given no limit; 0 where nobody knows."""
    target = targets.get(name)
    if isinstance(target, LiveRoute):
        below = (_longest(candidate, targets, target.max_tokens or limit) for candidate in target.candidates)
        return max(below, default=0)
    if target is None:
        return 0
    of_model = target.model.max_output_tokens if target.model is not None else None
    return target.config.settings.max_tokens or min(filter(None, (limit, of_model)), default=0)


def taken_tokens(trace: Trace, bound: int) -> int:
    """Tokens that a call has taken: of every attempt what its host counted; the bound where one has not told."""
    return sum(_taken(record, bound) for record in trace.records)


def _taken(record: Record, bound: int) -> int:
    usage = record.response.usage if record.response is not None else None
    if record.cached or (usage is None and record.cost_basis == "none"):  # nothing was sent, or the host refused it
        return 0
    if usage is None or (usage.input is None and usage.output is None):
        return bound
    return (usage.input or 0) + (usage.output or 0)
