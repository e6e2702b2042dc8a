"""Errors for clients of Messages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assay.dialects.anthropic import Anthropic, AnthropicCount
from assay.dialects.anthropic_errors import failed_wire
from assay.dialects.dialect import WireError
from assay.dialects.sse import Parser
from assay.errors import (
    AssayError,
    AuthFailed,
    BadRequest,
    BudgetExceeded,
    ConfigError,
    ContextTooLong,
    LedgerError,
    MalformedReply,
    NoCandidate,
    NoMemory,
    Overloaded,
    ProviderFault,
    RateLimited,
    RequestError,
    Timeout,
)  # fmt: skip
from assay.types import Failed, Request


def told(error: AssayError) -> tuple[WireError, dict[str, Any]]:
    """What a client is told, and its error object."""
    wire = Anthropic().write_error(error)
    body = json.loads(wire.body)
    assert body["type"] == "error"
    return wire, body


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (RequestError("messages is missing", field="messages"), 400, "invalid_request_error"),
        (RequestError("no such key", status=401), 401, "authentication_error"),
        (RequestError("no model 'x'", status=404), 404, "not_found_error"),
        (RequestError("too large", status=413), 413, "request_too_large"),
        (NoCandidate("r", (("a", "private"),)), 403, "permission_error"),
        (BudgetExceeded("all", need_usd=1, spent_usd=0, held_usd=0, limit_usd=0), 429, "rate_limit_error"),
        (RateLimited("slow"), 429, "rate_limit_error"),
        (Overloaded("full"), 529, "overloaded_error"),
        (NoMemory("full"), 503, "overloaded_error"),
        (Timeout("late"), 504, "timeout_error"),
        (ContextTooLong("long"), 400, "invalid_request_error"),
        (BadRequest("no", code="x"), 400, "invalid_request_error"),
        (MalformedReply("cut"), 502, "api_error"),
        (ProviderFault("broken"), 502, "api_error"),
        (LedgerError("secret path"), 503, "overloaded_error"),
    ],
)
def test_each_error_has_a_status_and_a_type_of_the_format(error: AssayError, status: int, kind: str) -> None:
    """Trap 20: SDKs choose their class by the status, people read the type."""
    wire, body = told(error)
    assert (wire.status, body["error"]["type"]) == (status, kind)
    assert AnthropicCount().write_error(error) == wire


def test_a_wait_survives() -> None:
    """Trap 20: both forms of retry-after, rounded up."""
    wire, _ = told(RateLimited("slow", retry_after_s=1.2))
    assert (wire.headers["retry-after"], wire.headers["retry-after-ms"]) == ("2", "1200")


def test_the_request_is_named_by_the_id_that_the_ledger_has() -> None:
    """The body says what the header says: our id, not that of a provider whom the client cannot ask."""
    wire = Anthropic().write_error(RateLimited("slow", request_id="theirs"), "ours")
    assert json.loads(wire.body)["request_id"] == "ours"


def test_nothing_internal_is_told() -> None:
    """No key's trouble at a provider, no error of our own in its words."""
    assert "sk-1" not in told(AuthFailed("bad key sk-1"))[1]["error"]["message"]
    assert told(ConfigError("/secret/path"))[1]["error"]["message"] == "internal error"
    message = "the gateway cannot keep its records at the moment; ask again later"
    assert told(LedgerError("/secret/path"))[1]["error"]["message"] == message


@pytest.mark.parametrize(
    ("failed", "error"),
    [
        (
            Failed(error="Overloaded", message="m", native={"type": "overloaded_error", "message": "m", "x": 1}),
            {"type": "overloaded_error", "message": "m", "x": 1},
        ),
        (
            Failed(error="RateLimited", message="m", native={"type": "tokens", "message": "m", "code": "c"}),
            {"type": "rate_limit_error", "message": "m"},
        ),
        (Failed(error="Timeout", message="late"), {"type": "timeout_error", "message": "late"}),
        (
            Failed(error="AuthFailed", message="sk-1", native={"type": "authentication_error", "message": "sk-1"}),
            {"type": "api_error", "message": "the gateway could not authenticate at its provider"},
        ),
        (Failed(error="AssayError", message="secret"), {"type": "api_error", "message": "internal error"}),
        (
            Failed(error="LedgerError", message="/secret/path"),
            {
                "type": "overloaded_error",
                "message": "the gateway cannot keep its records at the moment; ask again later",
            },
        ),
    ],
)
def test_an_error_in_a_stream_is_an_event_of_the_format(failed: Failed, error: dict[str, Any]) -> None:
    """The provider's own object where it has this form, else ours; a key's trouble is never told."""
    (event,) = Parser().feed(Anthropic().encoder(Request()).encode(failed))
    assert event.name == "error"
    assert json.loads(event.data) == {"type": "error", "error": error}


def test_an_error_event_whose_type_is_no_word_is_still_an_error() -> None:
    """What a host calls its error may be anything; the client is told of it in the format's own words."""
    event = Failed(error="ProviderFault", message="boom", native={"type": [[]], "message": "boom"})
    assert failed_wire(event) == {"error": {"type": "api_error", "message": "boom"}}
