"""The interpreter that runs in a box: the one that runs us, without its site-packages, and the files it needs."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

__all__ = ["ENVIRONMENT", "arguments", "environment", "executable", "needed", "owner_mark", "packages", "text_of"]

ENVIRONMENT: Mapping[str, str] = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",  # the order of a set must not decide whether an answer is right
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}

# Libraries that the interpreter and compiled packages are linked with, the linker's list of them, and time zones.
_SYSTEM = ("/usr/lib", "/usr/lib32", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo")


@cache
def executable() -> Path:
    """The real file of the base interpreter, behind virtual environments and links."""
    return Path(os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable))


@cache
def text_of(module: ModuleType) -> str:
    """A module of ours as text, to run in a box; read once, so that an upgrade beneath us mixes no versions."""
    return Path(str(module.__file__)).read_text(encoding="utf-8")


def arguments(program: str) -> list[str]:
    """A command that runs a `program` text: without user site, unsafe path, site-packages or an environment but ours.

    `-I` would do as much, and ignore PYTHONHASHSEED too. The last word tells in a list of processes whose box it is.
    """
    return [str(executable()), "-s", "-P", "-S", "-c", program, owner_mark(os.getpid())]


def owner_mark(pid: int) -> str:
    """What the command line of every box of process `pid` ends with."""
    return f"box-of-{pid}"


def environment(home: str, temporary: str) -> dict[str, str]:
    """The whole environment of a box.

    An interpreter may name its shared library relative to itself ($ORIGIN). The linker learns where that is from /proc,
    which a box has not, and else would take the system's library of another version, or none (man 8 ld.so).
    """
    return {**ENVIRONMENT, "HOME": home, "TMPDIR": temporary, "LD_ORIGIN_PATH": str(executable().parent)}


@cache
def needed() -> tuple[Path, ...]:
    """Files and folders that the interpreter reads to start and to import its own library."""
    base = executable().parent.parent
    own = [executable(), base / "lib", base / "lib64"]
    return tuple(path for path in [*map(Path, _SYSTEM), *own] if path.exists())


@cache
def packages() -> tuple[Path, ...]:
    """The folders of this environment's installed packages."""
    paths = sysconfig.get_paths()
    return tuple(dict.fromkeys(Path(paths[name]) for name in ("purelib", "platlib") if os.path.isdir(paths[name])))
