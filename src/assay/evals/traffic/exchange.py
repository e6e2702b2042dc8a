"""One real request with its answer and what came of it, as the ledger has them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Literal, NamedTuple

from assay.evals.suites.readable import told
from assay.inference.bodies import read
from assay.ledger.exchanges import Exchanges
from assay.ledger.feedback import Feedback
from assay.ledger.rows import ExchangeRow, FeedbackRow
from assay.types import Part, Refusal, Request, Text, ToolCall

__all__ = ["Exchange", "Verdict", "exchanges_of", "read_exchanges", "some_exchanges"]

_KIND_CHARS = 100
"""Clients may call a kind what they like, and files of a suite are named after it."""

Verdict = Literal["accepted", "edited", "rejected", "preferred"]


class Exchange(NamedTuple):
    """A request, its answer and the feedback on it.

    Attributes:
        feedback: oldest first; the last verdict counts.
    """

    row: ExchangeRow
    request: Request
    answer: tuple[Part, ...]
    feedback: Sequence[FeedbackRow] = ()

    @property
    def kind(self) -> str:
        """The kind of work; a request that named none counts as of its target's name."""
        return (self.row.kind or self.row.target)[:_KIND_CHARS]

    @property
    def said(self) -> str:
        """All that was asked, as a person reads it."""
        return told(self.request.messages)

    @property
    def verdict(self) -> FeedbackRow | None:
        """The last row with a verdict."""
        return next((row for row in reversed(self.feedback) if row.verdict is not None), None)

    @property
    def metrics(self) -> dict[str, float]:
        """What was measured, by name; the last figure of each."""
        return {row.metric: row.value for row in self.feedback if row.metric is not None and row.value is not None}

    @property
    def answer_text(self) -> str:
        """The words of the answer."""
        return "".join(part.text for part in self.answer if isinstance(part, Text | Refusal))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The tool calls of the answer."""
        return tuple(part for part in self.answer if isinstance(part, ToolCall))

    @property
    def refused(self) -> bool:
        """Whether the model declined in the form that hosts have for it."""
        return any(isinstance(part, Refusal) for part in self.answer)


async def read_exchanges(
    exchanges: Exchanges, feedback: Feedback, *, since_s: float = 0.0, target: str | None = None,
    kind: str | None = None, with_feedback_only: bool = False,
) -> AsyncIterator[tuple[list[Exchange], int]]:  # fmt: skip
    """What the ledger holds, page by page, oldest first, each with how many of its rows hold no body that can be read.

    Arguments are those of `Exchanges.pages`.
    """
    pages = exchanges.pages(since_s=since_s, target=target, kind=kind, with_feedback_only=with_feedback_only)
    async for rows in pages:
        found = await exchanges_of(rows, feedback)
        yield found, len(rows) - len(found)


async def exchanges_of(rows: Sequence[ExchangeRow], feedback: Feedback) -> list[Exchange]:
    """The rows that were kept whole, with their feedback."""
    said = await feedback.of([row.request_id for row in rows])
    return [
        Exchange(row, kept.request, kept.answer, said.get(row.request_id, ()))
        for row in rows
        if (kept := read(row)) is not None
    ]


async def some_exchanges(exchanges: Exchanges, feedback: Feedback, request_ids: Sequence[str]) -> dict[str, Exchange]:
    """Those that are kept whole of some requests, by id."""
    rows = await exchanges.some(request_ids)
    return {one.row.request_id: one for one in await exchanges_of(list(rows.values()), feedback)}
