"""Bodies: what was asked and answered, kept beside a request's row where its route says so.

Credentials are taken out always, personal data where the route wants it. What is kept stays in this ledger, with the
privacy label that its request had.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import time
import zlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from assay.config.schema import Config, Keep
from assay.inference.deployment import LiveDeployment
from assay.inference.route import LiveRoute
from assay.inference.trace import Record, Trace
from assay.ledger.exchanges import Exchanges
from assay.ledger.rows import ExchangeRow
from assay.ledger.store import Ledger
from assay.types import Form, JsonObject, Label, Part, Reasoning, Request, Response, Text, text_of

if TYPE_CHECKING:
    from assay.privacy.redaction import Redaction, Redactor

__all__ = ["Bodies", "Keeper", "Kept", "Rule", "answered", "keeping", "read"]

log = logging.getLogger("assay.bodies")

_AT_ONCE_BYTES = 16 * 1024
"""Longer bodies are redacted in a thread, so that other requests need not wait."""
_TIDY_S = 3600.0
_DIGEST, _TOO_LARGE = b"sha256:", b"too-large:"
_SETTINGS = frozenset({"model", "form", "kind", "label", "sampling", "dimensions", "parallel_tool_calls", "deadline_s"})
"""The fields of a request that hold nothing of what somebody said; all others are redacted."""
_KEPT_FORMS = ("chat", "completion")
_DAY_S = 86_400.0


class Rule(NamedTuple):
    """What is kept of the requests to one target."""

    keep: Keep
    personal: bool


class Beside(NamedTuple):
    """An answer that was asked for beside the client's, as JSON of its parts, and words on the two, as kept."""

    answer: str | None
    words: str


class Kept(NamedTuple):
    """A request and its answer as they were kept."""

    request: Request
    answer: tuple[Part, ...]


class Bodies:
    """What the ledger keeps of requests and answers.

    Args:
        ledger: where.
        config: which routes want it, how much and for how long.
        targets: what can be called; the keys of deployments are taken out wherever they stand.
    """

    def __init__(
        self, ledger: Ledger, config: Config, targets: Mapping[str, LiveDeployment | LiveRoute] | None = None
    ) -> None:
        self._exchanges = Exchanges(ledger)
        self._config = config
        self._secrets = {*config.bodies.canaries, *map(_value, _variables(config, targets or {}))}
        self._redactors: dict[bool, Redactor] = {}
        self._keepers: dict[str, Keeper | None] = {}
        self._tidied_s = float("-inf")
        self._tidying: asyncio.Task[None] | None = None

    def rule(self, target: str) -> Rule:
        """What is kept of the requests to a route or deployment."""
        serve, route = self._config.serve, self._config.routes.get(target)
        keep = route.bodies if route is not None else None
        personal = route.redact_personal_data if route is not None else None
        return Rule(
            keep if keep is not None else serve.bodies,
            personal if personal is not None else serve.redact_personal_data,
        )

    def other(self, target: str, request: Request, own: tuple[Part, ...], other: tuple[Part, ...], why: str) -> Beside:
        """What may be kept of an answer that was asked for beside that to a request, and of words on the two.

        The answer and the words are redacted after the request and its answer, as one: equal things get the
        placeholders that they have in the exchange.
        """
        rule = self.rule(target)
        asked, said, also = (msgspec.json.encode(one) for one in (_plain(request), own, _without_reasoning(other)))
        if rule.keep != "full" or max(len(asked), len(said), len(also)) > self._config.bodies.max_bytes:
            return Beside(None, "")
        redaction = self.redactor(target).begin()
        _redacted(asked, redaction)
        redaction.value(msgspec.json.decode(said))
        answer = msgspec.json.encode(redaction.value(msgspec.json.decode(also))).decode()
        return Beside(answer if other else None, redaction.text(why))

    def redactor(self, target: str) -> Redactor:
        """What takes out of texts on a target's requests that which must not be kept."""
        return self.redactor_for(personal=self.rule(target).personal)

    def redactor_for(self, *, personal: bool) -> Redactor:
        """What takes out credentials and what is known to be secret, and personal data where that is wanted."""
        known = self._redactors.get(personal)
        if known is None:
            from assay.privacy.redaction import Redactor  # what it looks for takes a while to compile

            known = self._redactors[personal] = Redactor(personal=personal, secrets=self._secrets)
        return known

    def keeper(self, target: str, form: Form = "chat") -> Keeper | None:
        """What keeps the requests to a target; None = nothing is kept of them, or of this form."""
        if form not in _KEPT_FORMS:
            return None
        if target not in self._keepers:
            rule, keeps = self.rule(target), None
            if rule.keep != "off":
                keeps = Keeper(self._exchanges, rule.keep, self.redactor(target), self._config.bodies.max_bytes)
            self._keepers[target] = keeps
        keeper = self._keepers[target]
        if keeper is not None and time.monotonic() - self._tidied_s > _TIDY_S and self._tidying is None:
            self._tidying = asyncio.create_task(self._tidy_aside())
        return keeper

    async def tidy(self) -> int:
        """Delete what is older than `bodies.keep_days`; returns how many exchanges went."""
        self._tidied_s = time.monotonic()
        return await self._exchanges.forget(time.time() - self._config.bodies.keep_days * _DAY_S)

    async def _tidy_aside(self) -> None:
        try:
            await self.tidy()
        except Exception:  # an answer must not fail for it; it is tried again in an hour
            log.exception("old bodies could not be deleted")
        finally:
            self._tidying = None


class Keeper:
    """Keeps the requests to one target.

    Args:
        exchanges: where.
        keep: a digest of the request, or all.
        redactor: what is taken out.
        max_bytes: longest request, and longest answer, as JSON.
    """

    def __init__(self, exchanges: Exchanges, keep: Keep, redactor: Redactor, max_bytes: int) -> None:
        self._exchanges = exchanges
        self._keep = keep
        self._redactor = redactor
        self._max_bytes = max_bytes

    def keep(self, request: Request, label: Label, trace: Trace) -> asyncio.Future[None]:
        """Keep a request that was answered, and the answer; it is durable when the future is done."""
        asked = msgspec.json.encode(_plain(request))
        said = msgspec.json.encode(answered(trace.answering))
        if len(asked) + len(said) > _AT_ONCE_BYTES and max(len(asked), len(said)) <= self._max_bytes:
            return asyncio.ensure_future(self._keep_aside(asked, said, request, label, trace))
        return self._exchanges.add(self._row(asked, said, request, label, trace))

    async def _keep_aside(self, asked: bytes, answered: bytes, request: Request, label: Label, trace: Trace) -> None:
        await self._exchanges.add(await asyncio.to_thread(self._row, asked, answered, request, label, trace))

    def _row(self, asked: bytes, answered: bytes, request: Request, label: Label, trace: Trace) -> ExchangeRow:
        redaction, answer = self._redactor.begin(), ""
        if max(len(asked), len(answered)) > self._max_bytes:
            body = _TOO_LARGE + str(len(asked) + len(answered)).encode()
        else:
            plain = _redacted(asked, redaction)
            if self._keep == "hashed":
                body = _DIGEST + digest(plain).encode()
            else:
                body = zlib.compress(msgspec.json.encode(plain), 1)
                answer = msgspec.json.encode(redaction.value(msgspec.json.decode(answered))).decode()
        return ExchangeRow(
            request_id=trace.request_id,
            created_at=trace.started_at,
            target=trace.target,
            kind=request.kind,
            label=label.value,
            deployment=trace.answering.deployment if trace.answering is not None else None,
            redacted=redaction.taken.total(),
            request=body,
            answer=answer,
        )


def keeping(row: ExchangeRow) -> Keep | None:
    """How an exchange was kept; None = not at all, for it was too large."""
    if row.request.startswith(_TOO_LARGE):
        return None
    return "hashed" if row.request.startswith(_DIGEST) else "full"


def read(row: ExchangeRow) -> Kept | None:
    """What an exchange holds; None where it was not kept whole, or by a version that this one cannot read."""
    if keeping(row) != "full":
        return None
    try:
        request = msgspec.json.decode(zlib.decompress(row.request), type=Request)
        return Kept(request, msgspec.json.decode(row.answer, type=tuple[Part, ...]))
    except (zlib.error, msgspec.DecodeError):
        return None


def digest(asked: JsonObject) -> str:
    """sha256 (hex) of what was said in a request: equal for equal words, tools and settings of the conversation."""
    said = {name: asked[name] for name in ("messages", "prompt", "tools") if name in asked}
    return hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()


def _plain(request: Request) -> Request:
    """Without raw bytes, what only one wire format knows, and the reasoning of models."""
    messages = tuple(
        msgspec.structs.replace(message, parts=_without_reasoning(message.parts)) for message in request.messages
    )
    return msgspec.structs.replace(request, messages=messages, native=None, extra={})


def answered(record: Record | None) -> tuple[Part, ...]:
    """The whole answer that the client had; of one that was continued, its beginning in front."""
    response = record.response if record is not None else None
    parts = _without_reasoning((response or Response()).parts)
    begun = record.continues.so_far if record is not None and record.continues is not None else None
    if begun is None:
        return parts
    rest = text_of(parts)
    return (Text(text=begun.text + (rest if begun.text == begun.text.rstrip() else rest.lstrip())),)


def _without_reasoning(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    return tuple(part for part in parts if not isinstance(part, Reasoning))


def _redacted(asked: bytes, redaction: Redaction) -> JsonObject:
    plain = msgspec.json.decode(asked, type=JsonObject)
    said: JsonObject = redaction.value({name: value for name, value in plain.items() if name not in _SETTINGS})
    return plain | said


def _variables(config: Config, targets: Mapping[str, LiveDeployment | LiveRoute]) -> Iterator[str]:
    """The variables that hold keys: those that the configuration names, and those that hosts have."""
    live = (target.config for target in targets.values() if isinstance(target, LiveDeployment))
    deployments = (*config.deployments.values(), *live)
    named = (config.serve.api_key_env, *(deployment.api_key_env for deployment in deployments))
    yield from (name for name in named if name is not None)
    yield from config.bodies.secrets_env


def _value(variable: str) -> str:
    return os.environ.get(variable, "").strip()
