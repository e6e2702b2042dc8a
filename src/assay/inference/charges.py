"""What one attempt may cost at most, which is held before it is sent, and what it did cost."""

from __future__ import annotations

from typing import TypeGuard

import msgspec

from assay.config.schema import Constraints
from assay.envelope.cost import bound_usd, cost_usd, engine_cost_usd
from assay.errors import AssayError, ConstraintError, ProviderError
from assay.inference.deployment import LiveDeployment
from assay.inference.purse import Purse
from assay.ledger.rows import CostBasis
from assay.providers.provider import Attempted, Meter
from assay.types import Document, Form, Image, Part, Request, ToolResult, Unknown, Usage, Video

__all__ = ["bound", "charge"]

_ELSEWHERE = (
    "previous_response_id", "conversation", "prompt", "container", "mcp_servers", "web_search_options", "cachedContent",
)  # fmt: skip
"""Fields by which a host reads what is not in the request."""
_NAMED = ("item_reference", "container_upload", "image", "input_image", "input_file")
"""Parts that name what a host has; those that bring it are no `Unknown`."""


def bound(
    live: LiveDeployment, constraints: Constraints, attempted: Attempted, purse: Purse | None = None
) -> float | None:
    """Upper bound of the cost in USD; None = unknown, which a budget does not accept, neither the month's nor a purse.

    Raises:
        ConstraintError: a budget is set and nothing bounds what this call may cost.
    """
    asked = attempted.request
    if live.config.dialect == "local":
        return None  # paid in seconds of the team's own device, not billed
    if asked.form == "count":
        return 0.0  # no provider charges for counting
    tokens = _longest(asked) or (live.model.max_output_tokens if live.model else None)
    if asked.form == "embedding":
        tokens = 0
    price = live.price.bound
    if price is not None and tokens is not None:
        written = msgspec.structs.replace(asked, native=None)
        size = len(attempted.raw.raw if attempted.raw is not None else msgspec.json.encode(written))
        unseen = _unseen_tokens(asked, live)
        if unseen is not None:
            return bound_usd(price, size, tokens * _answers(asked), unseen)
    budget = purse.limit_usd if purse is not None else constraints.usd_per_month
    if budget is not None and constraints.unknown_price == "refuse" and live.config.dialect != "scripted":
        missing = (
            "price" if price is None else "max_tokens" if tokens is None else "context of the model, and so the input"
        )
        raise ConstraintError(
            f"{live.name}: a budget of {budget:g} USD is set and the {missing} of this call is not known; "
            f"give the deployment a price_usd_per_mtok and a max_tokens, or set constraints.unknown_price"
        )
    return None


def _unseen_tokens(asked: Request, live: LiveDeployment) -> int | None:
    """Tokens that no byte of the request stands for, as many as the model can read; None = nobody knows how many."""
    named = asked.form != "completion" and any(asked.extra.get(key) is not None for key in _ELSEWHERE)
    tools = any(tool.native is not None for tool in asked.tools)
    parts = (part for message in asked.messages for part in message.parts)
    if not named and not tools and not any(map(_stands_elsewhere, parts)):
        return 0
    return live.model.context_tokens if live.model else None


def _stands_elsewhere(part: Part) -> bool:
    match part:
        case Image() | Video() | Document():
            return part.data is None
        case ToolResult():
            return any(map(_stands_elsewhere, part.parts))
        case Unknown():
            return part.raw.get("type") in _NAMED
    return False


def _longest(asked: Request) -> int | None:
    """Tokens of an answer at most: of two limits, one of which a host may not know, the larger."""
    said = asked.extra.get("max_tokens")  # beside `max_completion_tokens`
    limits = [limit for limit in (asked.sampling.max_tokens, said) if _is_number(limit)]
    return max(limits, default=None)


def _is_number(value: object) -> TypeGuard[int]:
    """Whether a field that nobody has read is a number that money can be reckoned with."""
    return isinstance(value, int) and value < 1 << 64


def _answers(asked: Request) -> int:
    """How many answers are written: of a completion `best_of` to each prompt, some of which nobody sees."""
    answers = asked.sampling.n or 1
    if asked.form != "completion":
        return answers
    drawn, prompts = asked.extra.get("best_of"), asked.extra.get("prompt")
    if _is_number(drawn):
        answers = max(answers, drawn)
    if isinstance(prompts, list) and prompts and isinstance(prompts[0], str | list):  # else the numbers of one
        answers *= len(prompts)
    return answers


def charge(
    live: LiveDeployment,
    form: Form,
    meter: Meter,
    *,
    outcome: str,
    error: AssayError | None,
    usage: Usage | None,
    reserved_usd: float | None,
) -> tuple[float | None, CostBasis]:
    """What an attempt cost, and how that is known.

    Args:
        live: whom it asked.
        form: of the request.
        meter: what it measured.
        outcome: of the settlement.
        error: that ended it.
        usage: as the host reported it.
        reserved_usd: its bound; a host that reports more than can be is charged at it.
    """
    price = live.price.price
    if outcome == "cached":
        return 0.0, "none"
    if live.config.dialect == "local":
        usd = engine_cost_usd(meter.engine_s, live.config.usd_per_hour)
        return (usd, "measured") if usd is not None else (None, "unknown")
    if form == "count":
        return 0.0, "none"
    if form == "embedding" and usage is not None:
        usage = msgspec.structs.replace(usage, output=0)
    answered_with_error = isinstance(error, ProviderError) and error.status is not None
    if meter.sent_bytes == 0 or answered_with_error:
        return 0.0, "none"
    if price is not None and usage is not None and outcome == "ok":
        usd = cost_usd(price, usage)
        if usd is not None and (reserved_usd is None or usd <= reserved_usd):
            return usd, "measured"
    return (reserved_usd, "bound") if reserved_usd is not None else (None, "unknown")
