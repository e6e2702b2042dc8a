"""What usage objects say beside their counts, and what that costs on top."""

from __future__ import annotations

from typing import Any

import pytest

from assay.config.schema import Price
from assay.dialects.billed import PLAIN, Billed, billed
from assay.envelope.cost import extra_usd

PRICE = Price(input=2.0, output=10.0, cached_input=0.2, cache_write=2.5)


@pytest.mark.parametrize(
    ("native", "expected"),
    [
        (None, PLAIN),
        ({"prompt_tokens": 3, "completion_tokens": 1}, PLAIN),
        (
            {"prompt_tokens_details": {"audio_tokens": 7}, "completion_tokens_details": {"audio_tokens": 8}},
            Billed(audio_input=7, audio_output=8),
        ),
        ({"output_tokens_details": {"image_tokens": 9}}, Billed(image_output=9)),
        (
            {"cache_creation": {"ephemeral_1h_input_tokens": 5}, "service_tier": "standard"},
            Billed(hour_written=5, tier="standard"),
        ),
        ({"server_tool_use": {"web_search_requests": 2}, "speed": "fast"}, Billed(searches=2, tier="fast")),
        (
            {"promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 4}], "serviceTier": "PRIORITY"},
            Billed(audio_input=4, tier="priority"),
        ),
        ({"candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 6}, "odd"]}, Billed(image_output=6)),
        ({"cache_creation": [], "server_tool_use": {"web_search_requests": -1}}, Billed()),
    ],
)  # fmt: skip
def test_each_format_is_read(native: dict[str, Any] | None, expected: Billed) -> None:
    """Names of all formats mean one thing each; what is no count counts for nothing."""
    assert billed(native) == expected


@pytest.mark.parametrize(
    ("found", "apart", "usd"),
    [
        (PLAIN, {}, 0.0),
        (Billed(audio_input=1_000_000), {"input_audio_mtok": 40.0}, 38.0),
        (Billed(audio_input=1_000_000), {}, 0.0),
        (Billed(hour_written=1_000_000), {"cache_write_1h_mtok": 4.0}, 1.5),
        (Billed(hour_written=1_000_000), {}, 1.5),
        (Billed(searches=3), {"web_searches_kcount": 10.0}, 0.03),
        (Billed(searches=3), {}, None),
        (Billed(image_output=1_000_000), {"output_image_mtok": 5.0}, -5.0),
    ],
)
def test_what_has_a_rate_of_its_own_comes_on_top(found: Billed, apart: dict[str, float], usd: float | None) -> None:
    """Over what its tokens were charged; a search whose price nobody knows makes the cost unknown."""
    assert extra_usd(PRICE, apart, found) == (None if usd is None else pytest.approx(usd))
