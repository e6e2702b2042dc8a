"""Every attempt to get out of the sandbox, on both back ends, as an ordinary user: `python -m benchmarks.sandbox`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOM = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(600)

# In a process of its own, as the user that the attempts run as.
WORKING = "import json; from assay.sandbox.probe import available; print(json.dumps([list(f) for f in available()]))"


def python(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a module of the checkout."""
    return subprocess.run([sys.executable, "-m", *words], cwd=ROOM, capture_output=True, text=True)


@pytest.fixture(scope="module", params=["bubblewrap", "landlock"])
def backend(request: pytest.FixtureRequest) -> str:
    """Each back end; skips where an ordinary user does not have it."""
    ended = python("benchmarks.ordinary_user", "-c", WORKING)
    assert ended.returncode == 0, ended.stderr
    for name, works, reason in json.loads(ended.stdout):
        if name == request.param and not works:
            pytest.skip(f"no {name} here: {reason}")
    return str(request.param)


def attempts(backend: str, *words: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the result of the harness."""
    ended = python("benchmarks.sandbox", "--json", "--backend", backend, *words)
    assert ended.stdout, ended.stderr[-3000:]
    return ended.returncode, json.loads(ended.stdout)[backend]


def test_none_of_our_attempts_gets_out(backend: str) -> None:
    """Behind all walls 0 attempts of our own escape, and no interface of the kernel answers that should not."""
    code, result = attempts(backend)
    assert (code, result["escaped"], result["surface"]) == (0, {}, [])
    assert result["attempts"] >= 40


def test_none_of_the_recorded_attempts_gets_out(backend: str) -> None:
    """Behind all walls 0 of the development data's 37 attempts and 4 probes get through; skips without the data."""
    shared = Path(os.environ.get("ASSAY_SHARED") or ROOM.parent / "shared")
    file = shared / "measure" / "assistant" / "attacks.py"
    if not file.is_file():
        pytest.skip(f"no attempts at {file}; set ASSAY_SHARED")
    code, result = attempts(backend, "--only-attacks", "--attacks", str(file))
    assert (code, result["escaped"], result["surface"]) == (0, {}, [])
    assert result["attempts"] == 41


def test_a_missing_wall_is_found(backend: str) -> None:
    """With walls taken out the harness reports what got through, and fails."""
    names = "system_files,list_homes,raw_clones,kernel_interfaces"
    code, result = attempts(backend, "--without", "files", "--without", "seccomp", "--only", names)
    assert code == 1
    assert {"system_files", "list_homes", "raw_clones"} <= result["escaped"].keys()
    assert result["surface"] == ["kernel_interfaces"]
