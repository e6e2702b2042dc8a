"""Root is held by fewer walls: where tests run as root, those of the room run once more as an ordinary user."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from benchmarks import ordinary_user

ROOMS = Path(__file__).parents[1] / "unit" / "sandbox"
FILES = ("test_python_room.py", "test_landlock.py", "test_sandbox_walls.py")
PYTEST = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "py")


@pytest.mark.skipif(os.geteuid() != 0, reason="the tests themselves run as an ordinary user")
@pytest.mark.timeout(300)
def test_landlock_as_an_ordinary_user() -> None:
    """What is held of rooms holds behind Landlock too, for a user who may not enter root's home."""
    with ordinary_user.staged(PYTEST) as place:
        for name in FILES:
            shutil.copy(ROOMS / name, place)
        words = [
            "-m",
            "pytest",
            "-q",
            "-rs",
            "-k",
            "landlock or the_interpreter",  # that of the stage finds its library relative to itself
            "-W",
            "error",
            "--rootdir",
            str(place),
            "-c",
            os.devnull,
        ]
        words += ["--rootdir", str(place), "--noconftest", "-p", "no:cacheprovider", *FILES]
        ended = ordinary_user.run_in(place, words, capture_output=True)

    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    assert " passed" in ended.stdout
