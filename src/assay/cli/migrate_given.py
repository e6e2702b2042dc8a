"""What `assay migrate` was asked for on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

__all__ = ["Given"]


class Given(NamedTuple):
    """The arguments and options, by the names that `assay migrate --help` gives them."""

    old: str | None
    new: str | None
    margin: float | None
    error: float
    folder: str | None
    kinds: tuple[str, ...]
    split: str | None
    traffic: int
    since: float
    judge: str | None
    adapt: bool
    adapt_answers: int | None
    seed: int
    concurrency: int
    max_usd: float | None
    write: Path | None
    route: str | None
    canary: float
    force: bool
    pin: bool
    status: str | None
    back: Path | None
    html: str | None
    config: str | None
    as_json: bool
