"""What a client is told of an error, before a format puts it into its own words: status, code, message, headers.

A client never sees a key, a stack trace or how the gateway logs in at its providers.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from assay.errors import (
    AssayError,
    AuthFailed,
    BadRequest,
    BudgetExceeded,
    ConnectionFailed,
    ConstraintError,
    ContentFiltered,
    ContextTooLong,
    EngineCrashed,
    LedgerError,
    MalformedReply,
    NoCandidate,
    NoMemory,
    Overloaded,
    PrivacyViolation,
    ProviderError,
    ProviderFault,
    RateExceeded,
    RateLimited,
    Refused,
    RequestError,
    Timeout,
)  # fmt: skip
from assay.types import Failed

__all__ = ["Told", "told", "told_failed"]


class Told(NamedTuple):
    """What a client is told.

    Attributes:
        status: of HTTP.
        code: ours, or the provider's own for a request that it did not accept.
        message: for people.
        field: the client's field that is wrong.
        headers: when to try again.
    """

    status: int
    code: str
    message: str
    field: str | None = None
    headers: dict[str, str] = {}


class _Kind(NamedTuple):
    status: int
    code: str


_INTERNAL = Told(500, "internal_error", "internal error")
_KINDS: dict[type[AssayError], _Kind] = {
    NoCandidate: _Kind(403, "no_candidate"),
    PrivacyViolation: _Kind(403, "privacy"),
    BudgetExceeded: _Kind(429, "budget_exceeded"),
    RateExceeded: _Kind(429, "rate_limit_exceeded"),
    ConstraintError: _Kind(403, "constraint"),
    Refused: _Kind(403, "refused"),
    RateLimited: _Kind(429, "rate_limit_exceeded"),
    Overloaded: _Kind(503, "overloaded"),
    Timeout: _Kind(504, "timeout"),
    AuthFailed: _Kind(502, "upstream_auth"),
    ContextTooLong: _Kind(400, "context_length_exceeded"),
    ContentFiltered: _Kind(400, "content_filter"),
    BadRequest: _Kind(400, "upstream_bad_request"),
    ConnectionFailed: _Kind(502, "connection_failed"),
    EngineCrashed: _Kind(503, "engine_crashed"),
    NoMemory: _Kind(503, "no_memory"),
    MalformedReply: _Kind(502, "malformed_reply"),
    ProviderFault: _Kind(502, "provider_fault"),
    ProviderError: _Kind(502, "provider_error"),
    LedgerError: _Kind(503, "ledger_unavailable"),
}
_BY_NAME = {kind.__name__: kind for kind in _KINDS}
_REQUEST_CODES = {401: "invalid_api_key", 403: "permission_denied", 404: "model_not_found", 413: "request_too_large"}
_KEY_NAME = re.compile(r"no key in \$\w+")
_FIXED: dict[type[AssayError], str] = {
    AuthFailed: "the gateway could not authenticate at its provider",
    LedgerError: "the gateway cannot keep its records at the moment; ask again later",
}
"""What is told of errors whose own words name variables or files."""


def told(error: AssayError) -> Told:
    """What a client is told of an error before its answer began."""
    if isinstance(error, RequestError):
        code = _REQUEST_CODES.get(error.status, "invalid_request")
        if code == "model_not_found" and error.field != "model":
            code = "not_found"  # no model is meant: there is nothing at the path, or no such request
        return Told(error.status, code, str(error), error.field)
    named = next((kind for kind in type(error).__mro__ if kind in _KINDS), None)
    if named is None:
        return _INTERNAL
    kind = _KINDS[named]
    if named in _FIXED:
        return Told(*kind, _FIXED[named])
    message = _unnamed(str(error))
    if isinstance(error, NoCandidate) and error.unable:
        return Told(400, "unsupported", message)
    if isinstance(error, NoCandidate) and error.keyless:
        return Told(503, "no_key", message)
    code = error.code if type(error) is BadRequest and error.code else kind.code
    field = error.field if isinstance(error, BadRequest) else None
    return Told(_status(error, kind), code, message, field, _wait(error))


def told_failed(event: Failed) -> Told:
    """What a client is told of an error that ends its stream; the status is the one it would have had before."""
    kind = _BY_NAME.get(event.error)
    if kind is None:
        return _INTERNAL
    return Told(*_KINDS[kind], _FIXED.get(kind) or _unnamed(event.message))


def _unnamed(message: str) -> str:
    """The message without the variables that keys are missing in; logs and the ledger name them."""
    return _KEY_NAME.sub("the gateway has no key for its provider", message)


def _status(error: AssayError, kind: _Kind) -> int:
    """The provider's own status for a request that it did not accept: not found, too large, not to be processed."""
    own = error.status if isinstance(error, BadRequest) else None
    return own if own is not None and 400 <= own < 500 and own != 402 else kind.status  # 402 is our own bill


def _wait(error: AssayError) -> dict[str, str]:
    if isinstance(error, BudgetExceeded) and error.is_final:
        return {"x-should-retry": "false"}  # SDKs ask again after a 429, and would do so in vain
    if not isinstance(error, ProviderError | RateExceeded) or error.retry_after_s is None:
        return {}
    return {
        "retry-after": str(math.ceil(error.retry_after_s)),
        "retry-after-ms": str(math.ceil(error.retry_after_s * 1000)),
    }
