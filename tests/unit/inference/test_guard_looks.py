"""Where a guard looks: on the loop what takes next to nothing, in a thread what would hold others up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from assay.config.guard import Guard
from assay.inference.guards import make_guard
from assay.types import Message, Request, Response

PATTERNS: dict[str, Any] = {"check": "patterns"}
LONG = "many patterns that wait for a letter " * 60


@pytest.mark.parametrize(
    ("check", "text", "threads"),
    [
        ({"check": "personal"}, "hi", 0),
        ({"check": "credentials"}, LONG, 1),
        ({**PATTERNS, "words": ["secret"]}, "hi", 0),
        ({**PATTERNS, "words": ["secret"]}, LONG, 1),
        ({**PATTERNS, "patterns": ["secret.{0,1000}key"]}, "hi", 1),
        ({**PATTERNS, "words": ["project bluebird"], "disguised": True}, "hi", 1),
        ({"check": "contains", "any": ["x"]}, "hi", 1),
    ],
)
async def test_a_look_that_may_take_long_is_taken_in_a_thread(
    check: dict[str, Any], text: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patterns with many states take a tenth of a second for a short text, and all other requests would wait."""
    handed, to_thread = 0, asyncio.to_thread

    async def counted(work: Any, *given: Any) -> Any:
        nonlocal handed
        handed += 1
        return await to_thread(work, *given)

    async def nobody(_: str, __: Request) -> Response:
        raise AssertionError

    monkeypatch.setattr(asyncio, "to_thread", counted)
    found = "refuse" if check["check"] == "contains" else "revise"
    guard = make_guard("g", Guard(check=check, found=found))
    await guard.look(Request(messages=(Message.of("user", text),)), None, nobody)
    assert handed == threads
