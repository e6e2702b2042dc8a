"""Landlock holds no root: where tests run as root, the SQL rooms are tried behind it as an ordinary user."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
from pathlib import Path

import pytest
from benchmarks import ordinary_user

ROOMS = Path(__file__).parents[1] / "unit" / "sandbox"
FILES = ("test_sqlite_room.py", "test_duckdb_room.py")
PACKAGES = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "py", "psutil", "duckdb")


@pytest.mark.skipif(os.geteuid() != 0, reason="the tests themselves run as an ordinary user")
@pytest.mark.timeout(300)
def test_rooms_behind_landlock() -> None:
    """Everything that is held of both rooms holds on the second back end too."""
    engine = importlib.util.find_spec("_duckdb")
    if engine is None or engine.origin is None:
        pytest.skip("duckdb is not installed")
    about = f"duckdb-{importlib.metadata.version('duckdb')}.dist-info"
    with ordinary_user.staged((*PACKAGES, about)) as place:
        site = next(place.rglob("site-packages"))
        shutil.copy(engine.origin, site)
        for name in FILES:
            shutil.copy(ROOMS / name, place)
        words = ["-m", "pytest", "-q", "-rs", "--noconftest", "-p", "no:cacheprovider", "-W", "error", "-c", os.devnull]
        ended = ordinary_user.run_in(
            place, [*words, "-k", "landlock", "--rootdir", str(place), *FILES], capture_output=True
        )
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    if " skipped" in ended.stdout:
        pytest.skip(ended.stdout[-500:])
    assert " passed" in ended.stdout
