"""The folder in which workers count: removed by whoever starts next, once all are gone who used it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from assay.gateway import counters as counters_of_workers
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


@pytest.mark.parametrize("locked", [False, True])
def test_a_folder_that_is_swept_away_before_it_is_held_is_made_again(
    monkeypatch: pytest.MonkeyPatch, locked: bool
) -> None:
    """Another one that starts may take a new folder for a dead one's, until it is locked."""
    make, take, swept = tempfile.mkdtemp, counters_of_workers._take, []

    def sweep(folder: str) -> None:
        if not swept:
            swept.append(folder)
            Path(folder).rmdir()

    def made(prefix: str) -> str:
        folder = make(prefix=prefix)
        if not locked:
            sweep(folder)
        return folder

    def taken(lock: int, *, wait: bool) -> None:
        if locked and wait:
            sweep(next(str(folder) for folder in Path(tempfile.gettempdir()).glob("assay-metrics-*")))
        take(lock, wait=wait)

    monkeypatch.setattr(tempfile, "mkdtemp", made)
    monkeypatch.setattr(counters_of_workers, "_take", taken)
    started_next()
    assert len(swept) == 1
