"""The folder in which workers count: removed by whoever starts next, once all are gone who used it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from assay.gateway.counters import counters

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="workers are not had there")
SUPERVISOR = """
import subprocess, sys, time
from assay.gateway.counters import counters
with counters() as counted:
    (counted.folder / "counter_1.db").write_bytes(b"1")
    worker = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], stdout=subprocess.DEVNULL, pass_fds=(counted.lock,)
    )
    print(counted.folder, worker.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A temporary directory of its own: others' are not touched."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield
    tempfile.tempdir = None


def started_next() -> None:
    """Somebody starts, and ends well."""
    with counters() as counted:
        assert counted.folder.is_dir()
    assert not counted.folder.exists()


def test_what_killed_ones_left_goes_once_none_of_them_lives() -> None:
    """A supervisor that is killed leaves its folder, in which its worker counts on; with its death nobody does."""
    with subprocess.Popen([sys.executable, "-c", SUPERVISOR], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        said, pid = supervisor.stdout.readline().split()
        folder, worker = Path(said), psutil.Process(int(pid))
        try:
            started_next()
            assert (folder / "counter_1.db").exists()
            supervisor.kill()
            supervisor.wait()
            started_next()
            assert (folder / "counter_1.db").exists()
        finally:
            supervisor.kill()
            worker.kill()
    psutil.wait_procs([worker], timeout=10)
    started_next()
    assert not folder.exists()


def test_others_folders_stay(tmp_path: Path) -> None:
    """What has another name, or is a link, is none of ours."""
    other, link = tmp_path / "metrics-1", tmp_path / "assay-metrics-link"
    other.mkdir()
    (other / "kept").touch()
    link.symlink_to(other)
    started_next()
    assert (other / "kept").exists()
    assert link.is_symlink()


def test_a_folder_that_is_swept_before_it_is_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two start at once, and one takes the other's new folder for one that was left."""
    make = tempfile.mkdtemp

    def made(**given: str) -> str:
        folder = make(**given)
        monkeypatch.setattr(tempfile, "mkdtemp", make)
        Path(folder).rmdir()
        return folder

    monkeypatch.setattr(tempfile, "mkdtemp", made)
    started_next()
    assert not list(tmp_path.iterdir())
