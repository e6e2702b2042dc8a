"""How the rates of a client's key stand, in the headers where the SDKs of either format look for it."""

from __future__ import annotations

import time

from assay.access.rates import WINDOW_S, Standing, Ticket
from assay.dialects.dialect import Inbound

__all__ = ["rate_lines"]


def rate_lines(ticket: Ticket, dialect: Inbound) -> bytes:
    """The lines of an answer's head, for a client of this format; none of what is not limited."""
    write = _anthropic if dialect.name.startswith("anthropic") else _openai
    rates = (("requests", ticket.requests_rate), ("tokens", ticket.tokens_rate))
    return "".join([write(what, rate) for what, rate in rates if rate is not None]).encode()


def _openai(what: str, rate: Standing) -> str:
    return (
        f"x-ratelimit-limit-{what}: {rate.limit}\r\n"
        f"x-ratelimit-remaining-{what}: {rate.left}\r\n"
        f"x-ratelimit-reset-{what}: {_reset_s(rate):.3f}s\r\n"
    )


def _anthropic(what: str, rate: Standing) -> str:
    full = time.gmtime(time.time() + _reset_s(rate) + 1)  # the second is cut off
    return (
        f"anthropic-ratelimit-{what}-limit: {rate.limit}\r\n"
        f"anthropic-ratelimit-{what}-remaining: {rate.left}\r\n"
        f"anthropic-ratelimit-{what}-reset: {time.strftime('%Y-%m-%dT%H:%M:%SZ', full)}\r\n"
    )


def _reset_s(rate: Standing) -> float:
    """Seconds until all of a rate is free again: a minute at most, as `retry-after`, though counts have a grain."""
    return min(max(rate.reset_s, rate.wait_s), WINDOW_S)
