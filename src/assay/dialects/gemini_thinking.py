"""How long a Gemini model is asked to think, and that its thoughts be shown.

| said | to models told a budget | to models told a level |
|---|---|---|
| an effort | tokens, as Google's OpenAI-compatible endpoint translates it | its name, or the nearest |
| Anthropic's `thinking` with a budget | that budget, or the largest | as the effort that it comes to |
| Anthropic's `thinking`, adaptive | only that thoughts be shown: a model left alone decides itself | the same |

What is not told as it was said is noted.
"""

from __future__ import annotations

from typing import Any

from assay.dialects.anthropic_request import THINKING
from assay.dialects.capability import Fit
from assay.dialects.gemini_model import Facts
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
    said = request.extra.get(THINKING) if request.origin == "anthropic" else None
    kind = said.get("type") if isinstance(said, dict) else None
    effort = request.sampling.reasoning_effort or ("none" if kind == "disabled" else None)
    if effort is not None and effort not in (*_BUDGETS, *_BEYOND):
        words = ", ".join((*_BUDGETS, *_BEYOND))
        raise RequestError(f"reasoning_effort must be one of {words}, not {effort!r}", field="reasoning_effort")
    if (effort is None and kind != "adaptive") or not fit.takes("reasoning_effort", "reasoning_effort"):
        return {}
    if known.thinking == "none":
        if effort != "none":
            fit.note("reasoning_effort")
        return {}
    if effort is None:
        return {"thinkingConfig": _SHOWN}
    budget = said.get("budget_tokens") if isinstance(said, dict) and kind == "enabled" else None
    if known.thinking == "level":
        config = _level(effort, fit, known)
    else:
        config = _budget(budget if isinstance(budget, int) else _tokens(effort, fit), fit, known)
    return {"thinkingConfig": config if effort == "none" else config | _SHOWN}


def _tokens(effort: str, fit: Fit) -> int:
    if effort in _BEYOND:
        fit.note("reasoning_effort")
        return _MOST
    return _BUDGETS[effort]


def _budget(tokens: int, fit: Fit, known: Facts) -> dict[str, Any]:
    least, most = (_LEAST_OF_LARGE, _MOST_OF_LARGE) if known.is_large else (0, _MOST)
    budget = min(max(tokens, least), most)
    if budget != tokens:
        fit.note("reasoning_effort")
    return {"thinkingBudget": budget}


def _level(effort: str, fit: Fit, known: Facts) -> dict[str, Any]:
    words = _LEVELS[1:] if known.is_large else _LEVELS
    level = effort if effort in words else words[-1] if effort in _BEYOND else words[0]
    if level != effort:
        fit.note("reasoning_effort")
    return {"thinkingLevel": level}
