"""A limit of the answer's length, put into a client's raw bytes where they name none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from assay.dialects.splice import put_member
from assay.types import Native, Request

__all__ = ["put_limit", "says_limit", "takes_limit"]

_FIELDS = {
    "openai": "max_tokens", "completions": "max_tokens", "anthropic": "max_tokens",
    "openai-responses": "max_output_tokens",
}  # fmt: skip
_FORMS = ("chat", "completion")


def says_limit(request: Request) -> bool:
    """Whether the length of its answer is limited, or it has none."""
    return request.form not in _FORMS or request.sampling.max_tokens is not None


def takes_limit(quirks: Mapping[str, Any]) -> bool:
    """Whether a host is told of such limits at all."""
    if not quirks:
        return True
    verdict = (quirks.get("capabilities") or {}).get("max_tokens")
    return verdict != "reject" and "max_tokens" not in (quirks.get("ignore") or ())


def put_limit(native: Native, tokens: int, quirks: Mapping[str, Any]) -> Native | None:
    """The bytes with a limit in the field that the host knows; None = their format has no such field.

    Args:
        native: what the client sent; it names no limit.
        tokens: of the answer at most.
        quirks: of the host: `max_tokens_field` holds for chat completions.
    """
    field = _FIELDS.get(native.dialect)
    if native.dialect == "openai":
        field = quirks.get("max_tokens_field", field)
    if field is None:
        return None
    return msgspec.structs.replace(native, raw=put_member(native.raw, field, str(tokens).encode()))
