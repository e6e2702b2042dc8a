"""`assay.lock`: the frozen choices, one per kind. Generated, read by people, reviewed like code."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import tomli_w

from assay.errors import DecisionError
from assay.types import Value
from assay.whole_file import write_whole

FILE_NAME = "assay.lock"
VERSION = 2
"""That is written. Version 1, which is read as well, does not say which of the samples passed, nor what they were."""
READABLE = (1, VERSION)
_HEAD = "# Written by assay. Review it like code; `assay check` proves it again, `assay rollback` goes back.\n\n"


class Pin(Value, frozen=True, kw_only=True):
    """One kind's frozen choice.

    Attributes:
        target: deployment or route that serves the kind.
        facts: what decides its answers (`assay.inference.identity.target_facts`).
        passed: of `samples`, the ones it was chosen on; `failed` are those that did not.
        made_up: whether the samples are synthetic: of real work nothing is proven.
        tolerated_regression: how much lower, as a share, it may score when it is proved again.
        samples_sha256: of all that decides their scores (`assay.evals.suites.digest`), and `judges_sha256` of the
            models that grade them; empty = not known, so that the suite as a whole must be unchanged.
    """

    target: str
    bar: float
    passed: int
    tolerated_regression: float
    run: str
    samples: tuple[str, ...]
    facts: dict[str, str]
    made_up: bool = False
    failed: tuple[str, ...] = ()
    samples_sha256: str = ""
    judges_sha256: str = ""


class Lock(Value, frozen=True, kw_only=True):
    """The whole file: the route `route` serves each kind with its pin, and refuses the kinds in `unproven`."""

    version: int
    route: str
    suite: str
    suite_digest: str
    config_digest: str
    decision: str
    pinned_at: str
    seed: int
    kinds: dict[str, Pin]
    unproven: dict[str, str] = {}


def read_lock(path: Path) -> Lock:
    """The lock in a file.

    Raises:
        DecisionError: it is missing or cannot be read.
    """
    try:
        lock = msgspec.convert(tomllib.loads(path.read_text("utf-8-sig")), Lock)
    except FileNotFoundError:
        raise DecisionError(f"no {path}; run `assay choose`, then `assay pin`") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise DecisionError(
            f"{path} cannot be read ({error}); write it anew with `assay pin`, or go back with `assay rollback`"
        ) from error
    if lock.version not in READABLE:
        raise DecisionError(
            f"{path} has version {lock.version}, this assay reads {VERSION}; write it anew with `assay pin`"
        )
    return lock


def pinned_beside(file: Path) -> str | None:
    """The route that the lock beside a configuration pins; None where there is no lock.

    Raises:
        DecisionError: it cannot be read.
    """
    lock = file.with_name(FILE_NAME)
    return read_lock(lock).route if lock.exists() else None


def write_lock(path: Path, lock: Lock) -> None:
    """Write the file in one step: a reader sees the old or the new one, never half of it.

    Raises:
        DecisionError: it cannot be written.
    """
    text = _HEAD + tomli_w.dumps(msgspec.to_builtins(lock), multiline_strings=False)
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise DecisionError(f"cannot write {path}: {error.strerror}; what stood there is as it was") from error
