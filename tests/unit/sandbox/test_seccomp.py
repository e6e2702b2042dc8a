"""The system-call filter, run by a small interpreter of BPF: what each machine's kernel would answer."""

from __future__ import annotations

import errno
import struct

import pytest

from assay.errors import SandboxUnavailable
from assay.sandbox.seccomp import MACHINES, Step, build, encode
from assay.sandbox.syscalls import LAST_KNOWN, NUMBERS

ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, ENOSYS = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
PID = 4242

# Numbers written down a second time, from the manual of each machine and not from the table under test.
X86 = {
    "read": 0, "write": 1, "mmap": 9, "rt_sigaction": 13, "ioctl": 16, "socket": 41, "connect": 42, "sendto": 44,
    "socketpair": 53, "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "kill": 62, "fcntl": 72, "chmod": 90,
    "ptrace": 101, "symlink": 88, "prctl": 157, "mount": 165, "futex": 202, "tgkill": 234, "openat": 257,
    "unshare": 272, "prlimit64": 302, "process_vm_readv": 310, "getrandom": 318, "memfd_create": 319, "bpf": 321,
    "execveat": 322, "io_uring_setup": 425, "pidfd_open": 434, "clone3": 435, "pidfd_getfd": 438, "io_setup": 206,
    "fchmodat2": 452, "keyctl": 250, "shmget": 29, "userfaultfd": 323, "perf_event_open": 298,
}  # fmt: skip
ARM = {
    "read": 63, "write": 64, "mmap": 222, "rt_sigaction": 134, "ioctl": 29, "socket": 198, "connect": 203,
    "sendto": 206, "socketpair": 199, "clone": 220, "execve": 221, "kill": 129, "fcntl": 25, "fchmodat": 53,
    "ptrace": 117, "symlinkat": 36, "prctl": 167, "mount": 40, "futex": 98, "tgkill": 131, "openat": 56,
    "unshare": 97, "prlimit64": 261, "process_vm_readv": 270, "getrandom": 278, "memfd_create": 279, "bpf": 280,
    "execveat": 281, "io_uring_setup": 425, "pidfd_open": 434, "clone3": 435, "pidfd_getfd": 438, "io_setup": 0,
    "fchmodat2": 452, "keyctl": 219, "shmget": 194, "userfaultfd": 282, "perf_event_open": 241,
}  # fmt: skip
TABLES = {"x86_64": X86, "aarch64": ARM}
both = pytest.mark.parametrize("machine", sorted(MACHINES))


def answer(machine: str, call: str | int, *arguments: int, strict: bool = False, architecture: int = 0) -> int:
    """What the filter says to one call, from the bytes that the kernel would get."""
    number = TABLES[machine][call] if isinstance(call, str) else call
    padded = [*arguments, *[0] * (6 - len(arguments))]
    words = [value & (1 << 64) - 1 for value in padded]
    data = struct.pack("<IIQ6Q", number, architecture or MACHINES[machine], 0, *words)
    return run(encode(build(machine, strict=strict, pid=PID)), data)


def run(program: bytes, data: bytes) -> int:
    """Classic BPF, as far as a filter of system calls uses it."""
    steps = list(struct.iter_unpack("=HBBI", program))
    register = at = 0
    while True:
        code, if_true, if_false, operand = steps[at]
        at += 1
        if code == 0x06:
            return operand
        if code == 0x20:
            register = struct.unpack_from("<I", data, operand)[0]
        elif code == 0x54:
            register &= operand
        else:
            holds = {0x15: register == operand, 0x35: register >= operand, 0x45: bool(register & operand)}[code]
            at += if_true if holds else if_false


@both
def test_what_programs_need_is_let_through(machine: str) -> None:
    """Reading, writing, memory, threads and random numbers are no matter of the filter."""
    for name in ("read", "write", "mmap", "rt_sigaction", "futex", "openat", "getrandom"):
        assert answer(machine, name) == ALLOW, name
        assert answer(machine, name, strict=True) == ALLOW, name


@both
@pytest.mark.parametrize("strict", [False, True])
def test_forbidden_calls(machine: str, strict: bool) -> None:
    """Processes, others' memory, namespaces, mounts, sockets and kernel interfaces answer EPERM on both machines."""
    names = {"fork", "vfork", "execveat", "ptrace", "process_vm_readv", "unshare", "mount", "socket", "connect", "bpf"}
    names |= {"io_uring_setup", "memfd_create", "pidfd_open", "pidfd_getfd", "keyctl", "shmget", "userfaultfd"}
    for name in (names | {"perf_event_open", "io_setup"}) & TABLES[machine].keys():
        assert answer(machine, name, strict=strict) == EPERM, name


@both
def test_only_the_strict_filter_forbids_what_namespaces_make_harmless(machine: str) -> None:
    """Programs, modes and links of files are a matter of the filter only where files are shared with the host."""
    for name in {"execve", "chmod", "fchmodat", "fchmodat2", "symlink", "symlinkat"} & TABLES[machine].keys():
        assert answer(machine, name) == ALLOW, name
        assert answer(machine, name, strict=True) == EPERM, name


@both
def test_another_architecture_is_killed(machine: str) -> None:
    """A call with the numbers of another architecture ends the process: there they mean other calls."""
    for architecture in (0x40000003, 0x40000028, 0xC00000F3):
        assert answer(machine, "read", architecture=architecture) == KILL


def test_x32_is_killed() -> None:
    """On x86_64 the second table of calls, with bit 30 set, ends the process."""
    for number in (0x40000000, 0x40000000 + 41, 0x7FFFFFFF, 0xFFFFFFFF):
        assert answer("x86_64", number) == KILL


@both
def test_newer_calls_do_not_exist(machine: str) -> None:
    """A call that is newer than the lists answers ENOSYS, as on an older kernel."""
    assert answer(machine, LAST_KNOWN) == ALLOW
    for number in (LAST_KNOWN + 1, 463, 512, 0x3FFFFFFF):
        assert answer(machine, number) == ENOSYS


@both
@pytest.mark.parametrize("strict", [False, True])
def test_clone_makes_threads_only(machine: str, strict: bool) -> None:
    """`clone` makes threads that share their open files; no process and no namespace, and `clone3` does not exist."""
    thread = 0x003D0F00  # what pthread_create asks for
    assert answer(machine, "clone", thread, strict=strict) == ALLOW
    assert answer(machine, "clone", 17, strict=strict) == EPERM
    assert answer(machine, "clone", thread & ~0x00010000, strict=strict) == EPERM
    assert answer(machine, "clone", thread & ~0x00000400, strict=strict) == EPERM
    for namespace in (0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
        assert answer(machine, "clone", thread | namespace, strict=strict) == EPERM
    assert answer(machine, "clone3", strict=strict) == ENOSYS


@both
def test_the_one_socket_is_a_pair_of_streams(machine: str) -> None:
    """An event loop gets its pair of sockets; nothing can be sent to an address through it, nor a datagram."""
    assert answer(machine, "socketpair", 1, 1) == ALLOW
    assert answer(machine, "socketpair", 1, 1 | 0x80000 | 0x800) == ALLOW
    for family, kind in ((1, 2), (1, 5), (2, 1), (16, 1)):
        assert answer(machine, "socketpair", family, kind) == EPERM
    assert answer(machine, "sendto", 3, 1000, 4, 0, 0, 0) == ALLOW
    assert answer(machine, "sendto", 3, 1000, 4, 0, 0x1000, 16) == EPERM
    assert answer(machine, "sendto", 3, 1000, 4, 0, 0x100000000, 16) == EPERM


@both
def test_descriptors_carry_no_signals_and_no_terminal_input(machine: str) -> None:
    """`fcntl` sets no owner, signal or lease; `ioctl` knows only what an interpreter asks of its files."""
    for command in (0, 1, 2, 3, 4, 1030, 1031):
        assert answer(machine, "fcntl", 3, command) == ALLOW
    for command in (8, 10, 15, 1024, 1026):
        assert answer(machine, "fcntl", 3, command) == EPERM
    assert answer(machine, "ioctl", 0, 0x5401) == ALLOW
    for command in (0x5412, 0x541C, 0x40086602, 0x40049409):
        assert answer(machine, "ioctl", 0, command) == EPERM


@both
def test_strict_signals_and_limits_are_its_own(machine: str) -> None:
    """Where processes are shared, a box can signal and limit itself alone, and can neither outlive us nor hide."""
    for name in ("kill", "tgkill"):
        assert answer(machine, name, PID, 9, strict=True) == ALLOW
        for other in (1, 0, -1, PID + 1, -PID):
            assert answer(machine, name, other, 9, strict=True) == EPERM
        assert answer(machine, name, 1, 9) == ALLOW
    assert answer(machine, "prlimit64", 0, 7, strict=True) == ALLOW
    assert answer(machine, "prlimit64", 1, 7, strict=True) == EPERM
    assert answer(machine, "prctl", 15, strict=True) == ALLOW
    assert answer(machine, "prctl", 1, 0, strict=True) == EPERM
    assert answer(machine, "prctl", 4, 0, strict=True) == EPERM


@both
def test_the_table_agrees_with_a_second_one(machine: str) -> None:
    """Where the tests and the table know the same call, they know the same number."""
    column = list(MACHINES).index(machine)
    for name, number in TABLES[machine].items():
        assert NUMBERS.get(name, (number, number))[column] in (number, None), name


@both
@pytest.mark.parametrize("strict", [False, True])
def test_the_program_is_one_the_kernel_takes(machine: str, strict: bool) -> None:
    """No more than 4,096 steps, every jump lands inside, and the last step answers."""
    program = build(machine, strict=strict, pid=PID)
    assert len(program) <= 4096
    for place, step in enumerate(program):
        assert isinstance(step, Step)
        assert place + 1 + max(step.if_true, step.if_false) < len(program) or step.code == 0x06
    assert program[-1].code == 0x06


def test_an_unknown_machine_is_refused() -> None:
    """Without a table there is no filter, and the message names the machines that have one."""
    with pytest.raises(SandboxUnavailable, match=r"riscv64.*x86_64 and aarch64"):
        build("riscv64", strict=False)
