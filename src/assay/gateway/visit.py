"""One HTTP request of a client, as the gateway sees it from its head to its end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs

from assay.access.key import ANYBODY, Key, Terms
from assay.access.rates import Ticket
from assay.dialects.dialect import Inbound
from assay.errors import ConstraintError, ProviderError, Refused, RequestError
from assay.gateway.cycle import Cycle, Disconnected, Field, written
from assay.inference.trace import Trace
from assay.ledger.budgets import Account

Outcome = Literal["answered", "rejected", "refused", "failed", "cancelled", "broken"]
"""A whole answer; the request is wrong or not admitted; a policy or a hard constraint said no; no provider answered,
or the answer broke off; the client left; a mistake of ours."""


class WrongMethod(RequestError):
    """The path takes another method."""

    def __init__(self, visit: Visit, allowed: tuple[str, ...]) -> None:
        super().__init__(f"{visit.cycle.resource.asked} takes {' or '.join(allowed)}, not {visit.method}", status=405)
        self.allowed = allowed


@dataclass(slots=True)
class Visit:
    """One request and what became of it.

    Attributes:
        cycle: through which it is answered.
        path, query: of the resource (`Resource`).
        headers: by name in lower case; of several with one name, the last.
        key: whose it is; known once it is let in.
        ticket: how the rates of that key stand, where it has any.
        trace: of its way through the spine; its `request_id` is told to the client.
        dialect: the format of the path; None for pages.
        target: the name that was called, where there is such a target.
        status: that was sent; None = nothing was.
        first_s: seconds until the first byte was sent.
        told: headers that its answer has besides.
    """

    cycle: Cycle
    method: str
    path: str
    headers: dict[bytes, bytes]
    query: bytes
    key: Key = ANYBODY
    ticket: Ticket | None = None
    trace: Trace = field(default_factory=Trace)
    dialect: Inbound | None = None
    target: str | None = None
    status: int | None = None
    first_s: float | None = None
    outcome: Outcome = "answered"
    told: tuple[Field, ...] = ()

    @classmethod
    def of(cls, cycle: Cycle) -> Visit:
        """The visit that a request begins."""
        return cls(cycle, cycle.method, cycle.resource.path, cycle.headers, cycle.resource.query)

    def header(self, name: str) -> str | None:
        """A header's value; None = there is none, or an empty one."""
        value = self.headers.get(name.encode())
        return value.decode("latin-1").strip() or None if value is not None else None

    def parameter(self, name: str) -> str | None:
        """A parameter of the query."""
        values = parse_qs(self.query.decode("latin-1")).get(name)
        return values[-1] if values else None

    def require(self, *allowed: str) -> None:
        """Make sure of the method.

        Raises:
            WrongMethod: it is another one.
        """
        if self.method not in allowed:
            raise WrongMethod(self, allowed)

    def begin(self, status: int, lines: bytes) -> None:
        """Send the head of the answer, with lines of header fields (`written`); its body follows."""
        self.status, self.first_s = status, self.seconds
        self.cycle.begin(status, lines + written(self.told) if self.told else lines)

    async def answer(self, status: int, lines: bytes, body: bytes) -> None:
        """Send a whole answer."""
        self.status, self.first_s = status, self.seconds
        await self.cycle.answer(status, lines + written(self.told) if self.told else lines, body)

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

    def failed(self, error: Exception) -> None:
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
        trace, usd = self.trace, self.trace.cost[0]
        told = {
            "request": trace.request_id,
            "method": self.method,
            "path": self.path if self.dialect is not None else None,
            "dialect": self.dialect.name if self.dialect is not None else None,
            "key": self.key.account.key_id,
            "target": self.target,
            "deployment": trace.answering.deployment if trace.answering is not None else None,
            "outcome": self.outcome,
            "status": self.status,
            "attempts": len(trace.records),
            "tried": f'"{trace.tried}"' if trace.records else None,
            "first_s": f"{self.first_s:.4f}" if self.first_s is not None else None,
            "total_s": f"{self.seconds:.4f}",
            "cost_usd": f"{usd:.8f}" if usd is not None else "unknown",
        }
        return " ".join(f"{name}={value}" for name, value in told.items() if value is not None)
