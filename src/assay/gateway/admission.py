"""Who may come in, and for what: clients that show a key, where any is set; else no web page of another site."""

from __future__ import annotations

import hmac
import ipaddress
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import msgspec

from assay.access.key import ANYBODY, Key
from assay.access.keyring import Keyring
from assay.access.rates import WINDOW_S, Rates, Ticket
from assay.config.budget import Limit
from assay.config.schema import Serve
from assay.errors import AssayError, ConfigError, RateExceeded, RequestError
from assay.gateway.tokens import Targets, most_tokens, taken_tokens
from assay.ledger.keys import KeyReader
from assay.ledger.rows import RequestRow
from assay.numerals import plural
from assay.types import Label, Request

if TYPE_CHECKING:
    from assay.gateway.visit import Visit

OPEN_PATHS = frozenset({"/", "/healthz", "/readyz", "/docs", "/openapi.json"})
"""What needs no key: it shows nothing of what was said or spent."""
_MOST_KNOWN = 10_000
"""Ways in which the same few keys may be written before they are all forgotten."""
_LONGEST_NAME = 200
"""Of a target that is kept where nobody knows yet whether there is one."""


class Virtual(NamedTuple):
    """The virtual keys, and how often each may ask."""

    keyring: Keyring
    rates: Rates

    @classmethod
    def opened(cls, ledger: Path, limits: Mapping[str, Limit]) -> Virtual:
        """Those of a ledger's file. The rates are counted in a file beside it, by all processes together.

        Args:
            ledger: the file.
            limits: `[budgets]` of the configuration.

        Raises:
            LedgerError: the keys cannot be read.
        """
        rates = Rates(ledger.with_name(f"{ledger.name}-rates"))
        return cls(Keyring(KeyReader(ledger), limits), rates)

    def close(self) -> None:
        """Let go of both files."""
        self.keyring.close()
        self.rates.close()


class Admission:
    """The rule by which requests are let in.

    Args:
        serve: `api_key_env`, `allow_no_key` and the address.
        virtual: the keys of the ledger; None = there are none.
        targets: what can be called, by name.

    Raises:
        ConfigError: the key's variable is empty; or other machines could come in without a key.
    """

    def __init__(self, serve: Serve, virtual: Virtual | None = None, targets: Targets | None = None) -> None:
        self._operator = _key_of(serve)
        self._keyring = virtual.keyring if virtual is not None else None
        self._rates = virtual.rates if virtual is not None else None
        self._targets = targets if targets is not None else {}
        # By the field's value as it came, so that a look costs no hash of the key.
        self._bearers: dict[bytes | None, Key] = {}
        self._bare: dict[bytes | None, Key] = {}
        self._version = -1
        if not self.asks_key and not serve.allow_no_key and not is_loopback(serve.host):
            raise ConfigError(
                f"serve.host = {serve.host!r} is reached by other machines, and no key is asked for: make one with "
                "`assay keys add`, name a variable that holds one in serve.api_key_env, or say "
                "serve.allow_no_key = true"
            )

    @property
    def asks_key(self) -> bool:
        """Whether clients must show a key."""
        return self._operator is not None or (self._keyring is not None and self._keyring.asks_key)

    def check(self, visit: Visit) -> None:
        """Let a request in, and note whose it is (`Visit.key`).

        Raises:
            RequestError: it shows no key, or one that does not hold (401), or is a web page's (403).
        """
        keyring = self._keyring
        if keyring is not None and keyring.version != self._version:
            self._version = keyring.version
            self._bearers.clear()
            self._bare.clear()
        headers = visit.head.headers
        # Of two fields the first counts, as in `_recognise`: whose a request is must not hang on who came before.
        authorization = headers.get(b"authorization")
        key = self._bearers.get(authorization) if authorization else self._bare.get(headers.get(b"x-api-key"))
        if key is not None and (key.expires_at is None or time.time() < key.expires_at):
            visit.key = key
        elif self.asks_key:
            self._recognise(visit)
        else:
            _refuse_pages(visit)

    def admit(self, visit: Visit, request: Request) -> Request:
        """Let a call go to its target, and count it (`Visit.ticket`); the request as its key's terms have it.

        Who may do anything needs none of this.

        Raises:
            RequestError: the key may not call that (403).
            RateExceeded: it has called too often, or for too many tokens, within a minute.
        """
        key = visit.key
        terms = key.terms
        if not terms.allows(request.model):
            names = ", ".join(terms.routes or ()) or "nothing"
            raise RequestError(
                f"model: this key may not call {request.model!r}; it may call: {names}", field="model", status=403
            )
        if terms.kind is not None and request.kind is None:
            request = msgspec.structs.replace(request, kind=terms.kind)
        if terms.label is not None:  # the strictest there is
            request = msgspec.structs.replace(request, label=Label(terms.label))
        if self._rates is not None and terms.is_rated:
            self._count(self._rates, visit, request)
        return request

    def settle(self, visit: Visit, ticket: Ticket) -> None:
        """Count what a call has taken in place of its bound."""
        if self._rates is not None and ticket.admitted and ticket.tokens_rate is not None:
            self._rates.correct(ticket, taken_tokens(visit.trace, ticket.tokens))

    def _count(self, rates: Rates, visit: Visit, request: Request) -> None:
        terms = visit.key.terms
        tokens = 0 if terms.tokens_per_minute is None else most_tokens(request, self._targets)
        ticket = rates.take(visit.key.cell, terms.requests_per_minute, terms.tokens_per_minute, tokens)
        visit.ticket = ticket
        if not ticket.admitted:
            # SDKs that are told to wait for longer than a minute ask again at once.
            raise RateExceeded(_exceeded(ticket, tokens), retry_after_s=min(ticket.wait_s, WINDOW_S))

    def _recognise(self, visit: Visit) -> None:
        """Look at what is shown, whichever field it stands in."""
        shown = self._shown(visit)
        found = [(known, value, key) for known, value, secret in shown if (key := self._find(secret)) is not None]
        now = time.time()
        for known, value, key in found:
            if key.state(now) == "active":
                visit.key = key
                _remember(known, value, key)
                return
        if visit.head.resource.path in OPEN_PATHS:
            return
        if found:
            raise RequestError(_over(found[0][2], now), status=401)
        raise RequestError(
            "a valid key is needed: authorization: Bearer KEY, or x-api-key: KEY", status=401
        )  # never what was shown: it may be another service's key

    def _find(self, secret: str) -> Key | None:
        if self._operator is not None and hmac.compare_digest(secret.encode("latin-1"), self._operator):
            return _OPERATOR
        return self._keyring.find(secret) if self._keyring is not None else None

    def _shown(self, visit: Visit) -> list[tuple[dict[bytes | None, Key], bytes, str]]:
        """What may be a key, each with the field's value that it stands in, and where that is remembered."""
        headers = visit.head.headers
        authorization, x_api_key = headers.get(b"authorization"), headers.get(b"x-api-key")
        shown: list[tuple[dict[bytes | None, Key], bytes, str]] = []
        if authorization:
            scheme, _, token = authorization.decode("latin-1").strip().partition(" ")
            if scheme.lower() == "bearer" and token.strip():
                shown.append((self._bearers, authorization, token.strip()))
        if x_api_key and (token := x_api_key.decode("latin-1").strip()):
            shown.append((self._bare, x_api_key, token))
        return shown


_OPERATOR = ANYBODY._replace(name="operator")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _key_of(serve: Serve) -> bytes | None:
    if serve.api_key_env is None:
        return None
    key = os.environ.get(serve.api_key_env, "").strip()
    if not key:
        raise ConfigError(f"serve.api_key_env: the variable {serve.api_key_env} is empty; put the clients' key into it")
    return key.encode()


def _remember(known: dict[bytes | None, Key], value: bytes, key: Key) -> None:
    if len(known) >= _MOST_KNOWN:
        known.clear()
    known[value] = key


def _over(key: Key, now: float) -> str:
    """Why a key does not hold any more. Who shows it has had it, and may know."""
    if key.state(now) == "revoked":
        return f"this key was revoked at {_moment(key.revoked_at)}; ask its operator for another one"
    return f"this key expired at {_moment(key.expires_at)}; ask its operator for another one"


def _moment(at: float | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))


def _exceeded(ticket: Ticket, tokens: int) -> str:
    """Which rate does not fit, and when it will."""
    what = []
    if (rate := ticket.requests_rate) is not None and rate.wait_s:
        what.append(f"{plural(rate.limit, 'request')} per minute")
    if (rate := ticket.tokens_rate) is not None and rate.wait_s:
        what.append(f"{rate.limit} tokens per minute ({rate.left} are left, this request may take {tokens})")
    return f"this key has a limit of {' and '.join(what)}; try again in {ticket.wait_s:.1f} s"


def refused_row(visit: Visit, request: Request, error: AssayError) -> RequestRow:
    """What the ledger keeps of a call that was not let in."""
    return RequestRow(
        id=visit.trace.request_id,
        target=request.model[:_LONGEST_NAME],
        kind=request.kind or visit.terms.kind,
        label=visit.terms.label or request.label.value,
        started_at=visit.trace.started_at,
        total_s=visit.seconds,
        outcome="refused",
        attempts=0,
        cached=False,
        cost_usd=0.0,
        cost_basis="none",
        reason=str(error),
        key_id=visit.account.key_id,
        team=visit.account.team,
    )


def _refuse_pages(visit: Visit) -> None:
    origin = visit.header("origin")
    if origin is not None and not _is_own(origin):
        raise RequestError(
            "origin: web pages may not use a gateway that asks for no key (serve.api_key_env, assay keys)", status=403
        )


def _is_own(origin: str) -> bool:
    """Whether a page of this machine asks: `http://localhost:3000`, say. No name can be made to point here."""
    try:
        return is_loopback(urlsplit(origin).hostname or "")
    except ValueError:
        return False
