"""What is worked out once per machine."""

import os
import sys
from pathlib import Path

import pytest

from assay.catalog import kept
from assay.catalog.kept import keep, recall


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "assay"


def test_two_versions_do_not_push_each_other_out() -> None:
    """Two checkouts, or two releases, on one machine: neither works its own out at every start."""
    keep("catalog", "one", [1])
    keep("catalog", "two", [2])
    assert recall("catalog", "one", list[int]) == [1]
    assert recall("catalog", "two", list[int]) == [2]


def test_old_versions_are_swept(cache: Path) -> None:
    """The newest few stay, so that the folder does not grow for ever."""
    for number in range(9):
        keep("catalog", f"v{number}", [number])
        os.utime(cache / "catalog" / f"v{number}.json", (number, number))
    keep("catalog", "last", [9])
    assert sorted(path.stem for path in (cache / "catalog").iterdir()) == ["last", "v6", "v7", "v8"]


def test_a_flipped_bit_is_no_other_price(cache: Path) -> None:
    """A value that can be read is not yet the one that was kept."""
    keep("prices", "one", {"gpt": 10.5})
    file = cache / "prices" / "one.json"
    file.write_bytes(file.read_bytes().replace(b"10.5", b"11.5"))
    assert recall("prices", "one", dict[str, float]) is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_what_others_could_have_written_is_not_read(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a shared folder another user may put a file under the name that is looked for; the umask is no matter."""
    before = os.umask(0)
    try:
        keep("prices", "one", [1])
    finally:
        os.umask(before)
    file = cache / "prices" / "one.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert recall("prices", "one", list[int]) == [1]
    file.chmod(0o622)
    assert recall("prices", "one", list[int]) is None
    file.chmod(0o600)
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    assert recall("prices", "one", list[int]) is None


def test_a_link_that_waits_under_the_name_of_the_part_is_not_followed(cache: Path, tmp_path: Path) -> None:
    """Whoever can guess the name could have any file of the user overwritten."""
    (cache / "prices").mkdir(parents=True)
    (tmp_path / "precious").write_text("mine")
    (cache / "prices" / f"one.{os.getpid()}.part").symlink_to(tmp_path / "precious")
    keep("prices", "one", [1])
    assert (tmp_path / "precious").read_text() == "mine"


def test_a_user_without_a_home_has_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder that is called `~` is made where one happens to be."""
    monkeypatch.setattr(kept.platformdirs, "user_cache_dir", lambda name: f"~/.cache/{name}")
    monkeypatch.chdir(tmp_path)
    keep("prices", "one", [1])
    assert recall("prices", "one", list[int]) is None
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_no_utf8_costs_time_only() -> None:
    """Files may be called anything."""
    keep("files", "one", "\udcff")
    assert recall("files", "one", str) is None


@pytest.mark.parametrize("content", [b"", b"[1", b'{"a": 1}', b"\xff", b"[" * 100_000])
def test_what_is_broken_is_as_if_it_were_not_there(cache: Path, content: bytes) -> None:
    """A cut or foreign file is not read."""
    keep("catalog", "one", [1])
    (cache / "catalog" / "one.json").write_bytes(content)
    assert recall("catalog", "one", list[int]) is None


def test_a_place_that_cannot_be_written_costs_time_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    keep("catalog", "one", [1])
    assert recall("catalog", "one", list[int]) is None
