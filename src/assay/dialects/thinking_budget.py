"""How long to think, said in tokens: told as a number where a format has one, else as the nearest effort, and noted."""

from __future__ import annotations

import msgspec

from assay.dialects.capability import Fit
from assay.types import Request

__all__ = ["FEATURE", "as_effort", "effort_of"]

FEATURE = "reasoning_tokens"
_EFFORTS = ((1, "none"), (4096, "low"), (16384, "medium"))
"""Tokens of thinking below which the effort is called so, else high."""


def effort_of(tokens: int) -> str:
    """The effort that a budget of so many tokens comes to."""
    return next((word for most, word in _EFFORTS if tokens < most), "high")


def as_effort(request: Request, fit: Fit) -> Request:
    """The request with its budget as an effort, where the upstream takes no number.

    Raises:
        RequestError: it can be told neither.
    """
    sampling = request.sampling
    if sampling.reasoning_tokens is None or fit.takes(FEATURE, FEATURE):
        return request
    effort = sampling.reasoning_effort or effort_of(sampling.reasoning_tokens)
    said = msgspec.structs.replace(sampling, reasoning_tokens=None, reasoning_effort=effort)
    return msgspec.structs.replace(request, sampling=said)
