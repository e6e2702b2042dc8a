"""Published bugs and their fixes: hidden tests in the sandbox accept every fix and no bug."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from benchmarks.codefix import grade, read

from assay.errors import SandboxUnavailable

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def data() -> Path:
    """The development data of the assistant; tests that need it are skipped without it."""
    shared = Path(os.environ.get("ASSAY_SHARED") or Path(__file__).parents[3] / "shared")
    folder = shared / "data" / "assistant"
    if not folder.is_dir():
        pytest.skip(f"no development data at {folder}; set ASSAY_SHARED")
    return folder


@pytest.mark.timeout(300)
def test_every_fix_passes_and_no_bug_does(data: Path) -> None:
    """The verdict of the check `tests` is right for both versions of every record."""
    fixes = list(read(data))
    try:
        graded = grade(fixes)
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    wrong = [(g.id, g.version, g.result.explanation) for g in graded if g.result.passed != (g.version == "gold")]
    assert len(fixes) >= 100
    assert wrong == []
