"""The books against a host that knows the truth: a small round of `benchmarks.accounting`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(180)
def test_every_request_is_paid_for_once_by_what_its_host_says() -> None:
    """Streamed, cut, left, refused or never answered: each verdict of the benchmark holds."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.accounting", "--requests", "600", "--json"],
        cwd=ROOT, capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(verdict["holds"] for verdict in json.loads(done.stdout))
