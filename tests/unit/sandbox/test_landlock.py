"""What is particular to the back end without namespaces: what it cannot do, and its folder on the host's disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.errors import SandboxUnavailable
from assay.sandbox import landlock
from assay.sandbox.folder import Folder, remove
from assay.sandbox.limits import Limits
from assay.sandbox.python import PythonRoom


@pytest.fixture
def room() -> Iterator[PythonRoom]:
    """A room behind Landlock; skips where that is not to be had."""
    try:
        made = PythonRoom(backend="landlock")
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    with made:
        yield made


def test_outside_paths_can_be_asked_for(room: PythonRoom, tmp_path: Path) -> None:
    """Landlock does not hide that a file exists, or its size; it does hide its content, and a folder's list."""
    secret = tmp_path / "secret"
    secret.write_text("12345")
    code = f"""
import os
print(os.stat({str(secret)!r}).st_size, os.access({str(secret)!r}, os.F_OK))
for attempt in (lambda: open({str(secret)!r}), lambda: os.listdir({str(tmp_path)!r})):
    try: attempt(); print('reached')
    except PermissionError: print('refused')
"""
    assert room.run(code).stdout == b"5 True\nrefused\nrefused\n"


def test_modes_times_and_links_are_refused(room: PythonRoom) -> None:
    """Not even of its own files can a program change modes and times, nor make links; Landlock could not tell whose."""
    code = """
import os
open('own', 'w').close()
for attempt in (lambda: os.chmod('own', 0o600), lambda: os.utime('own'), lambda: os.symlink('own', 'link'),
                lambda: os.link('own', 'link'), lambda: os.chown('own', os.getuid(), os.getgid())):
    try: attempt(); print('done')
    except PermissionError: print('refused')
"""
    assert room.run(code).stdout == b"refused\n" * 5


def test_the_size_is_only_looked_at(room: PythonRoom) -> None:
    """A program that is done before anyone looks may have written more than the folder's size."""
    with PythonRoom(backend="landlock", limits=Limits(work_bytes=1 << 20)) as small:
        outcome = small.run("open('f', 'wb').write(bytes(4 << 20))")
    assert outcome.exit_code == 0 or outcome.stopped is not None


def test_the_names_are_the_real_ones(room: PythonRoom) -> None:
    """The user and the machine are those of the host."""
    inside = room.run("import os; print(os.getuid(), os.uname().nodename)").stdout.decode()
    assert inside == f"{os.getuid()} {os.uname().nodename}\n"


def test_root_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root's rights reach what Landlock does not govern, so root gets none of it."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(landlock, "abi", lambda: 7)
    with pytest.raises(SandboxUnavailable, match="root"):
        landlock.Landlock()


@pytest.mark.parametrize("version", [0, 2])
def test_an_old_kernel_is_refused(monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    """Below ABI 3 a file could be cut that may not be written; the message says what is there and what is needed."""
    monkeypatch.setattr(landlock, "abi", lambda: version)
    with pytest.raises(SandboxUnavailable, match=f"ABI {version}; 3 is needed"):
        landlock.Landlock()


def test_the_room_has_the_rights_it_needs_on_each_abi(room: PythonRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """On every ABI from 3 to this kernel's, a box starts with the rules that this ABI knows."""
    for version in range(3, landlock.abi() + 1):
        monkeypatch.setattr(landlock, "abi", lambda version=version: version)
        with PythonRoom(backend=landlock.Landlock()) as made:
            outcome = made.run("open('f', 'w').write('x'); print(open('f').read())\nopen('/etc/passwd')")
        assert outcome.stdout == b"x\n", version
        assert b"PermissionError" in outcome.stderr, version


# ------------------------------------------------------------------------------------------- the folder


def test_a_folder_is_removed_whatever_is_in_it(tmp_path: Path) -> None:
    """Folders that nobody may enter, links out of it and a depth that no path can name are no hindrance."""
    outside = tmp_path / "outside"
    outside.write_text("kept")
    folder = tmp_path / "box"
    folder.mkdir()
    (folder / "link").symlink_to(outside)
    (folder / "folder-link").symlink_to(tmp_path)
    (folder / "closed").mkdir(mode=0o300)
    (folder / "closed" / "file").write_text("x")
    (folder / "closed").chmod(0)
    here = Path.cwd()
    try:
        os.chdir(folder)
        for _ in range(50):
            os.mkdir("deep" * 40)
            os.chdir("deep" * 40)
        Path("file").write_text("x")
    finally:
        os.chdir(here)
    remove(folder)
    assert not folder.exists()
    assert outside.read_text() == "kept"


def test_files_without_a_name_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is open but was removed still fills the disk, so it counts; named ones count too."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    folder = Folder(Limits(work_bytes=1 << 20))
    folder.begin(os.getpid())
    try:
        assert folder.look() is None
        with (folder.work / "f").open("wb") as file:
            (folder.work / "f").unlink()
            file.write(bytes(2 << 20))
            file.flush()
            assert folder.look() == "wrote more than 1,048,576 bytes of files"
        assert folder.look() is None
        (folder.work / "g").write_bytes(bytes(2 << 20))
        assert folder.look() == "wrote more than 1,048,576 bytes of files"
    finally:
        folder.close()
    assert not folder.path.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
def test_a_folder_that_cannot_be_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be measured is not taken for empty."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = Folder(Limits())
    folder.begin(os.getpid())
    (folder.work / "closed").mkdir(mode=0o300)
    assert folder.look() == "made folders that cannot be looked into"
    folder.close()
    assert not folder.path.exists()
