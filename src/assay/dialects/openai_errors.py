"""Errors in OpenAI's form: what an upstream answered, and what a client is told.

Upstreams: `{"error": {...}}`, `{"error": "text"}`, Mistral's flat object, FastAPI's `detail`, a list of one
error object, or no JSON at all. Providers' codes are kept verbatim.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from assay.dialects.dialect import WireError
from assay.dialects.told import Told, told, told_failed
from assay.errors import (
    AssayError,
    AuthFailed,
    BadRequest,
    ContentFiltered,
    ContextTooLong,
    Overloaded,
    ProviderError,
    ProviderFault,
    RateLimited,
    Timeout,
)  # fmt: skip
from assay.types import Failed

__all__ = ["failed", "read_error", "retry_after_s", "write_error", "write_failed"]

_MAX_MESSAGE = 2000
_MAX_BODY_BYTES = 64 * 1024
_CONTEXT_CODES = {"context_length_exceeded", "exceed_context_size_error", "model_context_window_exceeded"}
_CONTEXT_WORDS = (
    "maximum context length", "available context size", "context length exceeded", "exceeds the context",
    "context window", "prompt is too long",
)  # fmt: skip
_FILTER_CODES = {"content_filter", "content_policy_violation", "responsibleaipolicyviolation", "content_filtered"}
_CODES: dict[str, type[ProviderError]] = {
    "rate_limit_exceeded": RateLimited,
    "rate_limit_error": RateLimited,
    "insufficient_quota": RateLimited,
    "too_many_requests": RateLimited,
    "invalid_api_key": AuthFailed,
    "authentication_error": AuthFailed,
    "permission_error": AuthFailed,
    "overloaded_error": Overloaded,
    "overloaded": Overloaded,
    "service_unavailable": Overloaded,
    "server_overloaded": Overloaded,
    "timeout": Timeout,
}
_STATUSES: dict[int, type[ProviderError]] = {
    401: AuthFailed, 403: AuthFailed, 408: Timeout, 429: RateLimited, 503: Overloaded, 529: Overloaded,
}  # fmt: skip
_REQUEST_IDS = ("x-request-id", "request-id", "apim-request-id", "cf-ray")


class _Said(NamedTuple):
    """What an error body says, whatever its form."""

    message: str | None
    code: str | None
    words: frozenset[str]  # every code, type and status word, lower case
    status: int | None


# -------------------------------------------------------------------------------------------- reading


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The typed error of an upstream's answer with a status of 400 or more. Header names are lower case."""
    said = _said(_decoded(body))
    message = said.message or body[:_MAX_MESSAGE].decode("utf-8", "replace").strip() or "no error body"
    return _class(status, said)(
        f"HTTP {status}: {message[:_MAX_MESSAGE]}",
        status=status,
        code=said.code,
        retry_after_s=retry_after_s(headers),
        request_id=next((headers[name] for name in _REQUEST_IDS if headers.get(name)), None),
        body=body[:_MAX_BODY_BYTES],
    )


def failed(error: object) -> Failed:
    """The event for an error object inside an answer that began with 200."""
    said = _said({"error": error})
    message = (said.message or said.code or "the provider reported an error")[:_MAX_MESSAGE]
    native = error if isinstance(error, dict) else None
    return Failed(error=_class(said.status, said).__name__, message=message, native=native)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """How long the provider asks to wait: `retry-after-ms`, or `retry-after` as seconds or as an HTTP date."""
    milliseconds = _seconds(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _seconds(value)
    if seconds is not None or not value:
        return seconds
    from datetime import UTC, datetime  # both are slow to import, and dates are rare
    from email.utils import parsedate_to_datetime

    try:
        until = parsedate_to_datetime(value)
        now = parsedate_to_datetime(headers["date"]) if headers.get("date") else datetime.now(UTC)
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):  # no date; a date without a zone
        return None


def _seconds(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None


def _decoded(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _said(body: object) -> _Said:
    if isinstance(body, list) and body:
        body = body[0]
    if not isinstance(body, dict):
        return _Said(None, None, frozenset(), None)
    inner = body.get("error") or body
    if isinstance(inner, str):
        inner = {**body, "message": inner}
    if not isinstance(inner, dict):
        return _Said(None, None, frozenset(), None)
    message = next((inner[key] for key in ("message", "detail", "error", "msg") if inner.get(key)), None)
    code, kind = inner.get("code"), inner.get("type")
    words = [code, kind, _path(inner, "innererror", "code"), _path(inner, "metadata", "error_type")]
    if _path(inner, "metadata", "reasons"):
        words.append("content_filter")  # OpenRouter's moderation
    texts = [str(word) for word in words if isinstance(word, (str, int)) and not isinstance(word, bool)]
    status = next((word for word in (inner.get("status"), code) if _is_status(word)), None)
    return _Said(
        message if isinstance(message, str) else None if message is None else msgspec.json.encode(message).decode(),
        texts[0] if texts else None,
        frozenset(text.lower() for text in texts),
        int(status) if status is not None else None,
    )


def _is_status(word: object) -> bool:
    if isinstance(word, str):
        return len(word) == 3 and word.isdecimal() and word[0] in "45"
    return isinstance(word, int) and not isinstance(word, bool) and 400 <= word < 600


def _path(value: object, *keys: str) -> object:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _class(status: int | None, said: _Said) -> type[ProviderError]:
    """Codes say more than a status; a status more than the text of a message."""
    text = (said.message or "").lower()
    if said.words & _CONTEXT_CODES or (status != 429 and any(words in text for words in _CONTEXT_WORDS)):
        return ContextTooLong
    if said.words & _FILTER_CODES:
        return ContentFiltered
    if status in _STATUSES:
        return _STATUSES[status]
    for word in sorted(said.words):
        if word in _CODES:
            return _CODES[word]
    if status is None and "invalid_request_error" in said.words:
        return BadRequest
    return ProviderFault if status is None or status >= 500 else BadRequest


# -------------------------------------------------------------------------------------------- writing


_INVALID = "invalid_request_error"
_TYPES = {
    "internal_error": "server_error",
    "ledger_unavailable": "server_error",
    "no_candidate": "policy_error",
    "privacy": "policy_error",
    "constraint": "policy_error",
    "refused": "policy_error",
    "budget_exceeded": "budget_error",
    "rate_limit_exceeded": "rate_limit_error",
}


def write_error(error: AssayError) -> WireError:
    """An error for a client; a key or something internal is never shown."""
    said = told(error)
    body = msgspec.json.encode({"error": _error_object(said)})
    return WireError(said.status, {"content-type": "application/json", **said.headers}, body)


def write_failed(event: Failed) -> dict[str, Any]:
    """The error object that ends a stream; the provider's own where there is one."""
    said = told_failed(event)
    own = event.native if said.message == event.message else None  # not where we tell less than the provider
    return own if own and isinstance(own.get("message"), str) else _error_object(said)


def _error_object(said: Told) -> dict[str, Any]:
    kind = _TYPES.get(said.code) or (_INVALID if said.status < 500 else "upstream_error")
    return {"message": said.message, "type": kind, "param": said.field, "code": said.code}
