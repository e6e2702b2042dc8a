"""Which walls this machine has, told by running something behind each of them, once per process."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

from assay.errors import SandboxError, SandboxUnavailable
from assay.sandbox.box import Box, Job
from assay.sandbox.bubblewrap import Bubblewrap, binaries
from assay.sandbox.limits import Limits

__all__ = ["BACKENDS", "Backend", "Finding", "available", "choose"]


class Backend(Protocol):
    """One way to build walls."""

    name: str

    def start(self, limits: Limits, readable: Sequence[Path]) -> Box:
        """Start a box; `Box.ready` waits for it."""
        ...


def _landlock() -> list[Backend]:
    from assay.sandbox.landlock import Landlock  # of modules that only Unix has; checks are imported everywhere

    return [Landlock()]


BACKENDS: dict[str, Callable[[], Iterable[Backend]]] = {
    "bubblewrap": lambda: map(Bubblewrap, binaries()),
    "landlock": _landlock,
}
"""The back ends, best first, each with the ways to have it here."""

_LIMITS = Limits(wall_s=20.0, work_files=50)
_HELD = b"held\n"
# Each line must fail behind walls; then too many files, for which the box must be stopped.
_ATTEMPT = """
import os, socket, sys, time
def passes(what, attempt):
    try:
        attempt()
    except OSError:
        return
    print(what, "gets through")
passes("reading a file outside", lambda: open(sys.argv[1]).read())
passes("writing a file outside", lambda: open(sys.argv[1] + ".made", "w"))
passes("making a process", lambda: os.fork() or os._exit(0))
passes("making a socket", lambda: socket.socket())
passes("sending a signal", lambda: os.kill(int(sys.argv[2]), 0))
print("held", flush=True)
for number in range(200):
    open(str(number), "w").close()
time.sleep(60)
"""


class Finding(NamedTuple):
    """Whether a back end works here; if not, `reason` says why and what to do."""

    backend: str
    works: bool
    reason: str


@cache
def _probed(name: str) -> Backend | str:
    """The working back end, or why it does not work."""
    if not sys.platform.startswith("linux"):
        return f"the sandbox needs Linux, this is {sys.platform}"
    reasons = []
    try:
        for backend in BACKENDS[name]():
            reason = _reason_against(backend)
            if reason is None:
                return backend
            reasons.append(reason)
    except (SandboxError, OSError) as error:
        reasons.append(str(error))
    return "; ".join(dict.fromkeys(reasons))


def _reason_against(backend: Backend) -> str | None:
    try:
        return _faults(backend)
    except (SandboxError, OSError) as error:
        return str(error)


def _faults(backend: Backend) -> str | None:
    with tempfile.TemporaryDirectory(prefix="assay-probe-") as folder:
        outside = Path(folder, "outside")
        outside.touch()
        argv = (str(outside), str(os.getpid()))
        box = backend.start(_LIMITS, ())
        try:
            box.ready()
            outcome = box.run(Job(_ATTEMPT, {}, argv, (), b""))
        finally:
            box.close()
    if outcome.stdout != _HELD:
        said = (outcome.stdout or outcome.stderr).decode("utf-8", "replace").strip()
        return f"its walls do not hold: {said[-500:]}"
    if outcome.stopped is None or "files" not in outcome.stopped:
        return f"its work folder cannot be watched ({outcome.stopped})"
    return None


def available() -> tuple[Finding, ...]:
    """What each back end is worth on this machine, best first. Runs something behind each, once per process."""
    probed = {name: _probed(name) for name in BACKENDS}
    return tuple(
        Finding(name, not isinstance(found, str), found if isinstance(found, str) else "works")
        for name, found in probed.items()
    )


def choose(name: str | None = None) -> Backend:
    """The back end of that name, or the best that works.

    Raises:
        SandboxUnavailable: it does not work here, or none does; the message has the reason of each.
    """
    if name is not None and name not in BACKENDS:
        raise SandboxUnavailable(f"no sandbox back end {name!r}; there are {' and '.join(BACKENDS)}")
    reasons = []
    for candidate in BACKENDS if name is None else (name,):
        found = _probed(candidate)
        if not isinstance(found, str):
            return found
        reasons.append(f"{candidate}: {found}")
    raise SandboxUnavailable(
        f"model-written code is not run on this machine, for nothing would hold it ({'; '.join(reasons)})"
    )
