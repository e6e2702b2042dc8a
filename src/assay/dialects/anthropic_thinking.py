"""How long a model behind Anthropic's Messages is asked to think.

A client of this format has said it in its own words. An effort that another format or a deployment names becomes an
effort here, with `adaptive` thinking, or a budget of tokens; `anthropic_model` says which by the model's name, and the
quirk `thinking` overrules it. A budget is a share of `max_tokens`, as OpenRouter documents it; or it is said in tokens
(`reasoning_tokens`), which a model that thinks adaptively is told as an effort.

Thinking excludes a forced tool call, and sampling that differs from the model's own. A budget excludes an answer of the
last loop of tool calls that came without its thinking, too. Then no thinking is asked for, which is noted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from assay.dialects.anthropic_model import hides_thinking, thinks_adaptively
from assay.dialects.anthropic_request import EFFORT, THINKING
from assay.dialects.capability import Fit
from assay.dialects.thinking_budget import FEATURE, as_effort, effort_of
from assay.errors import RequestError
from assay.types import Request

__all__ = ["put_thinking"]

_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_NEAREST = {"minimal": "low"}
_SHARES = {"minimal": 0.1, "low": 0.2, "medium": 0.5, "high": 0.8, "xhigh": 0.95, "max": 0.95}
_LEAST_TOKENS = 1024
_LEAST_TOP_P = 0.95  # that the host takes beside thinking
_THOUGHTS = ("thinking", "redacted_thinking")
_STYLES = ("adaptive", "budget", "none")


def put_thinking(body: dict[str, Any], request: Request, fit: Fit, *, model: str, quirks: Mapping[str, Any]) -> None:
    """Put the wanted thinking into a body whose turns, tools and `output_config` are there.

    Raises:
        RequestError: an effort that there is not.
    """
    if THINKING in request.extra:
        body["thinking"] = request.extra[THINKING]
    read = request.extra.get(EFFORT)
    if read == "output_config":
        body["output_config"]["effort"] = request.sampling.reasoning_effort
    if read is not None or THINKING in request.extra:
        return
    wish = _wish(as_effort(request, fit), fit)
    if wish is None:
        return
    if wish.effort == "none":
        body["thinking"] = {"type": "disabled"}
        return
    match _style(model, quirks):
        case "adaptive":
            _adaptive(body, wish, fit, shown=hides_thinking(model))
        case "budget":
            _budget(body, wish, fit)
        case _:
            fit.note(wish.feature)


class _Wish(NamedTuple):
    """How long to think, and by which feature that was said."""

    feature: str
    effort: str
    tokens: int | None = None


def _wish(request: Request, fit: Fit) -> _Wish | None:
    effort, tokens = request.sampling.reasoning_effort, request.sampling.reasoning_tokens
    if effort is None:
        return _Wish(FEATURE, effort_of(tokens), tokens) if tokens is not None else None
    if not fit.takes("reasoning_effort", "reasoning_effort"):
        return None
    if effort not in (*_SHARES, "none"):
        known = ", ".join((*_SHARES, "none"))
        raise RequestError(f"reasoning_effort must be one of {known}, not {effort!r}", field="reasoning_effort")
    return _Wish("reasoning_effort", effort)


def _style(model: str, quirks: Mapping[str, Any]) -> str:
    style = quirks.get("thinking")
    if style is None:
        return "adaptive" if thinks_adaptively(model) else "budget"
    if style not in _STYLES:
        raise RequestError(f"quirks: thinking must be one of {', '.join(_STYLES)}, not {style!r}", field="quirks")
    return str(style)


def _adaptive(body: dict[str, Any], wish: _Wish, fit: Fit, *, shown: bool) -> None:
    excluded = _is_excluded(body)
    if excluded or wish.effort not in _EFFORTS or wish.tokens is not None:
        fit.note(wish.feature)
    if not excluded:
        body["thinking"] = {"type": "adaptive", "display": "summarized"} if shown else {"type": "adaptive"}
    body["output_config"]["effort"] = _NEAREST.get(wish.effort, wish.effort)


def _budget(body: dict[str, Any], wish: _Wish, fit: Fit) -> None:
    most = body.get("max_tokens", 0)
    if most <= _LEAST_TOKENS or _is_excluded(body) or _lost_thinking(body["messages"]):
        fit.note(wish.feature)
        return
    wanted = wish.tokens if wish.tokens is not None else int(most * _SHARES[wish.effort])
    budget = min(max(_LEAST_TOKENS, wanted), most - 1)
    if wish.tokens not in (None, budget):
        fit.note(wish.feature)
    body["thinking"] = {"type": "enabled", "budget_tokens": budget}


def _is_excluded(body: dict[str, Any]) -> bool:
    """Whether the host refuses thinking beside what else is asked for."""
    forced = body.get("tool_choice", {}).get("type") in ("any", "tool")
    return forced or body.get("temperature", 1) != 1 or "top_k" in body or body.get("top_p", 1) < _LEAST_TOP_P


def _lost_thinking(turns: list[dict[str, Any]]) -> bool:
    """Whether a turn of the loop of tool calls that is under way calls a tool without its thinking before it."""
    for turn in reversed(turns):
        blocks = turn["content"] if isinstance(turn["content"], list) else []
        kinds = [block["type"] for block in blocks]
        if turn["role"] == "user" and "tool_result" not in kinds:
            return False
        if turn["role"] == "assistant" and "tool_use" in kinds and kinds[0] not in _THOUGHTS:
            return True
    return False
