"""The headers of ours that a client may send, and those that it gets back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from assay.dialects.dialect import Inbound
from assay.dialects.fields import HEADERS
from assay.errors import RequestError
from assay.gateway.cycle import written
from assay.gateway.feedback import HEADER as FEEDBACK
from assay.gateway.visit import Visit
from assay.inference.cache import Caching
from assay.inference.trace import Record, Trace
from assay.ledger.names import MOST_CHARS, is_name
from assay.types import Label, Request

KIND = "x-assay-kind"
LABEL = "x-assay-label"
SESSION = "x-assay-session"
DEADLINE = "x-assay-deadline-s"
TAGS = "x-assay-tags"
CACHE = "x-assay-cache"
READ = frozenset(name.encode() for name in (KIND, LABEL, SESSION, DEADLINE, TAGS, CACHE, FEEDBACK, "cache-control"))
"""Who sends none of these has said nothing in its head, but for what its format carries there."""
MAX_TAGS = 16
MAX_VALUE_CHARS = 1000


def read_headers(visit: Visit, request: Request, dialect: Inbound) -> Request:
    """The request with what its headers say.

    Raises:
        RequestError: a header has a value that it cannot have.
    """
    changed = _changed(visit) if visit.head.speaks is not False else {}
    if dialect.carried_headers and request.native is not None and (carried := _carried(visit, dialect)):
        changed["native"] = msgspec.structs.replace(request.native, headers=carried)
        changed["extra"] = {**request.extra, HEADERS: carried}
    return msgspec.structs.replace(request, **changed) if changed else request


def _carried(visit: Visit, dialect: Inbound) -> Mapping[str, str]:
    """What goes upstream of a head, which has a target that belongs to one format."""
    head = visit.head
    if head.carried is None:
        values = {name: visit.header(name) for name in dialect.carried_headers}
        head.carried = {name: value for name, value in values.items() if value is not None}
    return head.carried


def _changed(visit: Visit) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    if kind := _name_in(visit, KIND):
        changed["kind"] = _kind(kind)
    if session := visit.header(SESSION):
        changed["session"] = session
    if (label := visit.head.headers.get(LABEL.encode())) is not None:  # an empty one must not pass for none
        changed["label"] = _label(label.decode("latin-1").strip())
    if seconds := visit.header(DEADLINE):
        changed["deadline_s"] = _seconds(seconds)
    if tags := _name_in(visit, TAGS):
        changed["tags"] = _tags(tags)
    return changed


def _name_in(visit: Visit, header: str) -> str | None:
    """A name of our configuration, which is UTF-8 there and in what clients send; other bytes are Latin-1."""
    value = visit.head.headers.get(header.encode())
    try:
        return value.decode().strip() or None if value is not None else None
    except UnicodeDecodeError:
        return visit.header(header)


def _kind(text: str) -> str:
    """What spending is summed by and tables have columns of is as short and printable as if a key had it."""
    if not is_name(text):
        raise RequestError(f"{KIND}: {text[:100]!r} is not a name of at most {MOST_CHARS} printable characters")
    return text


def _label(text: str) -> Label:
    """A client may raise a label. That data is public is for a route or key to say."""
    if text == Label.PRIVATE_ONLY.value:
        return Label.PRIVATE_ONLY
    raise RequestError(f"{LABEL}: {text!r} is not a label that a client can set; use {Label.PRIVATE_ONLY.value!r}")


def _tags(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",")]
    tags = {name.strip(): value.strip() for name, _, value in pairs}
    if not all(sign and name.strip() for name, sign, _ in pairs) or len(tags) > MAX_TAGS:
        raise RequestError(f"{TAGS}: {text[:100]!r} is not a list of at most {MAX_TAGS} tags: name=value, name=value")
    return tags


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86400:
        raise RequestError(f"{DEADLINE}: {text!r} is not a number of seconds above 0")
    return seconds


def answer_lines(trace: Trace, *, complete: bool) -> bytes:
    """Who answered and why, after which attempts and how long a wait for its engine and, once known, at what cost.

    Without an answer: what was called and which attempts were made. What a header cannot hold is replaced or cut.
    """
    records, answering = trace.records, trace.answering
    usd, basis = trace.sums()[:2] if complete else (None, "")
    guard = ", ".join(trace.guarded) if trace.guarded else ""
    called = (trace.target, str(trace.attempts), trace.tried if records else "", guard)
    who, cached, load = _NOBODY, _UNCACHED, ""
    if answering is not None:
        emulated = ", ".join(answering.emulated) if answering.emulated else ""
        who = (answering.deployment, answering.model, answering.why, emulated)
        if answering.replayed is not None or answering.looked_up:
            cached = _cached(answering)
        if answering.load_s is not None:
            load = f"{answering.load_s:.3f}"
    told = _told(called, who, cached, load, basis)
    own = f"x-assay-request-id: {trace.request_id}\r\n"
    if complete:
        own += f"x-assay-cost-usd: {usd:.8f}\r\n" if usd is not None else "x-assay-cost-usd: unknown\r\n"
    return own.encode() + told


_TOLD = (
    "route", "attempts", "tried", "guard",
    "deployment", "model", "reason", "emulated", "cached", "cached-age-s", "cached-worth-usd", "load-s",
    "cost-basis",
)  # fmt: skip
_NOBODY = ("", "", "", "")
_UNCACHED = ("", "", "")


@lru_cache(maxsize=512)  # most answers say the same as others
def _told(called: tuple[str, ...], who: tuple[str, ...], cached: tuple[str, ...], load: str, basis: str) -> bytes:
    """The lines of `_TOLD`, but for empty ones."""
    fields = zip(_TOLD, (*called, *who, *cached, load, basis), strict=True)
    return written([(f"x-assay-{name}".encode(), _header_value(value)) for name, value in fields if value])


def _cached(answering: Record) -> tuple[str, str, str]:
    """Whether an answer that the cache of its route was asked for came from there.

    Then how old it is in seconds, and what it had cost.
    """
    if answering.replayed is None:
        return "miss", "", ""
    made_at, usd = answering.replayed.created_at, answering.replayed.cost_usd
    age_s = f"{max(0.0, time.time() - made_at):.0f}" if made_at is not None else ""
    return "hit", age_s, f"{usd:.8f}" if usd is not None else "unknown"


def caching(visit: Visit) -> Caching:
    """What a client allows of the cache of a route: `x-assay-cache: off`, or `cache-control: no-cache, no-store`.

    Raises:
        RequestError: a word of ours that there is not.
    """
    ours = visit.header(CACHE)
    if ours is not None and ours != "off":
        raise RequestError(f"{CACHE}: {ours!r} is not known; the only word is 'off'")
    words = {word.strip().lower() for word in (visit.header("cache-control") or "").split(",")}
    stale = "no-cache" in words or "max-age=0" in words
    return Caching(read=ours is None and not stale, write=ours is None and "no-store" not in words)


def _header_value(text: str) -> bytes:
    """Text that is safe in a header: one line of Latin-1, of a bounded length."""
    if text.isascii() and text.isprintable() and len(text) <= MAX_VALUE_CHARS:
        return text.strip().encode()
    safe = "".join(char if char.isprintable() else " " for char in text).strip()
    if len(safe) > MAX_VALUE_CHARS:
        safe = safe[: MAX_VALUE_CHARS - 3] + "..."
    return safe.encode("latin-1", "replace")
