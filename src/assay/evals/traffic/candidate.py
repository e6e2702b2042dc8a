"""A drawn request made into a sample, without what must not be in a suite."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec

from assay.evals.suites.samples import SampleLine, Turn
from assay.evals.traffic.draw import Drawn
from assay.evals.traffic.exchange import Exchange
from assay.evals.traffic.strata import Stratum
from assay.evals.traffic.targets import Shape, Target, shape_of, target_of
from assay.evals.traffic.turns import turns_of
from assay.privacy.label import at_least
from assay.privacy.redaction import Redaction, placeholders
from assay.types import JsonObject, Label, Value

__all__ = ["Candidate", "candidate_of"]


class Candidate(Value, frozen=True, kw_only=True):
    """A request that can be a sample.

    Attributes:
        copies: requests that it stands for in its stratum: equal ones and near-duplicates.
        said: its input as one text, to be compared with others.
        how: where its target is from: see `Target`.
        doubt: why its target may not be what a model can answer, though somebody gave it; empty = there is none.
        tools: what it offers, as JSON objects.
        schema: of the answer that it asks for, where it names one.
    """

    stratum: Stratum
    rank: int
    priority: int
    copies: int
    line: SampleLine
    said: str
    how: str
    doubt: str
    shape: Shape
    tools: tuple[JsonObject, ...]
    schema: JsonObject | None


def candidate_of(
    exchange: Exchange, worse: Exchange | None, drawn: Drawn, stratum: Stratum, redaction: Redaction
) -> Candidate:
    """The sample that a request makes.

    Args:
        exchange: the request, its answer and its feedback.
        worse: the one that it was preferred to.
        drawn: its place in the draw.
        stratum: where it belongs.
        redaction: takes out of it what must not be in a suite; its own.

    Raises:
        Unfit: it cannot be a sample.
    """
    asked, target = turns_of(exchange.request), target_of(exchange, worse)
    plain: JsonObject = redaction.value(
        {
            "asked": msgspec.to_builtins(asked),
            "target": target.value,
            "meta": target.meta,
            "tools": [_tool(tool) for tool in msgspec.to_builtins(exchange.request.tools)],
        }
    )
    output = exchange.request.output
    return Candidate(
        stratum=stratum,
        rank=drawn.rank,
        priority=drawn.priority,
        copies=drawn.copies,
        line=_line(exchange, worse, target, plain),
        said=plain["asked"] if isinstance(asked, str) else "\n".join(_texts(plain["asked"])),
        how=target.how,
        doubt=_doubt(exchange, plain),
        shape=shape_of(plain["target"] if target.value is not None else exchange.answer_text),
        tools=tuple(plain["tools"]),
        schema=output.schema if output is not None else None,
    )


def _line(exchange: Exchange, worse: Exchange | None, target: Target, plain: JsonObject) -> SampleLine:
    row = exchange.row
    label = at_least(Label.PUBLIC, row.label)  # one that nobody knows is the strictest
    label = at_least(label, worse.row.label if worse is not None else None)  # the sample holds its answer
    one = isinstance(plain["asked"], str)
    return SampleLine(
        id=row.request_id,
        input=plain["asked"] if one else None,
        messages=None if one else msgspec.convert(plain["asked"], tuple[Turn, ...]),
        target=plain["target"],
        label=label if label is not Label.UNLABELLED else None,
        group=_group(exchange.request.session),
        origin={
            "request_id": row.request_id,
            "deployment": row.deployment,
            "at": datetime.fromtimestamp(row.created_at, UTC).isoformat(timespec="seconds"),
            "target": target.how,
        },
        meta=plain["meta"],
    )


def _doubt(exchange: Exchange, plain: JsonObject) -> str:
    """What redaction may have done to a target."""
    correction = exchange.verdict.correction if exchange.verdict is not None else None
    if correction is not None and exchange.row.redacted > 0 and placeholders(correction):
        return "request and correction were redacted apart: see that equal placeholders mean the same"
    unseen = placeholders(_text(plain["target"])) - placeholders(_text([plain["asked"], plain["tools"]]))
    if unseen:
        return f"the target holds {', '.join(sorted(unseen))}, which the request does not show"
    return ""


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _group(session: str | None) -> str | None:
    """Requests of one session depend on each other; what it was called is nobody's business."""
    return f"session-{blake2b(session.encode('utf-8', 'replace'), digest_size=6).hexdigest()}" if session else None


def _tool(tool: JsonObject) -> JsonObject:
    return {name: value for name, value in tool.items() if name in ("name", "description", "parameters")}


def _texts(turns: list[JsonObject]) -> list[str]:
    return [f"{turn['role']}: {_said(turn)}" for turn in turns]


def _said(turn: JsonObject) -> Any:
    calls = " ".join(f"{call['name']}({call.get('arguments', {})})" for call in turn.get("tool_calls", ()))
    return " ".join(filter(None, (turn.get("content", ""), calls)))
