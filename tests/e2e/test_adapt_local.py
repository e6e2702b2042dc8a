"""`assay choose --adapt` on real weights: killed in the middle, continued, and a gain that held-out samples show."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "workshop"
WORDS = ("choose", "--adapt", "-m", "smollm2-zero", "-k", "sender.name", "--adapt-answers", "32", "--json")
KILLED_AFTER = 8
pytestmark = [pytest.mark.local, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example without what it has measured."""
    folder = tmp_path_factory.mktemp("adapt") / "workshop"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("assay.db*", "assay.lock"))
    return folder


def answers(folder: Path, of: str) -> int:
    """Answers that the model has given to targets with such a name."""
    path = folder / "assay.db"
    if not path.exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as ledger:
        try:
            counted = "select count(*) from attempts where outcome = 'ok' and deployment like ?"
            return int(ledger.execute(counted, (of,)).fetchone()[0])
        except sqlite3.OperationalError:  # its tables are being made
            return 0


def adapt(folder: Path) -> Any:
    """The command, to its end."""
    done = subprocess.run([sys.executable, "-m", "assay", *WORDS], cwd=folder, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr[-2000:]
    return json.loads(done.stdout)


def test_a_bare_instruction_is_adapted_and_the_gain_is_real(workshop: Path) -> None:
    """The smallest model writes no sender's name when it is told to, and does when it is shown how.

    Killed with SIGKILL on the way, the same command goes on: no more is asked twice than was in flight.
    """
    with subprocess.Popen([sys.executable, "-m", "assay", *WORDS], cwd=workshop, stdout=-3, stderr=-3) as child:
        while answers(workshop, "%~%") < KILLED_AFTER and child.poll() is None:
            time.sleep(0.05)
        child.send_signal(signal.SIGKILL)
    assert answers(workshop, "%~%") < 32
    found = adapt(workshop)
    (one,) = found["adaptations"]
    (kind,) = one["kinds"]
    assert kind["won"] is not None
    assert one["spending"]["answers"] <= 32
    assert answers(workshop, "%~%") <= one["spending"]["answers"] + 1
    gain = kind["gain"]
    assert gain["comparison"]["samples"] == 16
    assert gain["comparison"]["interval"][0] > 0.3
    assert {each["name"] for each in found["kinds"][0]["candidates"]} == {"smollm2-zero", "smollm2-zero+adapted"}


def test_again_nothing_is_asked(workshop: Path) -> None:
    """Search, decision and comparison find every answer of the call before."""
    before = answers(workshop, "%")
    found = adapt(workshop)
    assert answers(workshop, "%") == before
    assert found["asked_now"] == 0
    assert found["adaptations"][0]["spending"]["asked_now"] == 0
