"""The world in which prompts matter, as a fixture."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest
from prompt_world import PromptWorld

from assay.inference.spine import Spine
from assay.providers.provider import Attempted, Meter
from assay.providers.scripted import ScriptedProvider
from assay.types import Event


@pytest.fixture
def world(tmp_path: Path, make_spine: Callable[..., Spine], monkeypatch: pytest.MonkeyPatch) -> PromptWorld:
    """A world that notes each call."""
    made = PromptWorld(tmp_path, make_spine)
    stream = ScriptedProvider.stream

    async def noting(self: ScriptedProvider, attempt: Attempted, meter: Meter) -> AsyncGenerator[Event, None]:
        request = attempt.request
        made.calls.append(request.prompt or "\n".join(message.text for message in request.messages))
        async for event in stream(self, attempt, meter):
            yield event

    monkeypatch.setattr(ScriptedProvider, "stream", noting)
    return made
