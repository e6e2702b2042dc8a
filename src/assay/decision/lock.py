"""`assay.lock`: the frozen choices, one per kind. Generated, read by people, reviewed like code."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import msgspec
import tomli_w

from assay.errors import DecisionError
from assay.types import Value

FILE_NAME = "assay.lock"
VERSION = 1
_HEAD = "# Written by `assay pin`. Review it like code; `assay check` proves it again.\n\n"


class Pin(Value, frozen=True, kw_only=True):
    """One kind's frozen choice.

    Attributes:
        target: deployment or route that serves the kind.
        facts: what decides its answers (`assay.inference.identity.target_facts`).
        passed: of `samples`, the ones it was chosen on.
        made_up: whether the samples are synthetic: of real work nothing is proven.
        tolerated_regression: how much lower, as a share, it may score when it is proved again.
    """

    target: str
    bar: float
    passed: int
    tolerated_regression: float
    run: str
    samples: tuple[str, ...]
    facts: dict[str, str]
    made_up: bool = False


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
        lock = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Lock)
    except FileNotFoundError:
        raise DecisionError(f"no {path}; run `assay choose`, then `assay pin`") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise DecisionError(f"{path} cannot be read ({error}); write it anew with `assay pin`") from error
    if lock.version != VERSION:
        raise DecisionError(
            f"{path} has version {lock.version}, this assay reads {VERSION}; write it anew with `assay pin`"
        )
    return lock


def write_lock(path: Path, lock: Lock) -> None:
    """Write the file in one step: a reader sees the old or the new one, never half of it."""
    text = _HEAD + tomli_w.dumps(msgspec.to_builtins(lock), multiline_strings=False)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, "utf-8")
    temporary.replace(path)
