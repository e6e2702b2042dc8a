"""The error tree. A message says what failed, the value, and what to do.

    AssayError
    ├── ConfigError                 assay.toml, a prompt file or a flag is wrong
    ├── PluginError                 an entry point is missing, broken or registered twice
    ├── CatalogError                an unknown model, or a fact that is needed and not known
    ├── WeightsError                a weights file is missing, corrupt or not the pinned one
    │   └── PullError               a download failed, was cut, has no room or another digest
    ├── ConstraintError             a hard limit leaves nothing that may be called
    │   ├── NoCandidate             every candidate was removed; names each with its reason
    │   ├── PrivacyViolation        the last check before the send: private data, non-private deployment
    │   ├── BudgetExceeded          the reservation does not fit into what is left of a budget
    │   └── RateExceeded            a key asks more often than it may; carries retry_after_s
    ├── BatchWaiting                the answer comes with a batch that its host has not finished
    ├── RequestError                the request itself cannot be understood (a client's fault)
    ├── Refused                     a policy ended with Refuse
    ├── ProviderError               one attempt at one deployment failed
    │   ├── ConnectionFailed        refused, reset, name not found, TLS
    │   ├── RateLimited             429; carries retry_after_s
    │   ├── Overloaded              503, 529: the host has no capacity now
    │   ├── ProviderFault           any other 5xx, or an error event inside a stream
    │   ├── Timeout                 the deadline or an idle limit cut the attempt
    │   ├── AuthFailed              401, 403, or no key in the environment
    │   ├── BadRequest              400, 404, 422: sending it again will not help
    │   │   └── ContextTooLong      the prompt does not fit into the model's context
    │   ├── ContentFiltered         the host refused to answer this content
    │   ├── MalformedReply          the answer cannot be read, or the stream was cut
    │   ├── EngineCrashed           the local engine's process died
    │   └── NoMemory                a local engine does not fit into the memory, or did not in time
    ├── LedgerError                 the ledger cannot be opened, migrated or written
    ├── EvalError                   a suite, sample or run cannot be used
    │   └── SuiteError              names file and line
    ├── DecisionError               no evidence, no pin, or a pin that cannot be read
    ├── SandboxError                the sandbox refused or cut what ran in it
    │   └── SandboxUnavailable      this machine has no walls to run model-written code behind
    ├── ReportError                 a report cannot be written, or the libraries for its page are missing
    └── ServerError                 the gateway cannot listen on its address

Only classes of this tree are raised on purpose; each says below when it occurs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from assay.numerals import digits, told_usd


class AssayError(Exception):
    """Root of all errors that assay raises on purpose. `exit_code` is what the command line ends with."""

    exit_code = 3


class ConfigError(AssayError):
    """A configuration file, prompt file or flag is wrong; the message names the key and the nearest known one."""

    exit_code = 2


class PluginError(AssayError):
    """An entry point is missing, cannot be imported or is registered twice."""

    exit_code = 2


class CatalogError(AssayError):
    """The catalogue has no such model, or does not know the fact that was asked for."""

    exit_code = 2


class WeightsError(AssayError):
    """A weights file is missing, truncated, corrupt, or its digest is not the pinned one."""


class PullError(WeightsError):
    """A download failed, was cut, has no room, or is not what its digest says; nothing half-written is left in use."""


class ConstraintError(AssayError):
    """A hard limit leaves nothing that may be called."""

    exit_code = 1


class NoCandidate(ConstraintError):
    """Every candidate of a route, or the one deployment that was called by its name, was removed by a constraint.

    Attributes:
        removed: `(candidate name, reason)` for each candidate, in the route's order.
        unable: it is the request that no candidate can handle (an image, tools), whatever is allowed.
        keyless: nothing is wrong but that no candidate has its provider's key.
    """

    def __init__(
        self, route: str, removed: tuple[tuple[str, str], ...], *, unable: bool = False, keyless: bool = False
    ) -> None:
        if [name for name, _ in removed] == [route]:
            said = f"deployment {route!r} cannot serve this request: {removed[0][1]}"
        else:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in removed) or "it has no candidates"
            said = f"no candidate of route {route!r} may serve this request: {reasons}"
        super().__init__(said)
        self.route = route
        self.removed = removed
        self.unable = unable
        self.keyless = keyless


class PrivacyViolation(ConstraintError):
    """Raised at the moment of sending when a private-only request meets a deployment that is not private."""


class BudgetExceeded(ConstraintError):
    """The reservation does not fit into what is left of a budget.

    Attributes:
        scope: of the budget: `everything`, `key:ID`, `team:NAME`, `route:NAME`, `run:ID`.
        period: `2026-11-27`, `2026-11`; empty for all time.
        spent_usd, held_usd, limit_usd: state of the budget when the reservation was refused.
    """

    def __init__(
        self, scope: str, *, need_usd: float, spent_usd: float, held_usd: float, limit_usd: float, period: str = "",
        advice: str = "",
    ) -> None:  # fmt: skip
        whose = "budget of this key" if scope.startswith("key:") else f"budget {scope!r}"  # ids say nothing to clients
        named = whose + (f" of {period}" if period else "")
        super().__init__(
            f"{named}: a bound of {told_usd(need_usd)} does not fit: "
            f"{digits(spent_usd)} spent + {digits(held_usd)} held of {told_usd(limit_usd)}"
            + (f"; {advice}" if advice else "")
        )
        self.scope = scope
        self.period = period
        self.need_usd = need_usd
        self.spent_usd = spent_usd
        self.held_usd = held_usd
        self.limit_usd = limit_usd

    @property
    def is_final(self) -> bool:
        """Whether it would not fit either if nothing was held: to ask again in this period is in vain."""
        return self.spent_usd + self.need_usd > self.limit_usd


class RateExceeded(ConstraintError):
    """A key's requests or tokens of a minute are used up.

    Attributes:
        retry_after_s: seconds until the same request fits, if nobody else asks with this key.
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class BatchWaiting(AssayError):
    """There is no answer yet: it comes with a batch. The same request finds it once the batch has been fetched.

    Attributes:
        batch_id: ours.
    """

    exit_code = 4

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"the answer comes with batch {batch_id[:12]}; `assay batch list` says how it stands")
        self.batch_id = batch_id


class RequestError(AssayError):
    """A client's request cannot be understood. `field` names the offending field where there is one."""

    exit_code = 2

    def __init__(self, message: str, *, field: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.field = field
        self.status = status


class Refused(AssayError):
    """A policy ended with Refuse; the message is its reason."""

    exit_code = 1


class ProviderError(AssayError):
    """One attempt at one deployment failed.

    Attributes:
        deployment: name of the deployment, filled in by the spine.
        status: HTTP status, if there was an answer.
        code: the provider's own error code or type, verbatim.
        retry_after_s: seconds the provider asks to wait, if it said so.
        request_id: the provider's id of the request, for their support.
        retryable: whether the same call may succeed a little later.
        body: the provider's error body, verbatim (bounded), so that a client can be shown it.
        resting: nothing was sent, for the deployment is left alone at the moment (its breaker).
    """

    retryable = False
    resting = False

    def __init__(
        self,
        message: str,
        *,
        deployment: str | None = None,
        status: int | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
        request_id: str | None = None,
        body: bytes | None = None,
    ) -> None:
        super().__init__(message)
        self.deployment = deployment
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s
        self.request_id = request_id
        self.body = body

    def __str__(self) -> str:
        text = super().__str__()
        return f"{self.deployment}: {text}" if self.deployment else text


class ConnectionFailed(ProviderError):
    """No connection, or it broke: refused, reset, name not found, TLS failure."""

    retryable = True


class RateLimited(ProviderError):
    """429: too many requests or tokens for now."""

    retryable = True


class Overloaded(ProviderError):
    """503 or 529: the host has no capacity right now."""

    retryable = True


class ProviderFault(ProviderError):
    """Another 5xx, or an error event inside a stream that began with 200."""

    retryable = True


class Timeout(ProviderError):
    """The deadline, or a limit on silence, cut the attempt.

    Attributes:
        of_deadline: it was the request's own deadline, which says nothing of the host.
    """

    of_deadline = False


class AuthFailed(ProviderError):
    """401 or 403, or the environment variable that should hold the key is empty."""


class BadRequest(ProviderError):
    """The provider does not accept the request, or cannot be told what it says; sending it again will not help.

    Attributes:
        field: path of the field of the request that is the trouble, where that is known.
    """

    def __init__(self, message: str, *, field: str | None = None, **more: Any) -> None:
        super().__init__(message, **more)
        self.field = field


class ContextTooLong(BadRequest):
    """The prompt (plus the answer's room) does not fit into the model's context."""


class ContentFiltered(ProviderError):
    """The host refused this content."""


class MalformedReply(ProviderError):
    """The answer cannot be read, or a stream ended before its end marker."""

    retryable = True


class EngineCrashed(ProviderError):
    """The local engine's process died; requests in flight end with this and the engine is restarted."""

    retryable = True


class NoMemory(ProviderError):
    """A local engine is too large for the memory that engines may hold, or no room was made for it in time."""


class LedgerError(AssayError):
    """The ledger cannot be opened, migrated, or written."""


class EvalError(AssayError):
    """A run cannot be started or continued."""


class SuiteError(EvalError):
    """A suite cannot be used; the message names the file and the line."""

    exit_code = 2


class DecisionError(AssayError):
    """There is no evidence for what was asked, or a pin is missing or unreadable."""

    exit_code = 4


class SandboxError(AssayError):
    """The sandbox refused the work or cut it off."""


class SandboxUnavailable(SandboxError):
    """This machine has none of the walls that model-written code may run behind; the message says what to install."""


class ReportError(AssayError):
    """A report cannot be written to its file, or the libraries that its page needs are not installed."""


class ServerError(AssayError):
    """The gateway cannot listen on its address."""


_MANY = 24
"""Known names beyond which a message does not list them."""


def did_you_mean(value: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest known; if none is near, all, or of many the nearest."""
    import difflib

    names = sorted(known)
    near = difflib.get_close_matches(value, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    if len(names) > _MANY:
        near = difflib.get_close_matches(value, names, n=3, cutoff=0.0)
        return f"nearest of {len(names)} known: {', '.join(near)}"
    return f"known: {', '.join(names)}" if names else "none is known"
