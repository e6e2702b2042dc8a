"""A page in its file: all of it, or what was there before."""

from __future__ import annotations

from pathlib import Path

from assay.errors import ReportError
from assay.whole_file import write_whole

__all__ = ["written"]


def written(path: Path | str, text: str, option: str = "-o") -> Path:
    """Write a text to a file, in one step; `option` names the file on the command line.

    Raises:
        ReportError: the file cannot be written.
    """
    place = Path(path)
    if place.is_dir():
        raise ReportError(f"cannot write {place}: it is a folder; name a file in it with {option}")
    try:
        write_whole(place, text.encode())
    except OSError as error:
        raise ReportError(f"cannot write {place}: {error.strerror}; name another file with {option}") from error
    return place
