"""One thing to ask, and what a right answer is."""

from __future__ import annotations

from typing import Any

from assay.evals.suites.samples import GraderSpec, Split
from assay.types import JsonObject, Label, Message, Request, Tool, Value

__all__ = ["Sample"]


class Sample(Value, frozen=True, kw_only=True):
    """One thing to ask, and what a right answer is. `where` is its file and line, for messages."""

    id: str
    kind: str
    messages: tuple[Message, ...]
    target: Any
    graders: tuple[GraderSpec, ...]
    split: Split
    label: Label
    tools: tuple[Tool, ...] = ()
    follow_ups: tuple[Message, ...] = ()
    group: str | None = None
    synthetic: bool = False
    origin: JsonObject = {}
    meta: JsonObject = {}
    where: str = ""

    def request(self, deadline_s: float | None = None) -> Request:
        """The raw request, as a client would send it."""
        return Request(
            messages=self.messages, tools=self.tools, kind=self.kind, label=self.label, deadline_s=deadline_s
        )
