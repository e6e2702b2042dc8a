"""`/metrics`: what the gateway does, in Prometheus' text form.

Labels take few values: names from the configuration, formats, classes of errors. A name that nothing here has is told
as `-`, whatever a client made up. What is said, who says it and keys are in none of them.

Of several workers, whoever is asked tells what all have counted: prometheus_client then keeps values in files of the
folder that `PROMETHEUS_MULTIPROC_DIR` names, which the workers' supervisor sets.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from assay.gateway.tally import Count, Times, Timing
from assay.gateway.visit import Visit
from assay.inference.trace import Record

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_BREAKER = {"closed": 0, "half-open": 1, "open": 2}


class Level(NamedTuple):
    """What is read at the moment of asking.

    Attributes:
        in_flight: requests that are being served.
        connections: of clients, idle ones included.
        ledger_waiting: writes that the ledger has not committed yet.
        breakers: state of each deployment's circuit breaker: `closed`, `half-open` or `open`.
    """

    in_flight: int
    connections: int
    ledger_waiting: int
    breakers: Mapping[str, str]


class _Ended(NamedTuple):
    """Where requests are counted that ended alike."""

    requests: Count
    latency: Times
    first: Times


class _Tried(NamedTuple):
    """Where attempts at one deployment are counted whose cost is known alike."""

    input: Count
    output: Count
    cached: Count
    first_token: Times
    usd: Count


class Metrics:
    """Counters of one gateway, in a registry of their own.

    Args:
        level: gives what is read at the moment of asking.
    """

    def __init__(self, level: Callable[[], Level]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._levels = _Levels(level, self._registry)
        self._shared = shared()
        self._counts: dict[tuple[Counter, tuple[str, ...]], Count] = {}
        self._timed: dict[tuple[Timing, tuple[str, ...]], Times] = {}
        self._ended: dict[tuple[str | None, str | None, str, str, int | None], _Ended] = {}
        self._tried: dict[tuple[str, str], _Tried] = {}
        self._requests = Counter(
            "assay_requests", "Requests of clients by what became of them.",
            ("target", "deployment", "dialect", "outcome", "status"), registry=self._registry,
        )  # fmt: skip
        self._latency = Timing(
            "assay_request_seconds", "From a request's head to the end of its answer.",
            ("target", "dialect"), buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._first = Timing(
            "assay_first_byte_seconds", "From a request's head to the first byte of its answer.",
            ("target", "dialect"), buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._token = Timing(
            "assay_first_token_seconds", "From the start of an attempt to the first event of its answer.",
            ("deployment",), buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._tokens = Counter(
            "assay_tokens", "Tokens that providers reported; input includes cached ones, output includes reasoning.",
            ("deployment", "direction"), registry=self._registry,
        )  # fmt: skip
        self._usd = Counter(
            "assay_cost_usd", "Cost of attempts whose cost is known, by how it is known.",
            ("deployment", "basis"), registry=self._registry,
        )  # fmt: skip
        self._errors = Counter(
            "assay_upstream_errors", "Attempts that failed, by class of error.",
            ("deployment", "error"), registry=self._registry,
        )  # fmt: skip

    def observe(self, visit: Visit) -> None:
        """Count a request that has ended."""
        if visit.dialect is None:
            return
        trace, cycle = visit.trace, visit.cycle
        answering = trace.answering.deployment if trace.answering is not None else None
        key = (visit.target, answering, visit.dialect.name, visit.outcome, cycle.status)
        ended = self._ended.get(key)
        if ended is None:
            ended = self._ended[key] = self._new_ended(*key)
        ended.requests.waiting += 1
        if visit.target is not None:
            ended.latency.add(time.monotonic() - trace.started)
            if cycle.begun_at is not None:
                ended.first.add(cycle.begun_at - trace.started)
        if self._shared:  # others may be asked at any time, and when this process is dead
            _hand_over(ended)
        for record in trace.records:
            self._attempt(record)

    def _attempt(self, record: Record) -> None:
        key = (record.deployment, record.cost_basis)
        tried = self._tried.get(key)
        if tried is None:
            tried = self._tried[key] = self._new_tried(*key)
        usage = record.response.usage if record.response is not None and not record.cached else None
        if usage is not None:
            tried.input.waiting += usage.input or 0
            tried.output.waiting += usage.output or 0
            tried.cached.waiting += usage.cached or 0
        if record.first_event_s is not None:
            tried.first_token.add(record.first_event_s)
        if record.cost_usd:
            tried.usd.waiting += record.cost_usd
        if self._shared:
            _hand_over(tried)
        if record.error is not None:
            errors = self._count(self._errors, record.deployment, type(record.error).__name__)
            errors.waiting += 1
            if self._shared:
                errors.hand_over()

    def _new_ended(
        self, target: str | None, answering: str | None, dialect: str, outcome: str, status: int | None
    ) -> _Ended:
        told = str(status) if status is not None else "-"
        name = target or "-"
        return _Ended(
            self._count(self._requests, name, answering or "-", dialect, outcome, told),
            self._times(self._latency, name, dialect),
            self._times(self._first, name, dialect),
        )

    def _new_tried(self, deployment: str, basis: str) -> _Tried:
        return _Tried(
            self._count(self._tokens, deployment, "input"),
            self._count(self._tokens, deployment, "output"),
            self._count(self._tokens, deployment, "cached"),
            self._times(self._token, deployment),
            self._count(self._usd, deployment, basis),
        )

    def _count(self, metric: Counter, *labels: str) -> Count:
        key = (metric, labels)
        return self._counts.get(key) or self._counts.setdefault(key, Count(metric, *labels))

    def _times(self, metric: Timing, *labels: str) -> Times:
        key = (metric, labels)
        return self._timed.get(key) or self._timed.setdefault(key, Times(metric, _SECONDS, *labels))

    def refresh(self) -> None:
        """Now and then: what waits is handed over, and the levels are those of this moment for the other workers."""
        _hand_over((*self._counts.values(), *self._timed.values()))
        if self._shared:
            self._levels.take()

    def page(self) -> bytes:
        """All of it, as Prometheus reads it."""
        _hand_over((*self._counts.values(), *self._timed.values()))
        self._levels.take()
        return generate_latest(self._all())

    def _all(self) -> CollectorRegistry:
        if not shared():
            return self._registry
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = CollectorRegistry(auto_describe=False)
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # of the library
        return registry


class _Levels:
    """Gauges of what is at a moment: the sum over all workers that live, of breakers the most open."""

    def __init__(self, level: Callable[[], Level], registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(name, text, registry=registry, multiprocess_mode="livesum")

        self._level = level
        self._in_flight = gauge("assay_requests_in_flight", "Requests that are being served.")
        self._connections = gauge("assay_connections", "Connections of clients, idle ones included.")
        self._waiting = gauge("assay_ledger_waiting_writes", "Writes that the ledger has not committed yet.")
        self._breakers = Gauge(
            "assay_breaker_state", "Circuit breaker of a deployment: 0 closed, 1 half-open, 2 open.",
            ("deployment",), registry=registry, multiprocess_mode="livemax",
        )  # fmt: skip

    def take(self) -> None:
        """Read them."""
        level = self._level()
        self._in_flight.set(level.in_flight)
        self._connections.set(level.connections)
        self._waiting.set(level.ledger_waiting)
        for name, state in level.breakers.items():
            self._breakers.labels(name).set(_BREAKER.get(state, 0))


def _hand_over(series: Iterable[Count | Times]) -> None:
    for one in series:
        one.hand_over()


def shared() -> bool:
    """Whether this is one of several workers, who count together."""
    return "PROMETHEUS_MULTIPROC_DIR" in os.environ
