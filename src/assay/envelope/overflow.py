"""Prompts that are certainly too long for a context: told by their words, before anything is sent.

A word is at least one token with the tokenisers in use, so a prompt has no fewer tokens than words. Fewer words prove
nothing: scripts without spaces, code and numbers have many tokens a word.
"""

from __future__ import annotations

from assay.catalog.model import Model
from assay.config.schema import Deployment
from assay.types import Request, Text, ToolResult

__all__ = ["context_of", "letters_of", "may_overflow", "overflow"]


def overflow(deployment: Deployment, model: Model | None, request: Request) -> str | None:
    """Why the prompt cannot fit into the model's context; `None` where it may.

    It may where it has no more letters than the context has tokens (`letters_of`): each word has one at least.
    """
    context = context_of(deployment, model)
    if context is None:
        return None
    words = sum(len(text.split()) for text in _texts(request))
    if words <= context:
        return None
    return f"the prompt has {words:,} words, and {deployment.model} a context of {context:,} tokens"


def letters_of(request: Request) -> int:
    """How many letters a prompt has, spaces included: quicker to count than words."""
    letters = 0
    for text in _texts(request):
        letters += len(text)
    return letters


def may_overflow(context_tokens: int | None, request: Request) -> bool:
    """Whether `overflow` may find a request, that is still as its client said it, too long for a context."""
    if context_tokens is None:
        return False
    native = request.native
    if native is not None and len(native.raw) <= context_tokens:  # a letter has a byte at least
        return False
    return letters_of(request) > context_tokens


def context_of(deployment: Deployment, model: Model | None) -> int | None:
    """The shorter of what the model can take and what a local engine is given."""
    known = model.context_tokens if model is not None else None
    if deployment.dialect != "local":
        return known
    given = deployment.engine.context_tokens
    return given if known is None else min(known, given)


def _texts(request: Request) -> list[str]:
    texts = [request.prompt] if request.prompt is not None else []
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Text):
                texts.append(part.text)
            elif isinstance(part, ToolResult):
                texts += [one.text for one in part.parts if isinstance(one, Text)]
    return texts
