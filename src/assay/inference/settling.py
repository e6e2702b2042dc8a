"""What settlements of all sorts are made of."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypedDict

import msgspec

from assay import errors
from assay.errors import ProviderError, ProviderFault, Refused
from assay.types import Failed, Usage

if TYPE_CHECKING:
    from assay.privacy.redaction import Redactor

__all__ = ["Tokens", "error_of", "tokens_of", "words_of"]

_MOST_CHARS = 2000
"""Of an error's words that are kept."""


class Tokens(TypedDict, total=False):
    """Counts as an attempt's row has them."""

    input_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None


def tokens_of(usage: Usage | None) -> Tokens:
    """The columns of an attempt that hold its tokens."""
    if usage is None:
        return {}
    return {
        "input_tokens": usage.input,
        "cached_tokens": usage.cached,
        "cache_write_tokens": usage.cache_write,
        "output_tokens": usage.output,
        "reasoning_tokens": usage.reasoning,
    }


def error_of(event: Failed) -> ProviderError:
    """The error that a `Failed` event names."""
    kind = getattr(errors, event.error, ProviderFault)
    if not (isinstance(kind, type) and issubclass(kind, ProviderError)):
        kind = ProviderFault
    return kind(event.message, body=msgspec.json.encode(event.native) if event.native else None)


def words_of(error: BaseException) -> str:
    """What is kept of an error's words. Hosts repeat what they were sent, so that credentials in it are taken out."""
    words = str(error)[:_MOST_CHARS]
    return _redactor().begin().text(words) if isinstance(error, ProviderError | Refused) else words


@cache
def _redactor() -> Redactor:
    from assay.privacy.redaction import Redactor  # what it looks for takes a while to compile

    return Redactor(personal=False)
