"""What a target is asked: a text between two lines about it. The question comes last, as it does in most work."""

from __future__ import annotations

from assay.evals.context.tasks import Task
from assay.types import Label, Message, Request

__all__ = ["NAME", "VERSION", "kind_of", "request_of"]

NAME = "assay.context"
VERSION = "1"
"""Of grammar, facts and questions; what they are is part of every result."""
_PROMPT = (
    "These are notes from a harbour. A question about them follows.\n\n<notes>\n{text}\n</notes>\n\n"
    "{question} Answer with the number alone."
)


def kind_of(task: Task) -> str:
    """The kind of work that a task's requests have."""
    return f"{NAME}.{task}"


def request_of(task: Task, text: str, question: str) -> Request:
    """The request with a text and a question about it. All of it is made up, so that it may go anywhere."""
    said = _PROMPT.format(text=text, question=question)
    return Request(messages=(Message.of("user", said),), kind=kind_of(task), label=Label.PUBLIC)
