"""What tests of the commands about weights share."""

from __future__ import annotations

from pathlib import Path

import pytest
from workplace import Workplace


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Workplace:
    """A project, its registry and its store."""
    return Workplace(tmp_path, monkeypatch, capfd)
