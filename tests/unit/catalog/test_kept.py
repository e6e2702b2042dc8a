"""What is worked out once per machine."""

import os
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("content", [b"", b"[1", b'{"a": 1}', b"\xff"])
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
