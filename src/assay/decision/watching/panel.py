"""What is asked of a deployment, every day the same: canaries of a suite, and border inputs. Kept beside the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import msgspec

from assay.errors import DecisionError
from assay.types import Value
from assay.whole_file import write_whole

__all__ = ["Border", "Panel", "change_panel", "panels_path", "read_panels", "write_panels"]

VERSION = 1


class Border(Value, frozen=True, kw_only=True):
    """A short prompt whose answer at temperature 0 hangs by a hair.

    Attributes:
        prompt: as a user says it.
        usual: what was mostly answered when it was found.
        gap: between the logarithms of the probabilities of the two best tokens, where it is narrowest; None = not told.
        ways: how many different answers came while it was looked for, to these words and to much the same ones.
    """

    prompt: str
    usual: str
    gap: float | None = None
    ways: int = 1

    @property
    def id(self) -> str:
        """Of its observations."""
        return sha256(self.prompt.encode()).hexdigest()[:16]


class Panel(Value, frozen=True, kw_only=True):
    """What is asked of one target.

    Attributes:
        began_at: seconds since 1970; what was seen before does not count.
        facts_sha256: of what decides its scores on our side: prompts and settings, samples and graders.
        canaries: ids of samples.
        wanted: how many canaries there were to be; a small suite has fewer.
        left_out: samples that may not be sent to it.
    """

    target: str
    began_at: float
    facts_sha256: str
    canaries: tuple[str, ...] = ()
    wanted: int = 0
    left_out: int = 0
    borders: tuple[Border, ...] = ()

    @property
    def digest(self) -> str:
        """Sha256 (hex) of what began then: border inputs that are found later do not begin it anew."""
        return sha256(msgspec.json.encode((self.target, self.began_at, self.facts_sha256))).hexdigest()


class _Panels(Value, frozen=True, kw_only=True):
    version: int
    panels: dict[str, Panel]


def panels_path(ledger_path: Path) -> Path:
    """Where the panels of a ledger are kept."""
    return ledger_path.with_name(f"{ledger_path.name}.watch.json")


def read_panels(path: Path) -> dict[str, Panel]:
    """The panels that are kept, by target; empty if none are.

    Raises:
        DecisionError: they cannot be read.
    """
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_Panels)
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise DecisionError(f"what is watched in {path} cannot be read ({error}); delete it to begin anew") from error
    if kept.version != VERSION:
        raise DecisionError(f"{path} has version {kept.version}, this assay reads {VERSION}; delete it to begin anew")
    return kept.panels


def change_panel(path: Path, target: str, change: Callable[[Panel | None], Panel]) -> None:
    """Keep another panel of one target; what other processes keep of others at the same time stays.

    Args:
        path: of the panels.
        target: whose.
        change: from the panel that is kept now; None = there is none.

    Raises:
        DecisionError: they cannot be read or written.
    """
    with _alone(path):
        panels = read_panels(path)
        write_panels(path, {**panels, target: change(panels.get(target))})


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time, where the system has such locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    try:
        lock = path.with_name(f".{path.name}.lock").open("a")
    except OSError as error:
        raise DecisionError(f"what is watched cannot be kept in {path}: {error.strerror}") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write_panels(path: Path, panels: dict[str, Panel]) -> None:
    """Keep the panels, in one step.

    Raises:
        DecisionError: they cannot be written.
    """
    kept = msgspec.json.encode(_Panels(version=VERSION, panels=panels))
    try:
        write_whole(path, msgspec.json.format(kept, indent=1))
    except OSError as error:
        raise DecisionError(f"what is watched cannot be kept in {path}: {error.strerror}") from error
