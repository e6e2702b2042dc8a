"""What a host's own words on usage say beside the counts of `Usage`: tokens and work that have a rate for themselves.

| number | OpenAI's formats | Messages | Gemini |
|---|---|---|---|
| hour_written | | `cache_creation.ephemeral_1h_input_tokens` | |
| audio_input | `...tokens_details.audio_tokens` | | modality `AUDIO` of `promptTokensDetails` |
| audio_output, image_output | `audio_tokens`, `image_tokens` there | | modality in `candidatesTokensDetails` |
| searches | `num_server_side_tools_used` (xAI) | `server_tool_use.web_search_requests` | |
| tier | | `service_tier`; `speed` where it is `fast` | `serviceTier` |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from assay.dialects.token_count import token_count

__all__ = ["PLAIN", "Billed", "billed"]


class Billed(NamedTuple):
    """Parts of the counts of a `Usage`, and what comes on top of them.

    Attributes:
        hour_written: tokens of `cache_write` that are kept for an hour.
        audio_input, audio_output, image_output: tokens of `input` and of `output`.
        searches: how often the host's own tools were used.
        tier: how fast it was served, in the host's word; None = it did not say.
    """

    hour_written: int = 0
    audio_input: int = 0
    audio_output: int = 0
    image_output: int = 0
    searches: int = 0
    tier: str | None = None


PLAIN = Billed()
_INPUT = ("prompt_tokens_details", "input_tokens_details")
_OUTPUT = ("completion_tokens_details", "output_tokens_details")
_SAYS = frozenset({
    *_INPUT, *_OUTPUT, "cache_creation", "server_tool_use", "service_tier", "speed", "serviceTier",
    "promptTokensDetails", "candidatesTokensDetails", "num_server_side_tools_used",
})  # fmt: skip


def billed(native: Mapping[str, Any] | None) -> Billed:
    """What a usage object says, in the words of any format."""
    if not native or _SAYS.isdisjoint(native):
        return PLAIN
    asked = _first(native, _INPUT)
    answered = _first(native, _OUTPUT)
    given, made = _modalities(native, "promptTokensDetails"), _modalities(native, "candidatesTokensDetails")
    tier = native.get("service_tier") or native.get("serviceTier")
    return Billed(
        hour_written=_count(_object(native, "cache_creation"), "ephemeral_1h_input_tokens"),
        audio_input=_count(asked, "audio_tokens") + given.get("AUDIO", 0),
        audio_output=_count(answered, "audio_tokens") + made.get("AUDIO", 0),
        image_output=_count(answered, "image_tokens") + made.get("IMAGE", 0),
        searches=_count(_object(native, "server_tool_use"), "web_search_requests")
        + _count(native, "num_server_side_tools_used"),
        tier="fast" if native.get("speed") == "fast" else tier.lower() if isinstance(tier, str) else None,
    )


def _object(native: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = native.get(key)
    return value if isinstance(value, dict) else {}


def _first(native: Mapping[str, Any], keys: tuple[str, ...]) -> Mapping[str, Any]:
    return next((found for key in keys if (found := _object(native, key))), {})


def _count(native: Mapping[str, Any], key: str) -> int:
    return token_count(native.get(key)) or 0


def _modalities(native: Mapping[str, Any], key: str) -> dict[str, int]:
    """Tokens by modality, as Gemini lists them."""
    listed = native.get(key)
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    return {str(entry.get("modality")): _count(entry, "tokenCount") for entry in entries}
