"""What the target of a request line names."""

from __future__ import annotations

import pytest

from assay.gateway.resource import Resource


@pytest.mark.parametrize(
    ("target", "path", "query", "asked"),
    [
        (b"/chat/completions", "/chat/completions", b"", "/chat/completions"),
        (b"/v1/chat/completions", "/chat/completions", b"", "/v1/chat/completions"),
        (b"/v1/v1/chat/completions/", "/chat/completions", b"", "/v1/v1/chat/completions"),
        (b"/v1/v1/v1/models", "/v1/models", b"", "/v1/v1/v1/models"),
        (b"/", "/", b"", "/"),
        (b"///", "/", b"", "/"),
        (b"/v1", "/v1", b"", "/v1"),
        (b"/v1/models/a%2Fb?x=1&y=%20", "/models/a/b", b"x=1&y=%20", "/v1/models/a/b"),
        (b"http://else.where:80/v1/models?q", "/models", b"q", "/v1/models"),
        (b"/v1/models?" + b"long=" * 100, "/models", b"long=" * 100, "/v1/models"),
    ],
)
def test_prefixes_and_escapes_are_undone(target: bytes, path: str, query: bytes, asked: str) -> None:
    """Once, twice or never `/v1`, slashes at the end, escapes; what was asked stays known; again the same."""
    assert Resource.of(target) == Resource.of(target) == Resource(path, query, asked)


@pytest.mark.parametrize("target", [b"no path", b"/\xff", b"", b"/\xff" + b"x" * 300])
def test_what_is_no_target_is_an_error(target: bytes) -> None:
    """Each time, short or long: nothing is remembered of it."""
    for _ in range(2):
        with pytest.raises(Exception):  # noqa: B017 - of the parser; the connection tells it as 400
            Resource.of(target)
