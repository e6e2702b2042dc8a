"""One sample with the answers of several runs and the words of its graders, for a person to read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from assay.evals.grading import Score
from assay.evals.runner import Run
from assay.evals.suite import Sample
from assay.ledger.rows import ResultRow
from assay.types import Part, Text, ToolCall, ToolResult, Value


class Reply(Value, frozen=True, kw_only=True):
    """What one run has for a sample. `value` is None for unscored, and `unscored` says why."""

    name: str
    value: float | None
    answer: str | None
    unscored: str | None
    scores: tuple[Score, ...]
    latency_s: float | None
    usd: float | None
    engine_s: float | None
    cached: bool


class Row(Value, frozen=True, kw_only=True):
    """One sample and the answers to it, in the order of the sides that have one."""

    sample: str
    kind: str
    split: str
    input: str
    target: Any
    replies: tuple[Reply, ...]

    @property
    def differs(self) -> bool:
        """Whether one passed and another failed."""
        return len({reply.value >= 1.0 for reply in self.replies if reply.value is not None}) > 1


def row_of(sample: Sample, named: Mapping[str, Run]) -> Row:
    """A sample with what each of the named runs has for it."""
    return Row(
        sample=sample.id,
        kind=sample.kind,
        split=sample.split,
        input=said(sample),
        target=sample.target,
        replies=tuple(
            _reply(name, result) for name, run in named.items() if (result := run.results.get(sample.id)) is not None
        ),
    )


def _reply(name: str, row: ResultRow) -> Reply:
    return Reply(
        name=name,
        value=row.value,
        answer=row.answer,
        unscored=row.unscored,
        scores=msgspec.json.decode(row.scores, type=tuple[Score, ...]),
        latency_s=row.latency_s,
        usd=row.cost_usd,
        engine_s=row.engine_s,
        cached=row.cached,
    )


def said(sample: Sample) -> str:
    """A sample's input as a person reads it: the text, or the turns with their roles where there are several."""
    if len(sample.messages) == 1 and sample.messages[0].role == "user":
        return sample.messages[0].text
    return "\n".join(f"{message.role}: {' '.join(readable(message.parts))}" for message in sample.messages)


def readable(parts: Iterable[Part]) -> Iterator[str]:
    """Parts of a message as a person reads them: texts, calls, their results; `[image]` for what is no text."""
    for part in parts:
        match part:
            case Text():
                yield part.text
            case ToolCall():
                yield f"{part.name}({part.arguments})"
            case ToolResult():
                yield from readable(part.parts)
            case _:
                yield f"[{type(part).__name__.lower()}]"
