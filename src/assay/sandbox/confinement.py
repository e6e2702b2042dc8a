"""The walls that a process builds around itself, where no namespaces do: Landlock and a system-call filter.

Sent as text to the interpreter in a box, before anything of the job is there; it imports nothing of ours.
Landlock: https://docs.kernel.org/userspace-api/landlock.html and `linux/landlock.h`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct

TYPE_CHECKING = False  # typing takes longer to import than all the rest
if TYPE_CHECKING:
    from typing import Any

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every machine
_PATH_BENEATH = 1
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SECCOMP_MODE_FILTER = 2

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_READ = _READ_FILE | _READ_DIR
_WORK = _READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER | _TRUNCATE

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class _Program(ctypes.Structure):
    """`struct sock_fprog`: a filter's length in instructions, and where it stands."""

    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]


def build(setup: dict[str, Any]) -> None:
    """Die with the parent, gain no privileges, see the listed files, make the permitted calls; for good.

    Raises:
        OSError: one of them was refused by the kernel.
    """
    _check(_libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0), "PR_SET_PDEATHSIG")
    if os.getppid() != setup["parent"]:  # it died before we could ask to be told
        os._exit(1)
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")
    if setup["abi"]:
        _restrict_files(setup)
    if setup["filter"]:
        steps = setup["filter"]
        program = _Program(len(steps) // 8, steps)
        _check(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0), "PR_SET_SECCOMP")


def _restrict_files(setup: dict[str, Any]) -> None:
    rights = 0x7FFF if setup["abi"] < 5 else 0xFFFF
    network, scopes = (3 if setup["abi"] >= 4 else 0), (3 if setup["abi"] >= 6 else 0)
    known = 8 if setup["abi"] < 4 else 16 if setup["abi"] < 6 else 24
    attributes = struct.pack("=QQQ", rights, network, scopes)[:known]
    ruleset = _check(_libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(known), 0), "landlock_create_ruleset")
    for path in setup["readable"]:
        _permit(ruleset, path, _READ)
    for path in setup["devices"]:
        _permit(ruleset, path, _READ_FILE | _WRITE_FILE)
    _permit(ruleset, setup["folder"], _WORK)
    _check(_libc.syscall(_RESTRICT_SELF, ruleset, 0), "landlock_restrict_self")
    os.close(ruleset)


def _permit(ruleset: int, path: str, rights: int) -> None:
    beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not os.path.isdir(path):
            rights &= _READ_FILE | _WRITE_FILE
        rule = struct.pack("=Qi", rights, beneath)
        _check(_libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0), f"landlock_add_rule for {path}")
    finally:
        os.close(beneath)


def _check(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result
