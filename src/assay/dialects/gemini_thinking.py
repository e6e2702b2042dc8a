"""How long a Gemini model is asked to think, and that its thoughts be shown.

| said | to models told a budget | to models told a level |
|---|---|---|
| tokens | so many, or the largest | as the effort that they come to |
| an effort | tokens, as Google's OpenAI-compatible endpoint translates it | its name, or the nearest |
| Anthropic's `thinking` with a budget | that budget, or the largest | as the effort that it comes to |
| Anthropic's `thinking`, adaptive | only that thoughts be shown: a model left alone decides itself | the same |

What is not told as it was said is noted.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from assay.dialects.anthropic_request import THINKING
from assay.dialects.capability import Fit
from assay.dialects.gemini_model import Facts
from assay.dialects.thinking_budget import FEATURE, as_effort, effort_of
from assay.errors import RequestError
from assay.types import Request

__all__ = ["write_thinking"]

_BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
_BEYOND = ("xhigh", "max")
_LEVELS = ("minimal", "low", "medium", "high")
_LEAST_OF_LARGE = 128
"""Tokens: a large model of generation 2.5 cannot be kept from thinking."""
_MOST, _MOST_OF_LARGE = 24576, 32768
_SHOWN = {"includeThoughts": True}


def write_thinking(request: Request, fit: Fit, known: Facts) -> dict[str, Any]:
    """The member `thinkingConfig`, or nothing.

    Raises:
        RequestError: an effort that there is not.
    """
    wish = _wish(as_effort(request, fit))
    if wish is None or not fit.takes(wish.feature, wish.feature):
        return {}
    if known.thinking == "none":
        if wish.effort != "none":
            fit.note(wish.feature)
        return {}
    if wish.effort is None:
        return {"thinkingConfig": _SHOWN}
    config = _level(wish.effort, wish, fit, known) if known.thinking == "level" else _budget(wish, fit, known)
    return {"thinkingConfig": config if wish.effort == "none" else config | _SHOWN}


class _Wish(NamedTuple):
    """How long to think, and by which feature that was said; no effort = that thoughts be shown."""

    feature: str
    effort: str | None
    tokens: int | None


def _wish(request: Request) -> _Wish | None:
    effort, tokens = request.sampling.reasoning_effort, request.sampling.reasoning_tokens
    if effort is None and tokens is not None:
        return _Wish(FEATURE, effort_of(tokens), tokens)
    said = request.extra.get(THINKING) if request.origin == "anthropic" else None
    kind = said.get("type") if isinstance(said, dict) else None
    effort = effort or ("none" if kind == "disabled" else None)
    if effort is not None and effort not in (*_BUDGETS, *_BEYOND):
        words = ", ".join((*_BUDGETS, *_BEYOND))
        raise RequestError(f"reasoning_effort must be one of {words}, not {effort!r}", field="reasoning_effort")
    if effort is None and kind != "adaptive":
        return None
    budget = said.get("budget_tokens") if isinstance(said, dict) and kind == "enabled" else None
    return _Wish("reasoning_effort", effort, budget if isinstance(budget, int) else None)


def _budget(wish: _Wish, fit: Fit, known: Facts) -> dict[str, Any]:
    tokens = wish.tokens if wish.tokens is not None else _BUDGETS.get(wish.effort or "", _MOST)
    least, most = (_LEAST_OF_LARGE, _MOST_OF_LARGE) if known.is_large else (0, _MOST)
    budget = min(max(tokens, least), most)
    if budget != tokens or (wish.tokens is None and wish.effort in _BEYOND):
        fit.note(wish.feature)
    return {"thinkingBudget": budget}


def _level(effort: str, wish: _Wish, fit: Fit, known: Facts) -> dict[str, Any]:
    words = _LEVELS[1:] if known.is_large else _LEVELS
    level = effort if effort in words else words[-1] if effort in _BEYOND else words[0]
    if level != effort or wish.feature == FEATURE:
        fit.note(wish.feature)
    return {"thinkingLevel": level}
