"""What a killed process had left open is told by whichever command opens the ledger next."""

from __future__ import annotations

import time
from typing import Any

import pytest

Project = Any  # of this folder's conftest


@pytest.mark.parametrize("arguments", [("spend",), ("logs",), ("keys", "list"), ("cache", "show"), ("explain",)])
def test_the_next_command_tells(project: Project, arguments: tuple[str, ...]) -> None:
    """Also one that asks nobody: it is the one that charges those calls, and no later one would know of them."""
    project.script("good", {"match": ".", "answer": "yes", "delay_s": 60})
    process = project.begin("bench", "-m", "good", "-p", "hello")
    until = time.monotonic() + 20
    while "running" not in project.inside("logs", "--json").out and time.monotonic() < until:
        time.sleep(0.1)
    process.kill()
    process.wait()
    assert "an earlier process died with 1 call in flight" in project.inside(*arguments).err
    assert "an earlier process" not in project.inside(*arguments).err
