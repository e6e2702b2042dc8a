"""The second choice of walls, where namespaces are forbidden: Landlock, a strict system-call filter, limits.

The process keeps its user, its process numbers and its view of the file system; the kernel refuses what it tries to
do with them. It may read the interpreter and the system's libraries, write to one private folder, and nothing else.

What this cannot do, and `tests/unit/sandbox/test_landlock.py` shows:

- Outside paths can be asked for (`stat`, `access`, `readlink`, `chdir`): whether they exist, their size and times.
  Their content, and what is in a folder, cannot.
- Modes, owners, times and attributes of files cannot be changed, not even of its own; nor can links be made, so
  `shutil.copy` and `os.chmod` fail where they would work behind namespaces.
- The size of the work folder is looked at 20 times a second, not enforced: a fast writer exceeds it by what it
  writes in between, at most `file_bytes` for each file.
  A file that is mapped, but neither named nor open, is not seen: at most `memory_bytes` of them.
- The names of the machine, the user and the process are the real ones.
- If our process is killed, the box dies with it, but its folder stays until the next room sweeps it up.

It needs ABI 3 (kernel 6.2): before, files could be cut to nothing that may not be written.
"""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from assay.errors import SandboxUnavailable
from assay.sandbox import confinement, guest, interpreter, seccomp
from assay.sandbox.box import Box
from assay.sandbox.folder import Folder, sweep
from assay.sandbox.limits import Limits

__all__ = ["Landlock", "abi"]

_NEEDED_ABI = 3
_CREATE_RULESET, _VERSION = 444, 1
_WRITABLE_DEVICES = ("/dev/null",)
_READABLE_DEVICES = ("/dev/zero", "/dev/random", "/dev/urandom")


def abi() -> int:
    """The version of Landlock that this kernel speaks; 0 = none."""
    if sys.platform != "linux":
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return max(0, int(libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)))


class Landlock:
    """Starts boxes behind Landlock.

    Args:
        without: walls to leave out, for the harness that shows what each one holds off: `seccomp`, `files`,
            `environment`.

    Raises:
        SandboxUnavailable: the kernel is too old, there is no filter for this machine, or we are root, whose rights
            reach what Landlock does not govern.
    """

    name = "landlock"

    def __init__(self, *, without: frozenset[str] = frozenset()) -> None:
        self._abi = abi()
        if self._abi < _NEEDED_ABI:
            raise SandboxUnavailable(f"the kernel has Landlock ABI {self._abi}; {_NEEDED_ABI} is needed (Linux 6.2)")
        if os.geteuid() == 0:
            raise SandboxUnavailable("Landlock does not hold root; start assay as an ordinary user")
        seccomp.build(platform.machine(), strict=True)
        self._without = without
        sweep()

    def start(self, limits: Limits, readable: Sequence[Path]) -> Box:
        """Start a box that can read `readable`; the process is young, and `Box.ready` waits for it."""
        folder = Folder(limits)
        try:
            process = subprocess.Popen(  # noqa: S603 - the command is ours; the code is data
                interpreter.arguments(interpreter.text_of(guest)),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
                env=self._environment(folder), cwd=folder.work, start_new_session=True,
            )  # fmt: skip
        except BaseException:  # the folder must not stay, whatever it was
            folder.close()
            raise
        steps = seccomp.build(platform.machine(), strict=True, pid=process.pid)
        setup = {
            "work": str(folder.work),
            "walls": interpreter.text_of(confinement),
            "limits": limits.resources(),
            "parent": os.getpid(),
            "abi": 0 if "files" in self._without else self._abi,
            "filter": b"" if "seccomp" in self._without else seccomp.encode(steps),
            "readable": [str(path) for path in (*interpreter.needed(), *map(Path, _READABLE_DEVICES), *readable)],
            "devices": list(_WRITABLE_DEVICES),
            "folder": str(folder.path),
        }
        return Box(process, setup, limits, folder)

    def _environment(self, folder: Folder) -> dict[str, str]:
        own = interpreter.environment(str(folder.work), str(folder.temporary))
        return {**os.environ, **own} if "environment" in self._without else own
