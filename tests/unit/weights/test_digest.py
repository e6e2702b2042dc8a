import hashlib
import os
from pathlib import Path

import pytest

from assay.errors import WeightsError
from assay.weights import digest
from assay.weights.digest import sha256_of


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file to digest."""
    path = tmp_path / "m.gguf"
    path.write_bytes(b"weights" * 1000)
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """An empty cache folder."""
    return tmp_path / "cache"


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every reading of a file fail the test."""

    def refuse(path: Path) -> str:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(digest, "_hash", refuse)


def entry(cache: Path) -> Path:
    """The one file of the cache."""
    (place,) = (cache / "digests").iterdir()
    return place


def test_is_the_sha256(weights: Path, cache: Path) -> None:
    """The digest is what hashlib says of the whole content."""
    assert sha256_of(weights, cache_dir=cache) == hashlib.sha256(b"weights" * 1000).hexdigest()


def test_a_second_look_does_not_read_the_file(weights: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest is remembered."""
    first = sha256_of(weights, cache_dir=cache)
    forbid_reading(monkeypatch)
    assert sha256_of(weights, cache_dir=cache) == first


def test_fresh_reads_the_file(weights: Path, cache: Path) -> None:
    """A change that forges size, time and inode is found by `fresh` alone."""
    first = sha256_of(weights, cache_dir=cache)
    stat = weights.stat()
    with weights.open("r+b") as file:
        file.write(b"W")
    os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert sha256_of(weights, cache_dir=cache) == first
    assert sha256_of(weights, fresh=True, cache_dir=cache) != first


def test_a_changed_file_is_read_again(weights: Path, cache: Path) -> None:
    """A new size or time makes what is remembered worthless."""
    first = sha256_of(weights, cache_dir=cache)
    weights.write_bytes(b"other")
    assert sha256_of(weights, cache_dir=cache) != first


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b'{"path": 3}', b"\xff\xfe", b"0" * 100_000])
def test_a_damaged_cache_is_ignored(weights: Path, cache: Path, damage: bytes) -> None:
    """Whatever lies in the cache file, the answer is right, and the entry is repaired."""
    first = sha256_of(weights, cache_dir=cache)
    entry(cache).write_bytes(damage)
    assert sha256_of(weights, cache_dir=cache) == first
    assert entry(cache).read_bytes() != damage


def test_an_entry_without_a_digest_is_ignored(weights: Path, cache: Path) -> None:
    """An entry whose digest is no digest counts as damaged."""
    first = sha256_of(weights, cache_dir=cache)
    place = entry(cache)
    place.write_bytes(place.read_bytes().replace(first.encode(), b"zz"))
    assert sha256_of(weights, cache_dir=cache) == first


def test_a_cache_that_cannot_be_written_does_not_matter(weights: Path, tmp_path: Path) -> None:
    """The digest is computed, and nothing is left behind."""
    blocked = tmp_path / "file"
    blocked.touch()
    assert len(sha256_of(weights, cache_dir=blocked)) == 64


def test_a_missing_file_is_a_weights_error(tmp_path: Path) -> None:
    """No OSError leaves the function."""
    with pytest.raises(WeightsError, match="No such file"):
        sha256_of(tmp_path / "none", cache_dir=tmp_path)


def test_a_file_that_changes_while_it_is_read(weights: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A digest of mixed content is never given out."""
    real = digest._hash

    def grow(path: Path) -> str:
        result = real(path)
        path.write_bytes(b"changed")
        return result

    monkeypatch.setattr(digest, "_hash", grow)
    with pytest.raises(WeightsError, match="changed while it was read"):
        sha256_of(weights, cache_dir=cache)
    assert not (cache / "digests").exists()
