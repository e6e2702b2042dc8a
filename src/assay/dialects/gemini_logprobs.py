"""Gemini's log-probabilities of tokens in the form of a chat completion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["token_entries"]


def token_entries(result: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The entries for `content`; `None` where a token, a number or the best others of a token are missing."""
    chosen = result.get("chosenCandidates") or ()
    tops: list[dict[str, Any]] = result.get("topCandidates") or [{} for _ in chosen]
    if len(tops) != len(chosen):
        return None
    entries = []
    for one, top in zip(chosen, tops, strict=True):
        entry, others = _token(one), [_token(other) for other in top.get("candidates") or ()]
        if entry is None or None in others:
            return None
        entries.append({**entry, "top_logprobs": others})
    return entries


def _token(candidate: Mapping[str, Any]) -> dict[str, Any] | None:
    token, logprob = candidate.get("token"), candidate.get("logProbability", 0.0)  # a zero is not written
    if not isinstance(token, str) or not isinstance(logprob, (int, float)):
        return None
    return {"token": token, "logprob": float(logprob), "bytes": None}
