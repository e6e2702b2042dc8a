"""5,000 idle connections and 200 slow clients about the gateway: everybody else is served as before."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import pytest


@pytest.mark.timeout(300)
@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 12_000, reason="too few open files are allowed")
def test_a_crowd_harms_nobody() -> None:
    """No wrong answer, no idle connection refused, and a median latency that the crowd does not double."""
    ran = subprocess.run([sys.executable, "-m", "benchmarks.idle", "--json"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    result = json.loads(ran.stdout)
    assert (result["wrong"], result["idle_standing"]) == (0, 5000)
    assert result["rss_mb"]["crowd_after_traffic"] - result["rss_mb"]["alone"] < 200
