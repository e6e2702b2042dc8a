"""Two answers to one request: the client's, and that of another who was asked beside, or was not and why."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple

from assay.config.comparing import Comparing
from assay.types import Label, Request, Response

__all__ = ["Asked", "Pair", "Side"]


class Side(NamedTuple):
    """One of the two.

    Attributes:
        target: the deployment whose answer the client had; of the other side who was asked, a deployment or route.
        response: its answer; None = there is none.
        usd: what it cost, or would; None = not known.
        total_s: how long it took.
    """

    target: str
    response: Response | None = None
    usd: float | None = None
    total_s: float | None = None


class Asked(NamedTuple):
    """An answer that somebody asked for while comparing, and what it cost in USD; None = not known."""

    response: Response
    usd: float | None


class Pair(NamedTuple):
    """What is to be compared.

    Attributes:
        request_id: of the client's request.
        target: that the client called: its rules say what may be kept.
        route: that asked the other one.
        label: the strictest of the request's and its answers'; whoever sees both is bound by it.
        outcome: `answered` by both, `failed` by the other, who was `unasked` or only `observed`; `uncompared`: both
            have answered, and the answers were let go of, for too many others wait.
        why: of what is not `answered`.
        ask: asks somebody else about it, a judge: on the request's own record, within the money that is set.
    """

    request_id: str
    target: str
    route: str
    purpose: Literal["shadow", "audit"]
    how: Comparing
    request: Request
    label: Label
    own: Side
    other: Side
    outcome: Literal["answered", "failed", "unasked", "observed", "uncompared"]
    ask: Callable[[Request, str], Awaitable[Asked]]
    why: str = ""
