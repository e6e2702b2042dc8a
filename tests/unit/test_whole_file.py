"""A file that is exchanged in one step."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from assay.whole_file import exchanged, write_whole


def test_a_new_file_and_one_that_was_there_are_written_alike(tmp_path: Path) -> None:
    """What is written stands in the file, and nothing beside it."""
    file = tmp_path / "a.toml"
    for data in (b"first", b"second"):
        write_whole(file, data)
        assert file.read_bytes() == data
    assert list(tmp_path.iterdir()) == [file]


def test_whoever_might_read_the_file_may_read_the_new_one(tmp_path: Path) -> None:
    """Permissions stay, or are those of another file."""
    file, other = tmp_path / "a", tmp_path / "b"
    file.write_bytes(b"old")
    file.chmod(0o640)
    write_whole(file, b"new")
    write_whole(other, b"a copy", like=file)
    assert [stat.S_IMODE(one.stat().st_mode) for one in (file, other)] == [0o640, 0o640]


def test_what_breaks_off_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """Half of a new file takes nobody's place, and does not stay."""
    file = tmp_path / "a"
    file.write_bytes(b"old")
    with pytest.raises(ValueError, match="in the middle"), exchanged(file) as beside:  # noqa: PT012 - half of it first
        beside.write_bytes(b"half")
        raise ValueError("in the middle")
    assert (list(tmp_path.iterdir()), file.read_bytes()) == ([file], b"old")


def test_a_place_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    """The first error is told, not that there was nothing to take away."""
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "gone" / "a", b"new")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "folder", b"new")
    assert [one.name for one in tmp_path.iterdir()] == ["folder"]


def test_a_link_stays_one(tmp_path: Path) -> None:
    """What it leads to is exchanged, with its own permissions, in the folder where that is."""
    file, link = tmp_path / "there" / "a", tmp_path / "b"
    file.parent.mkdir()
    file.write_bytes(b"old")
    file.chmod(0o640)
    link.symlink_to("there/a")
    write_whole(link, b"new")
    assert (link.is_symlink(), file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (True, b"new", 0o640)
