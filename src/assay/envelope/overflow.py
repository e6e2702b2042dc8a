"""Prompts that are certainly too long for a context: told by their words, before anything is sent.

A word is at least one token with the tokenisers in use, so a prompt has no fewer tokens than words. Fewer words prove
nothing: scripts without spaces, code and numbers have many tokens a word.
"""

from __future__ import annotations

from assay.catalog.model import Model
from assay.config.schema import Deployment
from assay.types import Request, Text, ToolResult

__all__ = ["overflow"]


def overflow(deployment: Deployment, model: Model | None, request: Request) -> str | None:
    """Why the prompt cannot fit into the model's context; `None` where it may."""
    context = _context(deployment, model)
    if context is None:
        return None
    texts = _texts(request)
    if sum(map(len, texts)) <= context:  # a word has a letter at least
        return None
    words = sum(len(text.split()) for text in texts)
    if words <= context:
        return None
    return f"the prompt has {words:,} words, and {deployment.model} a context of {context:,} tokens"


def _context(deployment: Deployment, model: Model | None) -> int | None:
    """The shorter of what the model can take and what a local engine is given."""
    sizes = [model.context_tokens if model is not None else None]
    sizes += [deployment.engine.context_tokens if deployment.dialect == "local" else None]
    return min((size for size in sizes if size is not None), default=None)


def _texts(request: Request) -> list[str]:
    parts = [part for message in request.messages for part in message.parts]
    results = [part.parts for part in parts if isinstance(part, ToolResult)]
    inside = [part for result in results for part in result]
    texts = [part.text for part in (*parts, *inside) if isinstance(part, Text)]
    return [*texts, request.prompt] if request.prompt is not None else texts
