"""A page in its file: all of it, or what was there before."""

from __future__ import annotations

import contextlib
from pathlib import Path

from assay.errors import ReportError

__all__ = ["written"]


def written(path: Path | str, text: str, option: str = "-o") -> Path:
    """Write a text to a file, in one step; `option` names the file on the command line.

    Raises:
        ReportError: the file cannot be written.
    """
    place = Path(path)
    if place.is_dir():
        raise ReportError(f"cannot write {place}: it is a folder; name a file in it with {option}")
    temporary = place.with_name(f".{place.name}.part")
    try:
        temporary.write_text(text, "utf-8")
        temporary.replace(place)
    except OSError as error:
        with contextlib.suppress(OSError):  # it may be that not even this can be done there
            temporary.unlink()
        raise ReportError(f"cannot write {place}: {error.strerror}; name another file with {option}") from error
    return place
