"""Errors in Anthropic's form, for clients; upstreams' errors are read by `openai_errors`, which knows this form too."""

from __future__ import annotations

from typing import Any

import msgspec

from assay.dialects.dialect import WireError
from assay.dialects.told import Told, told, told_failed
from assay.errors import AssayError
from assay.types import Failed

__all__ = ["failed_wire", "write_error"]

_INVALID = "invalid_request_error"
_OVERLOADED = 529  # this format's own status for it
_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    _OVERLOADED: "overloaded_error",
}
_KNOWN = {*_TYPES.values(), _INVALID, "api_error"}


def write_error(error: AssayError, request_id: str | None = None) -> WireError:
    """An error for a client; a key or something internal is never shown."""
    said = told(error)
    status = _OVERLOADED if said.code == "overloaded" else said.status
    body = {"type": "error", "error": _error_object(said), "request_id": request_id}
    return WireError(status, {"content-type": "application/json", **said.headers}, msgspec.json.encode(body))


def failed_wire(event: Failed) -> dict[str, Any]:
    """What ends a stream with an error; the provider's own object where it has this form."""
    said = told_failed(event)
    own = event.native if said.message == event.message else None  # not where we tell less than the provider
    kind = own.get("type") if own else None
    if own and isinstance(kind, str) and kind in _KNOWN and isinstance(own.get("message"), str):
        return {"error": own}
    return {"error": _error_object(said)}


def _error_object(said: Told) -> dict[str, Any]:
    kind = _TYPES.get(said.status) or (_INVALID if said.status < 500 else "api_error")
    return {"type": kind, "message": said.message}
