"""How the rates of a client's key stand, in the headers where the SDKs of either format look for it."""

from __future__ import annotations

import time

from assay.access.rates import Standing, Ticket
from assay.gateway.cycle import written
from assay.gateway.visit import Visit

__all__ = ["rate_lines"]


def rate_lines(visit: Visit) -> bytes:
    """The lines of an answer's head; none where the key has no rate, or nothing was counted."""
    if visit.ticket is None:
        return b""
    write = _anthropic if visit.dialect is not None and visit.dialect.name.startswith("anthropic") else _openai
    told = [write(what, rate) for what, rate in _rates(visit.ticket)]
    return written((name.encode(), value.encode()) for fields in told for name, value in fields.items())


def _rates(ticket: Ticket) -> list[tuple[str, Standing]]:
    rates = (("requests", ticket.requests_rate), ("tokens", ticket.tokens_rate))
    return [(what, rate) for what, rate in rates if rate is not None]


def _openai(what: str, rate: Standing) -> dict[str, str]:
    return {
        f"x-ratelimit-limit-{what}": str(rate.limit),
        f"x-ratelimit-remaining-{what}": str(rate.left),
        f"x-ratelimit-reset-{what}": f"{max(rate.reset_s, rate.wait_s):.3f}s",
    }


def _anthropic(what: str, rate: Standing) -> dict[str, str]:
    full = time.gmtime(time.time() + max(rate.reset_s, rate.wait_s) + 1)  # the second is cut off
    return {
        f"anthropic-ratelimit-{what}-limit": str(rate.limit),
        f"anthropic-ratelimit-{what}-remaining": str(rate.left),
        f"anthropic-ratelimit-{what}-reset": time.strftime("%Y-%m-%dT%H:%M:%SZ", full),
    }
