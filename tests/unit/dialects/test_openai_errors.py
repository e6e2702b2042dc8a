"""Errors in OpenAI's form, both directions."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.dialects.openai_chat import OpenAIChat
from assay.dialects.openai_errors import retry_after_s
from assay.dialects.told import told, told_failed
from assay.errors import (
    AssayError,
    AuthFailed,
    BadRequest,
    BudgetExceeded,
    ConfigError,
    ConnectionFailed,
    ConstraintError,
    ContentFiltered,
    ContextTooLong,
    EngineCrashed,
    LedgerError,
    MalformedReply,
    NoCandidate,
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

CHAT = OpenAIChat()


def read(status: int, body: Any, **headers: str) -> ProviderError:
    """The error for a status and a body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return CHAT.read_error(status, {key.replace("_", "-"): value for key, value in headers.items()}, raw)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, BadRequest), (401, AuthFailed), (402, BadRequest), (403, AuthFailed), (404, BadRequest), (408, Timeout),
     (413, BadRequest), (422, BadRequest), (429, RateLimited), (500, ProviderFault), (502, ProviderFault),
     (503, Overloaded), (529, Overloaded)],
)  # fmt: skip
def test_statuses(status: int, kind: type[ProviderError]) -> None:
    """The class follows the status where no code says more."""
    error = read(status, {"error": {"message": "m", "type": "t", "code": None}}, x_request_id="r1")
    assert type(error) is kind
    assert (error.status, error.code, error.request_id, str(error)) == (status, "t", "r1", f"HTTP {status}: m")


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, {"code": "context_length_exceeded"}, ContextTooLong),
        (400, {"code": 400, "type": "exceed_context_size_error", "n_ctx": 512}, ContextTooLong),
        (400, {"message": "This model's maximum context length is 4096 tokens"}, ContextTooLong),
        (500, {"message": "the request exceeds the available context size"}, ContextTooLong),
        (429, {"message": "too many tokens per minute for this context window"}, RateLimited),
        (400, {"code": "content_filter"}, ContentFiltered),
        (400, {"code": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}}, ContentFiltered),
        (403, {"code": 403, "metadata": {"reasons": ["violence"]}}, ContentFiltered),
        (413, {"code": "rate_limit_exceeded"}, RateLimited),
        (400, {"code": "invalid_api_key"}, AuthFailed),
    ],
)
def test_codes_say_more_than_statuses(status: int, error: dict[str, Any], kind: type[ProviderError]) -> None:
    """Context length, content filter, limits and keys are told by their codes."""
    assert type(read(status, {"error": error})) is kind


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"error": "no such model"}, "no such model", None),
        ({"object": "error", "message": "bad", "type": "invalid", "code": "1500"}, "bad", "1500"),
        ({"detail": "Invalid API Key"}, "Invalid API Key", None),
        ({"detail": [{"msg": "field required"}]}, '[{"msg":"field required"}]', None),
        ([{"error": {"message": "in a list", "code": 400}}], "in a list", "400"),
        (b"<html>bad gateway</html>", "<html>bad gateway</html>", None),
        (b"\xff\xfe", "��", None),
        (b"", "no error body", None),
        (b"[]", "[]", None),
        ({"error": [1]}, '{"error": [1]}', None),
    ],
)
def test_every_form_of_body_survives(body: Any, message: str, code: str | None) -> None:
    """Message, code and the body itself are kept, JSON or not."""
    error = read(400, body)
    assert str(error) == f"HTTP 400: {message}"
    assert error.code == code
    assert error.body == (body if isinstance(body, bytes) else json.dumps(body).encode())


def test_bodies_are_bounded() -> None:
    """A huge error body is cut."""
    error = read(500, b"x" * 1_000_000)
    assert len(error.body or b"") == 65536
    assert len(str(error)) < 2100


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda v: (
            st.lists(v, max_size=2)
            | st.dictionaries(
                st.sampled_from(
                    ["error", "message", "code", "type", "innererror", "metadata", "reasons", "status", "detail"]
                ),
                v,
                max_size=4,
            )
        ),
    )
)
def test_any_body_gives_a_typed_error(body: Any) -> None:
    """Nothing that a host sends as an error makes us fail."""
    assert isinstance(read(400, body), ProviderError)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 -0000", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, milliseconds and dates are read; nonsense is no time."""
    assert retry_after_s(headers) == seconds


def test_retry_after_stands_in_the_error() -> None:
    """A rate limit says how long to wait."""
    assert read(429, b"", retry_after="7").retry_after_s == 7


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RequestError("bad n", field="n"), 400, "invalid_request"),
        (RequestError("no such route", field="model", status=404), 404, "model_not_found"),
        (RequestError("not this route", field="model", status=403), 403, "permission_denied"),
        (RateExceeded("too many", retry_after_s=3.2), 429, "rate_limit_exceeded"),
        (NoCandidate("r", (("a", "too dear"),)), 403, "no_candidate"),
        (NoCandidate("r", (("a", "takes no image"),), unable=True), 400, "unsupported"),
        (NoCandidate("r", (("a", "no key in $A"),), keyless=True), 503, "no_key"),
        (ConstraintError("x"), 403, "constraint"),
        (PrivacyViolation("private"), 403, "privacy"),
        (BudgetExceeded("month", need_usd=1, spent_usd=1, held_usd=0, limit_usd=1), 429, "budget_exceeded"),
        (Refused("the check failed"), 403, "refused"),
        (RateLimited("wait", retry_after_s=1.2), 429, "rate_limit_exceeded"),
        (Timeout("late"), 504, "timeout"),
        (AuthFailed("key sk-123 is bad"), 502, "upstream_auth"),
        (ContextTooLong("too long"), 400, "context_length_exceeded"),
        (ContentFiltered("no"), 400, "content_filter"),
        (BadRequest("bad", code="invalid_image"), 400, "invalid_image"),
        (BadRequest("bad"), 400, "upstream_bad_request"),
        (BadRequest("no such model", status=404, code="model_not_found"), 404, "model_not_found"),
        (BadRequest("unpaid", status=402), 400, "upstream_bad_request"),
        (ContextTooLong("too long", status=413), 413, "context_length_exceeded"),
        (Overloaded("busy"), 503, "overloaded"),
        (ProviderFault("x"), 502, "provider_fault"),
        (MalformedReply("x"), 502, "malformed_reply"),
        (ConnectionFailed("x"), 502, "connection_failed"),
        (EngineCrashed("x"), 503, "engine_crashed"),
        (ProviderError("x"), 502, "provider_error"),
        (ConfigError("secret path"), 500, "internal_error"),
        (LedgerError("secret path"), 503, "ledger_unavailable"),
        (AssayError("secret path"), 500, "internal_error"),
    ],
)
def test_what_a_client_is_told(error: AssayError, status: int, code: str) -> None:
    """Status and code for every class; neither keys nor internals."""
    told = CHAT.write_error(error)
    inner = json.loads(told.body)["error"]
    assert (told.status, inner["code"]) == (status, code)
    assert inner.keys() == {"message", "type", "param", "code"}
    assert inner["param"] == getattr(error, "field", None)
    assert b"sk-" not in told.body
    assert b"secret" not in told.body
    assert told.headers["content-type"] == "application/json"


def test_the_variable_of_a_key_is_not_told() -> None:
    """Neither before an answer nor in a stream, whatever else keeps the candidates out; logs have the error's text."""
    error = NoCandidate("r", (("a", "b: no key in $B_KEY; c: no key in $C_KEY"), ("d", "too dear")))
    said = (told(error).message, told_failed(Failed(error="NoCandidate", message=str(error))).message)
    assert "$B_KEY" in str(error)
    for message in said:
        assert "_KEY" not in message
        assert "b: the gateway has no key for its provider; c: the gateway has no key" in message
        assert message.endswith("d: too dear")


def test_retry_after_is_passed_on() -> None:
    """In whole seconds and in milliseconds."""
    headers = CHAT.write_error(RateLimited("wait", retry_after_s=1.2)).headers
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("2", "1200")
    assert "retry-after" not in CHAT.write_error(RateLimited("wait")).headers


@pytest.mark.parametrize(("held", "said"), [(0.0, "false"), (0.9, None)])
def test_a_budget_that_is_spent_is_not_asked_again(held: float, said: str | None) -> None:
    """SDKs ask again after a 429: not where the money is spent, but where others only hold it."""
    spent = 0.9 - held
    error = BudgetExceeded("all", need_usd=0.2, spent_usd=spent, held_usd=held, limit_usd=1.0)
    assert CHAT.write_error(error).headers.get("x-should-retry") == said
