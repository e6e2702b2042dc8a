"""What this machine is: its GPU, Apple chip or processor, the memory that is free now, and how fast that is read.

A processor's bandwidth is measured: so many threads as an engine would use read memory that no cache holds, and the
bytes are divided by the CPU seconds that it took them, so that busy neighbours do not count. Its floating-point rate is
taken from its clock and vector units. A GPU's and an Apple chip's figures are looked up in the catalogue by name.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import re
import shutil
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from assay.catalog.device import Device
from assay.catalog.entry import Source
from assay.catalog.load import Catalog
from assay.envelope.hardware import AUTO, GIB, GPU_SHARE, Machine, find, machine_of
from assay.envelope.surroundings import available_bytes, memory_bytes, named_threads, processors
from assay.errors import CatalogError
from assay.numerals import plural

__all__ = ["Bandwidth", "here", "read_bandwidth"]

PROBE_BYTES = 64 << 20
"""More than the last cache of most processors, and read in some 10 ms."""
PROBE_THREADS = 16
PROBE_NEEDS_BYTES = GIB
COMMAND_TIMEOUT_S = 5.0

BANDWIDTH_PER_THREAD = 8e9
"""Where nothing can be measured: what one core of a small virtual machine reads."""
ASSUMED_DOUBT = 3.0
MEASURED_DOUBT = 1.5
"""One reading against the next, and what a compiled loop reads against an engine's."""
ASSUMED_HZ = 2.5e9
OPERATIONS_A_CYCLE = (("fma", 32), ("avx2", 32), ("asimd", 16), ("neon", 16), ("avx", 16), ("", 8))
"""32-bit multiply-and-adds of two vector units, counted as two operations; wider ones are not used by the engine."""

CPUINFO = Path("/proc/cpuinfo")


class Bandwidth(NamedTuple):
    """Bytes a second that all threads read together, and how it is known."""

    bytes_s: float
    basis: str
    doubt: float


def here(catalog: Catalog) -> Machine:
    """This machine, with the memory that is free now."""
    return _nvidia(catalog) or _apple(catalog) or _processor()


# ------------------------------------------------------------------------------------------------ GPUs


def _nvidia(catalog: Catalog) -> Machine | None:
    """The GPUs that `nvidia-smi` lists: those of the commonest name."""
    lines = _told("nvidia-smi", "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits")
    rows = [[cell.strip() for cell in line.split(",")] for line in lines]
    rows = [row for row in rows if len(row) == 3 and row[1].isdecimal() and row[2].isdecimal()]
    if not rows:
        return None
    names = [row[0] for row in rows]
    name = max(names, key=names.count)
    ours = [row for row in rows if row[0] == name]
    total, free = (sum(int(row[column]) << 20 for row in ours) for column in (1, 2))
    gib = round(total / len(ours) / GIB)
    device = _known(catalog, name, gib)
    found = machine_of(AUTO, device or _undescribed(name, gib), gib=None, count=len(ours))
    said = found.basis if device else f"{name} is not in the catalogue: its bandwidth is unknown"
    return found._replace(
        name=f"{name} x {len(ours)} (here)" if len(ours) > 1 else f"{name} (here)",
        memory_bytes=total,
        usable_bytes=int(free * GPU_SHARE),
        basis=f"nvidia-smi; {said}",
    )


def _undescribed(name: str, gib: int) -> Device:
    """A GPU of which the driver's word is all that is known."""
    sources = {"driver": Source(title="nvidia-smi")}
    return Device(name=name, maker="NVIDIA", kind="gpu", memory_gib=gib, evidence="driver", sources=sources)


def _known(catalog: Catalog, name: str, gib: int) -> Device | None:
    """The catalogue's entry of a GPU, whatever of its maker's words stands before its name."""
    words = name.split()
    for start in range(len(words)):
        short = " ".join(words[start:])
        for spec in (f"{short}-{gib}gb", short):
            try:
                return catalog.devices[find(catalog, spec).key]
            except CatalogError:
                continue
    return None


def _apple(catalog: Catalog) -> Machine | None:
    if platform.system() != "Darwin" or platform.machine() != "arm64":
        return None
    chip = "".join(_told("sysctl", "-n", "machdep.cpu.brand_string")).removeprefix("Apple ").strip()
    total = memory_bytes()
    try:
        found = find(catalog, f"{chip}-{total // GIB}gb")
        device = catalog.devices[found.key]
    except CatalogError:
        return None
    machine = machine_of(AUTO, device, gib=found.gib, count=1)
    return machine._replace(
        name=f"{device.name}, {total // GIB} GB (here)",
        usable_bytes=min(machine.usable_bytes, available_bytes()),
        basis=f"sysctl; {machine.basis}",
    )


def _told(program: str, *arguments: str) -> list[str]:
    """The lines that a program prints; none where it is missing or fails."""
    path = shutil.which(program)
    if path is None:
        return []
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program with fixed arguments
            [path, *arguments], capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.splitlines()


# ------------------------------------------------------------------------------------------- processors


def _processor() -> Machine:
    numbers = processors()
    threads = named_threads() or len(numbers)
    total = memory_bytes()
    bandwidth = read_bandwidth(min(threads, len(numbers)))
    name, hz, operations = _model()
    return Machine(
        key=AUTO,
        name=f"{name}, {plural(len(numbers), 'processor')} (here)",
        kind="cpu",
        count=1,
        memory_bytes=total,
        usable_bytes=max(0, available_bytes() - min(GIB, total // 16)),
        bandwidth_bytes_s=bandwidth.bytes_s,
        flops=threads * hz * operations,
        watts=None,
        usd=None,
        usd_per_hour=None,
        basis=f"{bandwidth.basis}; {threads} threads x {hz / 1e9:.2f} GHz x {operations} operations a cycle",
        doubt=bandwidth.doubt,
        threads=threads,
    )


def _model() -> tuple[str, float, int]:
    """Name of the processor, its clock in Hz, and 32-bit operations a cycle of one core."""
    try:
        text = CPUINFO.read_text("utf-8", "replace")
    except OSError:
        text = ""
    first = text.split("\n\n", 1)[0]
    facts = {
        key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in first.split("\n"))
    }
    flags = {*facts.get("flags", "").split(), *facts.get("features", "").split()}
    if platform.machine().lower() in ("arm64", "aarch64"):
        flags.add("asimd")
    operations = next(count for flag, count in OPERATIONS_A_CYCLE if not flag or flag in flags)
    mhz = facts.get("cpu mhz", "")
    hz = float(mhz) * 1e6 if re.fullmatch(r"\d+(\.\d+)?", mhz) and float(mhz) > 100 else ASSUMED_HZ
    return facts.get("model name") or platform.processor() or platform.machine() or "processor", hz, operations


def read_bandwidth(threads: int) -> Bandwidth:
    """How fast this machine reads its memory with so many threads: measured, or assumed where that cannot be."""
    assumed = Bandwidth(BANDWIDTH_PER_THREAD * threads, "bandwidth assumed, not measured", ASSUMED_DOUBT)
    if available_bytes() < PROBE_NEEDS_BYTES:
        return assumed
    try:
        compare = ctypes.CDLL(None).memcmp
    except (OSError, AttributeError, TypeError):  # no C library under that name: Windows
        return assumed
    compare.argtypes, compare.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t], ctypes.c_int
    block = mmap.mmap(-1, PROBE_BYTES)
    view = (ctypes.c_char * PROBE_BYTES).from_buffer(block)
    start = ctypes.addressof(view)
    with suppress(AttributeError, OSError):  # large pages, where there are any, as the weights of an engine have
        block.madvise(mmap.MADV_HUGEPAGE)
    ctypes.memset(start, 1, PROBE_BYTES)  # pages that nobody wrote are all the same one
    size = PROBE_BYTES // min(threads, PROBE_THREADS) // 2
    rates: list[float] = []

    def read(part: int) -> None:
        """Two streams at once, as weights and activations are; they are equal, so all of both is read."""
        first = start + 2 * part * size
        began = time.thread_time()
        compare(first, first + size, size - 1)
        rates.append(2 * size / max(1e-9, time.thread_time() - began))

    readers = [threading.Thread(target=read, args=(part,)) for part in range(min(threads, PROBE_THREADS))]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    del view  # what it looks into cannot be closed before
    block.close()
    return Bandwidth(sum(rates), f"bandwidth measured here, {plural(len(readers), 'thread')}", MEASURED_DOUBT)
