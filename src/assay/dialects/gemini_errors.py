"""Errors in Google's form: `{"error": {"code", "message", "status", "details"}}`, alone or in a list.

A wrong key is a 400 here, told apart by the reason in its details; how long to wait stands there too (`RetryInfo`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from assay.dialects.openai_errors import retry_after_s
from assay.errors import (
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

__all__ = ["failed", "read_error"]

_MAX_MESSAGE = 2000
_MAX_BODY_BYTES = 64 * 1024
_KEY_REASONS = frozenset({
    "API_KEY_INVALID", "API_KEY_EXPIRED", "API_KEY_SERVICE_BLOCKED", "API_KEY_HTTP_REFERRER_BLOCKED",
    "API_KEY_IP_ADDRESS_BLOCKED", "ACCESS_TOKEN_EXPIRED", "ACCESS_TOKEN_TYPE_UNSUPPORTED", "SERVICE_DISABLED",
    "BILLING_DISABLED",
})  # fmt: skip
_WORDS: dict[str, type[ProviderError]] = {
    "UNAUTHENTICATED": AuthFailed,
    "PERMISSION_DENIED": AuthFailed,
    "RESOURCE_EXHAUSTED": RateLimited,
    "UNAVAILABLE": Overloaded,
    "DEADLINE_EXCEEDED": Timeout,
    "INTERNAL": ProviderFault,
    "UNKNOWN": ProviderFault,
    "DATA_LOSS": ProviderFault,
    "ABORTED": ProviderFault,
    "INVALID_ARGUMENT": BadRequest,
    "FAILED_PRECONDITION": BadRequest,
    "OUT_OF_RANGE": BadRequest,
    "NOT_FOUND": BadRequest,
    "ALREADY_EXISTS": BadRequest,
    "UNIMPLEMENTED": BadRequest,
    "CANCELLED": ProviderFault,
}
_STATUSES: dict[int, type[ProviderError]] = {
    401: AuthFailed, 403: AuthFailed, 408: Timeout, 429: RateLimited, 503: Overloaded, 504: Timeout, 529: Overloaded,
}  # fmt: skip
_TOO_LONG = re.compile(
    r"input token count.*exceeds|exceeds the maximum number of tokens|input context is too long", re.IGNORECASE
)
_BLOCKED = re.compile(r"blocked (by|due to).*(safety|polic|content)|prohibited content|responsible ai", re.IGNORECASE)
_DELAY = re.compile(r"(\d+(?:\.\d+)?)s")


class _Said(NamedTuple):
    """What an error body says."""

    message: str | None
    word: str | None  # the canonical name of the status
    reason: str | None  # of its first detail that has one
    number: int | None
    delay_s: float | None


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The typed error of an answer with a status of 400 or more. Header names are lower case."""
    said = _said(_error_of(_decoded(body)))
    message = said.message or body[:_MAX_MESSAGE].decode("utf-8", "replace").strip() or "no error body"
    wait_s = retry_after_s(headers)
    return _class(status, said)(
        f"HTTP {status}: {message[:_MAX_MESSAGE]}",
        status=status,
        code=said.reason or said.word,
        retry_after_s=said.delay_s if wait_s is None else wait_s,
        request_id=headers.get("x-request-id"),
        body=body[:_MAX_BODY_BYTES],
    )


def failed(error: object) -> Failed:
    """The event for an error object inside an answer that began with 200."""
    said = _said(error)
    message = said.message or said.word or "the provider reported an error"
    native = error if isinstance(error, dict) else None
    return Failed(error=_class(said.number, said).__name__, message=message[:_MAX_MESSAGE], native=native)


def _decoded(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _error_of(body: object) -> object:
    if isinstance(body, list) and body:
        body = body[0]
    return body.get("error") if isinstance(body, dict) else None


def _said(error: object) -> _Said:
    if isinstance(error, str):
        return _Said(error, None, None, None, None)
    if not isinstance(error, dict):
        return _Said(None, None, None, None, None)
    message, word, number = error.get("message"), error.get("status"), error.get("code")
    details = list(_details(error))
    return _Said(
        message if isinstance(message, str) and message else None,
        word if isinstance(word, str) else None,
        next((detail["reason"] for detail in details if isinstance(detail.get("reason"), str)), None),
        number if isinstance(number, int) and 400 <= number < 600 else None,
        next((delay for delay in map(_delay_s, details) if delay is not None), None),
    )


def _details(error: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    details = error.get("details")
    if isinstance(details, list):
        yield from (detail for detail in details if isinstance(detail, dict))


def _delay_s(detail: Mapping[str, Any]) -> float | None:
    value = detail.get("retryDelay")
    found = _DELAY.fullmatch(value) if isinstance(value, str) else None
    return float(found[1]) if found else None


def _class(status: int | None, said: _Said) -> type[ProviderError]:
    """Reasons say more than a status word, and that more than the number of the status."""
    text = said.message or ""
    if said.reason in _KEY_REASONS:
        return AuthFailed
    if status in (None, 400, 413) and _TOO_LONG.search(text):
        return ContextTooLong
    if status in (None, 400) and _BLOCKED.search(text):
        return ContentFiltered
    if said.word in _WORDS:
        return _WORDS[said.word]
    if status in _STATUSES:
        return _STATUSES[status]
    return ProviderFault if status is None or status >= 500 else BadRequest
