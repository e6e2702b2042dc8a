"""The filter that the kernel asks at every system call of a box: what model-written code may not even try.

It is classic BPF (https://docs.kernel.org/userspace-api/seccomp_filter.html), made here, for x86_64 and aarch64.
A call of another architecture kills the process, for its numbers mean other calls; what is newer than our knowledge
does not exist (ENOSYS); what is listed is not permitted (EPERM); the rest is let through, to the other walls.

There are two filters. Behind namespaces the box has files, processes and users of its own, so the filter is about
making processes, sockets and the kernel's rarely needed interfaces. The `strict` one is for a box that shares them
with its host: it also forbids what Landlock does not govern, which is programs, the modes, owners, times and
attributes of files, links, and signals, priorities and limits of other processes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from assay.errors import SandboxUnavailable
from assay.sandbox.syscalls import LAST_KNOWN, NUMBERS

__all__ = ["MACHINES", "Step", "build", "encode"]

MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""Machines that there is a table for, with their AUDIT_ARCH number (linux/audit.h)."""

_FORBIDDEN = (
    # processes: their making, and a hand in others'
    "fork vfork execveat ptrace process_vm_readv process_vm_writev process_madvise process_mrelease kcmp pidfd_open "
    "pidfd_getfd pidfd_send_signal get_robust_list "
    # the kernel's interfaces with a record of faults, or of no use here
    "bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register add_key request_key keyctl syslog "
    "io_setup "  # its places are counted for the whole machine: a box could take them all
    "lookup_dcookie personality modify_ldt ioperm iopl uselib create_module sysfs _sysctl nfsservctl vserver "
    # namespaces and mounts
    "unshare setns mount umount2 pivot_root chroot fsopen fsconfig fsmount fspick move_mount open_tree mount_setattr "
    "name_to_handle_at open_by_handle_at quotactl quotactl_fd "
    # the machine
    "kexec_load kexec_file_load init_module finit_module delete_module reboot swapon swapoff acct settimeofday "
    "clock_settime clock_adjtime adjtimex sethostname setdomainname vhangup "
    # memory that outlives a process or escapes its limits
    "shmget shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl mq_open mq_unlink "
    "mq_timedsend mq_timedreceive mq_notify mq_getsetattr memfd_create memfd_secret mbind set_mempolicy "
    "set_mempolicy_home_node migrate_pages move_pages "
    # sockets, and what is told of others' files
    "socket connect bind listen accept accept4 sendmsg sendmmsg recvmsg recvmmsg "
    "inotify_init inotify_init1 inotify_add_watch fanotify_init fanotify_mark"
)
_FORBIDDEN_STRICT = (
    "execve chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes utimensat futimesat "
    "setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr "
    "lremovexattr fremovexattr link linkat symlink symlinkat mknod mknodat "
    "setpriority ioprio_set sched_setscheduler sched_setparam sched_setattr sched_setaffinity tkill"
)

_CLONE_THREAD, _CLONE_FILES = 0x00010000, 0x00000400
_CLONE_NEW = 0x7E020000  # every namespace that clone (and not only clone3) can make
_AF_UNIX, _SOCK_STREAM, _SOCK_TYPE = 1, 1, 0xF
# set the owner and the signal of a descriptor's events (F_SETOWN, F_SETSIG, F_SETOWN_EX), leases, directory events
_FCNTL_DENIED = (8, 10, 15, 1024, 1026)
# TCGETS, TCGETS2, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX: what an interpreter asks of its files
_IOCTL_ALLOWED = (0x5401, 0x802C542A, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4  # to outlive us, and to hide its open files from us

_LOAD, _AND, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_EPERM, _ENOSYS = 0x00050001, 0x00050026


class Step(NamedTuple):
    """One instruction: operation, steps to skip when its test holds and when not, operand."""

    code: int
    if_true: int
    if_false: int
    operand: int


def build(machine: str, *, strict: bool, pid: int = 0) -> list[Step]:
    """The filter for a `machine` as `platform.machine()` names it.

    Args:
        machine: a key of `MACHINES`.
        strict: for a box that shares files and processes with its host.
        pid: with `strict`, the process that may send signals to itself.

    Raises:
        SandboxUnavailable: there is no table for the machine.
    """
    if machine not in MACHINES:
        raise SandboxUnavailable(f"no system-call filter for {machine!r}; there is one for {' and '.join(MACHINES)}")
    column = list(MACHINES).index(machine)
    program = [_load(4), _test(_EQUAL, MACHINES[machine], 1, 0), _answer(_KILL), _load(0)]
    if machine == "x86_64":
        program += [_test(_AT_LEAST, 0x40000000, 0, 1), _answer(_KILL)]  # x32: other numbers, same architecture
    program += [_test(_AT_LEAST, LAST_KNOWN + 1, 0, 1), _answer(_ENOSYS)]
    for name in [*_FORBIDDEN.split(), *(_FORBIDDEN_STRICT.split() if strict else ())]:
        number = NUMBERS[name][column]
        if number is not None:
            program += [_test(_EQUAL, number, 0, 1), _answer(_EPERM)]
    for name, body in (_by_argument() | (_by_argument_strict(pid) if strict else {})).items():
        number = NUMBERS[name][column]
        if number is not None:
            program += [_test(_EQUAL, number, 0, len(body)), *body]
    return [*program, _answer(_ALLOW)]


def encode(program: Sequence[Step]) -> bytes:
    """The program as an array of the kernel's `struct sock_filter`."""
    return b"".join(struct.pack("=HBBI", *step) for step in program)


def _by_argument() -> dict[str, list[Step]]:
    """Calls that depend on an argument. A body always answers, so what it loads does not matter to the next one."""
    return {
        "clone3": [_answer(_ENOSYS)],  # its flags are out of a filter's sight; the C library then takes clone
        "clone": [
            _argument(0), _test(_ANY_BIT, _CLONE_NEW, 0, 1), _answer(_EPERM),
            _test(_ANY_BIT, _CLONE_THREAD, 1, 0), _answer(_EPERM),
            _test(_ANY_BIT, _CLONE_FILES, 1, 0), _answer(_EPERM), _answer(_ALLOW),  # none may hide open files
        ],
        "socketpair": [  # an event loop wakes itself with one; a stream cannot be sent anywhere else
            _argument(0), _test(_EQUAL, _AF_UNIX, 1, 0), _answer(_EPERM),
            _argument(1), Step(_AND, 0, 0, _SOCK_TYPE), _test(_EQUAL, _SOCK_STREAM, 1, 0), _answer(_EPERM),
            _answer(_ALLOW),
        ],
        "sendto": [
            _argument(4), _test(_EQUAL, 0, 1, 0), _answer(_EPERM),
            _argument(4, high=True), _test(_EQUAL, 0, 1, 0), _answer(_EPERM), _answer(_ALLOW),
        ],
        "fcntl": _unless(1, _FCNTL_DENIED),
        "ioctl": _only(1, _IOCTL_ALLOWED),
    }  # fmt: skip


def _by_argument_strict(pid: int) -> dict[str, list[Step]]:
    to_itself = _only(0, (pid,))
    signals = dict.fromkeys(("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"), to_itself)
    return signals | {"prlimit64": _only(0, (0, pid)), "prctl": _unless(0, (_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE))}


def _only(argument: int, values: Sequence[int]) -> list[Step]:
    allowed = [step for value in values for step in (_test(_EQUAL, value, 0, 1), _answer(_ALLOW))]
    return [_argument(argument), *allowed, _answer(_EPERM)]


def _unless(argument: int, values: Sequence[int]) -> list[Step]:
    denied = [step for value in values for step in (_test(_EQUAL, value, 0, 1), _answer(_EPERM))]
    return [_argument(argument), *denied, _answer(_ALLOW)]


def _load(offset: int) -> Step:
    """Load a word of `struct seccomp_data`: 0 is the call's number, 4 the architecture, 16 the first argument."""
    return Step(_LOAD, 0, 0, offset)


def _argument(index: int, *, high: bool = False) -> Step:
    """Load half of an argument. The low half is what counts where the kernel takes an int."""
    return _load(16 + 8 * index + 4 * high)


def _test(code: int, operand: int, if_true: int, if_false: int) -> Step:
    return Step(code, if_true, if_false, operand)


def _answer(value: int) -> Step:
    return Step(_RETURN, 0, 0, value)
