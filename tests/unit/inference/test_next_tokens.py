"""Next tokens as hosts tell them, and as they should not."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from assay.errors import MalformedReply
from assay.inference import tokens
from assay.inference.spine import Spine


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What comes of an answer with these logprobs."""

    def ask(logprobs: object) -> tuple[tokens.Next, ...]:
        async def answered(*_: object) -> Any:
            return SimpleNamespace(response=SimpleNamespace(logprobs=logprobs))

        monkeypatch.setattr(tokens, "_asked", answered)
        return asyncio.run(tokens.next_tokens(cast(Spine, None), "far", "x"))

    return ask


def test_the_most_probable_comes_first_and_none_is_above_one(told: Any) -> None:
    """Hosts round; a token that is no text is told by its bytes."""
    tops = [{"token": "b", "logprob": -2.0}, {"token": "?", "bytes": [0xF0], "logprob": 1e-6, "id": 7, "more": 1}]
    found = told({"content": [{"token": "?", "logprob": 0.0, "top_logprobs": tops}]})
    assert [(one.token, one.probability, one.id) for one in found] == [
        ("<f0>", 1.0, 7),
        ("b", pytest.approx(0.1353, abs=1e-4), None),
    ]


@pytest.mark.parametrize(
    "content",
    [
        None,
        {"a": 1},
        [5],
        [{"token": "a", "logprob": -1}],
        *(
            [{"top_logprobs": [top]}]
            for top in (5, {"token": "a"}, {"logprob": "x"}, {"logprob": None}, {"logprob": 1e9},
                        {"logprob": -1, "bytes": [300]})
        ),
    ],
)  # fmt: skip
def test_what_is_no_distribution_is_the_hosts_mistake(told: Any, content: object) -> None:
    """Told with the host's name, whatever stands in the place of the probabilities."""
    with pytest.raises(MalformedReply, match="far tells no probabilities"):
        told({"content": content})
