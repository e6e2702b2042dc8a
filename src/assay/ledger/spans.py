"""Finished requests as OpenTelemetry spans, by the conventions for generative AI, sent over OTLP/HTTP.

A request is a trace, whose id is the request's; its attempts are client spans below it. Ids are taken from the ledger,
so that what is sent twice is the same span. What was said is never part of a span; nor are the words of an error, in
which hosts repeat what they were sent: the ledger has them.
Attributes: https://opentelemetry.io/docs/specs/semconv/gen-ai/ (2026); what is ours begins with `assay.`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from assay import __version__
from assay.errors import ConfigError, LedgerError
from assay.ledger.finished import AttemptRow, FinishedRow
from assay.numerals import plural

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

__all__ = ["Sender", "spans_of"]

_PROVIDERS = {"openai": "openai", "openai-responses": "openai", "anthropic": "anthropic", "gemini": "gcp.gemini"}
_OPERATIONS = {
    "embedding": "embeddings", "completion": "text_completion", "count": "count_tokens",
    "completions": "text_completion", "gemini": "generate_content",
}  # fmt: skip
"""What is done, by the form; of a chat, by the host's dialect. For counting the conventions have no word."""
_NANO = 1_000_000_000
Attributes = Mapping[str, "str | int | float | bool | list[str] | None"]


class Sender:
    """Sends spans to a collector.

    Args:
        endpoint: `http://127.0.0.1:4318/v1/traces`; None = as the variables `OTEL_EXPORTER_OTLP_*` say, which also
            hold headers, compression and certificates.

    Raises:
        ConfigError: the extra is not installed.
    """

    def __init__(self, endpoint: str | None = None) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        except ImportError as error:
            raise ConfigError("spans need OpenTelemetry: pip install 'assay[otel]'") from error
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # what fails is told once, by `send`
        self._exporter = OTLPSpanExporter(endpoint=endpoint)
        self._endpoint = endpoint or "the collector"

    def send(self, requests: Iterable[FinishedRow], attempts: Iterable[AttemptRow]) -> int:
        """Send them, waiting for the collector; how many spans that were. What may heal is tried again for a while.

        Raises:
            LedgerError: the collector does not take them.
        """
        from opentelemetry.sdk.trace.export import SpanExportResult

        spans = spans_of(requests, attempts)
        if spans and self._exporter.export(spans) is not SpanExportResult.SUCCESS:
            raise LedgerError(
                f"{self._endpoint} did not take {plural(len(spans), 'span')}; "
                "is it there, and does it speak OTLP over HTTP?"
            )
        return len(spans)

    def close(self) -> None:
        """Let go of the connection."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # of the library


def spans_of(requests: Iterable[FinishedRow], attempts: Iterable[AttemptRow]) -> list[ReadableSpan]:
    """Spans of requests and of attempts."""
    return [*map(_of_request, requests), *map(_of_attempt, attempts)]


def _of_request(row: FinishedRow) -> ReadableSpan:
    from opentelemetry.trace import SpanKind

    attributes: Attributes = {
        "assay.target": row.target,
        "assay.kind": row.kind,
        "assay.label": row.label,
        "assay.outcome": row.outcome,
        "assay.deployment": row.deployment,
        "assay.attempts": row.attempts,
        "assay.cached": bool(row.cached),
        "assay.cost.usd": row.cost_usd,
        "assay.cost.basis": row.cost_basis,
        "assay.team": row.team,
        "assay.key.id": row.key_id,
        "assay.guarded": row.guarded,
        "gen_ai.response.id": row.response_id,
        "assay.why": row.why,
    }
    failed = row.outcome if row.outcome in ("failed", "refused") else None
    ids = row.id, row.id[-16:], None
    return _span(ids, f"assay {row.target}", SpanKind.SERVER, (row.started_at, row.total_s), attributes, failed)


def _of_attempt(row: AttemptRow) -> ReadableSpan:
    from opentelemetry.trace import SpanKind

    operation = _OPERATIONS.get(row.form or row.dialect, "chat")
    attributes: Attributes = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": _PROVIDERS.get(row.dialect, f"assay.{row.dialect}"),
        "gen_ai.request.model": row.model,
        "gen_ai.response.id": row.provider_request_id,
        "gen_ai.response.finish_reasons": [row.finish] if row.finish else None,
        "gen_ai.response.time_to_first_chunk": row.first_event_s,
        "gen_ai.usage.input_tokens": row.input_tokens,
        "gen_ai.usage.output_tokens": row.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": row.cached_tokens,
        "gen_ai.usage.cache_creation.input_tokens": row.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": row.reasoning_tokens,
        "error.type": row.error,
        "http.response.status_code": row.status,
        "assay.deployment": row.deployment,
        "assay.route": row.route,
        "assay.path": row.path,
        "assay.kind": row.kind,
        "assay.outcome": row.outcome,
        "assay.purpose": row.purpose,
        "assay.engine_s": row.engine_s,
        "assay.cost.usd": row.cost_usd,
        "assay.cost.basis": row.cost_basis,
        "assay.why": row.why,
    }
    ids = row.request_id, row.id[-16:], row.request_id[-16:]
    name = f"{operation} {row.model}"
    return _span(ids, name, SpanKind.CLIENT, (row.started_at, row.total_s), attributes, row.error)


def _span(
    ids: tuple[str, str, str | None],
    name: str,
    kind: Any,
    lasted: tuple[float, float | None],
    attributes: Attributes,
    failed: str | None,
) -> ReadableSpan:
    """A span of these ids: of its trace, its own, and its parent's, in hex digits."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

    trace, own, parent = ids
    began, seconds = lasted

    def context(span: str) -> SpanContext:
        return SpanContext(int(trace, 16), int(span, 16), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    return ReadableSpan(
        name=name,
        context=context(own),
        parent=context(parent) if parent is not None else None,
        resource=Resource.create({"service.name": "assay", "service.version": __version__}),
        attributes={key: value for key, value in attributes.items() if value is not None},
        kind=kind,
        instrumentation_scope=InstrumentationScope("assay", __version__),
        status=Status(StatusCode.ERROR, failed) if failed is not None else Status(StatusCode.UNSET),
        start_time=int(began * _NANO),
        end_time=int((began + (seconds or 0.0)) * _NANO),
    )
