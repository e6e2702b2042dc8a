"""`/metrics`: what the gateway does, in Prometheus' text form.

Labels take few values: names from the configuration, formats, classes of errors. A name that nothing here has is told
as `-`, whatever a client made up. What is said, who says it and keys are in none of them.

Of several workers, whoever is asked tells what all have counted: prometheus_client then keeps values in files of the
folder that `PROMETHEUS_MULTIPROC_DIR` names, which the workers' supervisor sets.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from assay.gateway.visit import Visit
from assay.inference.trace import Record

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_BREAKER = {"closed": 0, "half-open": 1, "open": 2}

_M = TypeVar("_M", Counter, Histogram)


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


class Metrics:
    """Counters of one gateway, in a registry of their own.

    Args:
        level: gives what is read at the moment of asking.
    """

    def __init__(self, level: Callable[[], Level]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._levels = _Levels(level, self._registry)
        self._series: dict[tuple[Counter | Histogram, tuple[str, ...]], Counter | Histogram] = {}
        self._requests = Counter(
            "assay_requests", "Requests of clients by what became of them.",
            ("target", "deployment", "dialect", "outcome", "status"), registry=self._registry,
        )  # fmt: skip
        self._latency = Histogram(
            "assay_request_seconds", "From a request's head to the end of its answer.",
            ("target", "dialect"), buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._first = Histogram(
            "assay_first_byte_seconds", "From a request's head to the first byte of its answer.",
            ("target", "dialect"), buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._token = Histogram(
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
        trace, dialect, target = visit.trace, visit.dialect.name, visit.target or "-"
        answering = trace.answering.deployment if trace.answering is not None else "-"
        status = str(visit.status) if visit.status is not None else "-"
        self._of(self._requests, target, answering, dialect, visit.outcome, status).inc()
        if visit.target is not None:
            self._of(self._latency, target, dialect).observe(visit.seconds)
            if visit.first_s is not None:
                self._of(self._first, target, dialect).observe(visit.first_s)
        for record in trace.records:
            self._attempt(record)

    def _of(self, metric: _M, *labels: str) -> _M:
        """The series with these labels; the library's own look for it costs more than all that is counted."""
        key = (metric, labels)
        known = self._series.get(key)
        if known is None:
            known = self._series[key] = metric.labels(*labels)
        return cast(_M, known)

    def _attempt(self, record: Record) -> None:
        usage = record.response.usage if record.response is not None and not record.cached else None
        if usage is not None:
            for direction, tokens in (("input", usage.input), ("output", usage.output), ("cached", usage.cached)):
                if tokens:
                    self._of(self._tokens, record.deployment, direction).inc(tokens)
        if record.first_event_s is not None:
            self._of(self._token, record.deployment).observe(record.first_event_s)
        if record.cost_usd:
            self._of(self._usd, record.deployment, record.cost_basis).inc(record.cost_usd)
        if record.error is not None:
            self._of(self._errors, record.deployment, type(record.error).__name__).inc()

    def refresh(self) -> None:
        """Take the levels of this moment, for a worker that another one may be asked about."""
        self._levels.take()

    def page(self) -> bytes:
        """All of it, as Prometheus reads it."""
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


def shared() -> bool:
    """Whether this is one of several workers, who count together."""
    return "PROMETHEUS_MULTIPROC_DIR" in os.environ
