"""One HTTP request of a client, as the gateway sees it from its head to its end."""

from __future__ import annotations

import time
from typing import Literal
from urllib.parse import parse_qs

import msgspec

from assay.access.key import ANYBODY, Key, Terms
from assay.access.rates import Ticket
from assay.dialects.dialect import Inbound
from assay.errors import ConstraintError, ProviderError, Refused, RequestError
from assay.gateway.cycle import Cycle, Disconnected
from assay.gateway.heads import Head
from assay.inference.trace import Trace
from assay.ledger.budgets import Account

Outcome = Literal["answered", "rejected", "refused", "failed", "cancelled", "broken"]
"""A whole answer; the request is wrong or not admitted; a policy or a hard constraint said no; no provider answered,
or the answer broke off; the client left; a mistake of ours."""


class WrongMethod(RequestError):
    """The path takes another method."""

    def __init__(self, visit: Visit, allowed: tuple[str, ...]) -> None:
        super().__init__(
            f"{visit.head.resource.asked} takes {' or '.join(allowed)}, not {visit.head.method}", status=405
        )
        self.allowed = allowed


class Visit(msgspec.Struct, eq=False):
    """One request and what became of it.

    Attributes:
        cycle: through which it is answered.
        head: of the request.
        key: whose it is; known once it is let in.
        ticket: how the rates of that key stand, where it has any.
        trace: of its way through the spine; its `request_id` is told to the client.
        dialect: the format of the path; None for pages.
        target: the name that was called, where there is such a target.
    """

    cycle: Cycle
    head: Head
    key: Key = ANYBODY
    ticket: Ticket | None = None
    trace: Trace = msgspec.field(default_factory=Trace)
    dialect: Inbound | None = None
    target: str | None = None
    outcome: Outcome = "answered"

    def header(self, name: str) -> str | None:
        """A header's value; None = there is none, or an empty one."""
        value = self.head.headers.get(name.encode())
        return value.decode("latin-1").strip() or None if value is not None else None

    def parameter(self, name: str) -> str | None:
        """A parameter of the query."""
        values = parse_qs(self.head.resource.query.decode("latin-1")).get(name)
        return values[-1] if values else None

    def require(self, *allowed: str) -> None:
        """Make sure of the method.

        Raises:
            WrongMethod: it is another one.
        """
        if self.head.method not in allowed:
            raise WrongMethod(self, allowed)

    @property
    def account(self) -> Account:
        """For whom it is made."""
        return self.key.account

    @property
    def terms(self) -> Terms:
        """What its key allows."""
        return self.key.terms

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self.trace.started

    @property
    def first_s(self) -> float | None:
        """How long it took until its answer began."""
        begun_at = self.cycle.begun_at
        return begun_at - self.trace.started if begun_at is not None else None

    def failed(self, error: BaseException) -> None:
        """Note what it ended with."""
        if isinstance(error, Disconnected):
            self.outcome = "cancelled"
        elif isinstance(error, RequestError):
            self.outcome = "rejected"
        elif isinstance(error, ConstraintError | Refused):
            self.outcome = "refused"
        else:
            self.outcome = "failed" if isinstance(error, ProviderError) else "broken"

    def __str__(self) -> str:
        """One line for the log: names, figures and the outcome, nothing of what was said."""
        trace, usd, first_s = self.trace, self.trace.cost[0], self.first_s
        told = {
            "request": trace.request_id,
            "method": self.head.method,
            "path": self.head.resource.path if self.dialect is not None else None,
            "dialect": self.dialect.name if self.dialect is not None else None,
            "key": self.key.account.key_id,
            "target": self.target,
            "deployment": trace.answering.deployment if trace.answering is not None else None,
            "outcome": self.outcome,
            "status": self.cycle.status,
            "attempts": trace.attempts,
            "tried": f'"{trace.tried}"' if trace.records else None,
            "first_s": f"{first_s:.4f}" if first_s is not None else None,
            "total_s": f"{self.seconds:.4f}",
            "cost_usd": f"{usd:.8f}" if usd is not None else "unknown",
        }
        return " ".join(f"{name}={value}" for name, value in told.items() if value is not None)
