"""What a policy is told of an error."""

from __future__ import annotations

from assay.errors import AssayError, ProviderError
from assay.routing.protocol import Failure

__all__ = ["failure", "rests"]


def failure(error: AssayError) -> Failure:
    """The failure of an attempt that ended with this error."""
    retryable = isinstance(error, ProviderError) and error.retryable
    if not isinstance(error, ProviderError):
        return Failure(type(error).__name__, str(error), retryable)
    return Failure(
        type(error).__name__,
        str(error),
        retryable,
        error.retry_after_s,
        status=error.status,
        resting=error.resting,
    )


def rests(error: AssayError) -> bool:
    """Whether nothing was sent, for the deployment is left alone at the moment."""
    return isinstance(error, ProviderError) and error.resting
