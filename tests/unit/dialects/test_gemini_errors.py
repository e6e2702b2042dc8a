"""Errors in Google's form."""

import json
from typing import Any

import pytest

from assay.dialects.gemini import Gemini
from assay.dialects.gemini_errors import failed
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

INFO = "type.googleapis.com/google.rpc.ErrorInfo"
RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}


def read(number: int, headers: dict[str, str] | None = None, **error: Any) -> ProviderError:
    """The error of an answer with this error object."""
    return Gemini().read_error(number, headers or {}, json.dumps({"error": error}).encode())


@pytest.mark.parametrize(("status", "word", "message", "kind"), [
    (400, "INVALID_ARGUMENT", "Please use a valid role", BadRequest),
    (400, "FAILED_PRECONDITION", "User location is not supported", BadRequest),
    (404, "NOT_FOUND", "models/x is not found", BadRequest),
    (403, "PERMISSION_DENIED", "no", AuthFailed),
    (401, "UNAUTHENTICATED", "no", AuthFailed),
    (429, "RESOURCE_EXHAUSTED", "quota", RateLimited),
    (503, "UNAVAILABLE", "The model is overloaded.", Overloaded),
    (500, "INTERNAL", "An internal error has occurred.", ProviderFault),
    (504, "DEADLINE_EXCEEDED", "late", Timeout),
    (529, None, "full", Overloaded),
    (418, None, "tea", BadRequest),
    (400, "INVALID_ARGUMENT", "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
     ContextTooLong),
    (400, "INVALID_ARGUMENT", "The prompt was blocked due to safety settings", ContentFiltered),
])  # fmt: skip
def test_classes(status: int, word: str | None, message: str, kind: type[ProviderError]) -> None:
    """The status word, the number and some messages tell the class; status and word are kept."""
    error = read(status, code=status, message=message, status=word)
    assert type(error) is kind
    assert (error.status, error.code) == (status, word)
    assert message in str(error)


def test_a_wrong_key_is_400() -> None:
    """Trap 20: Google says 400 for a wrong key; it is a failed login that keeps its status."""
    error = read(400, status="INVALID_ARGUMENT", message="API key not valid.",
                 details=[{"@type": INFO, "reason": "API_KEY_INVALID"}])  # fmt: skip
    assert type(error) is AuthFailed
    assert (error.status, error.code) == (400, "API_KEY_INVALID")


def test_retry_info_in_the_body() -> None:
    """Trap 20: how long to wait stands in the details; a header says it before them."""
    error = read(429, status="RESOURCE_EXHAUSTED", message="q", details=[{"@type": INFO}, RETRY])
    assert error.retry_after_s == 34.5
    assert read(429, {"retry-after": "7"}, message="q", details=[RETRY]).retry_after_s == 7
    assert read(429, message="q", details=[{"retryDelay": "soon"}]).retry_after_s is None


def test_a_list_of_one_error() -> None:
    """Trap 20: without alt=sse the error comes in a JSON array."""
    error = Gemini().read_error(503, {}, b'[{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}]')
    assert type(error) is Overloaded
    assert "busy" in str(error)


@pytest.mark.parametrize("body", [b"", b"<html>bad gateway</html>", b"[]", b'{"error":5}', b'{"error":{"details":5}}'])
def test_bodies_of_no_form(body: bytes) -> None:
    """A proxy's page or a broken body is an error of the status, with the body's beginning."""
    error = Gemini().read_error(502, {}, body)
    assert type(error) is ProviderFault
    assert error.body == body


def test_failed_events() -> None:
    """An error object in a stream has its class by its number or word."""
    assert failed({"code": 429, "message": "q"}).error == "RateLimited"
    assert failed({"status": "UNAVAILABLE"}).message == "UNAVAILABLE"
    assert failed("odd").error == "ProviderFault"
