"""Devices of the catalogue as machines: found by name, several together, with the memory that models may have.

How much of the memory models may have, beside what the maker sells (none of it measured here):
a GPU with memory of its own keeps 5 % for its driver and what its screen shows; macOS lets a GPU have two thirds of the
memory up to 36 GB and three quarters above, unless it is told otherwise (`iogpu.wired_limit_mb`); an operating system
needs 2 GiB, or a sixteenth of a larger machine, beside a processor's models and those of a GPU that shares its memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from assay.catalog.device import Device
from assay.catalog.load import Catalog
from assay.errors import CatalogError, did_you_mean

__all__ = ["AUTO", "GIB", "GPU_SHARE", "Found", "Machine", "find", "machine_of"]

AUTO = "auto"
GIB = 1 << 30
MAX_COUNT = 1024
"""More devices than one model was ever cut over."""

GPU_SHARE = 0.95
APPLE_SHARES = ((36, 2 / 3), (None, 3 / 4))
SYSTEM_BYTES = 2 * GIB
SYSTEM_SHARE = 1 / 16

CPU_FLOPS_PER_CORE = 2.5e9 * 32
"""Where a data sheet names no floating-point rate: 2.5 GHz x two AVX2 multiply-and-adds of 8 numbers a cycle."""
CPU_DOUBT = 2.0

_SPEC = re.compile(r"^(?P<name>.+?)(?:-(?P<gib>\d+(?:\.\d+)?)\s?gi?b)?(?:\s?x\s?(?P<count>\d{1,4}))?$")
_NO_NAME = re.compile(r"[^a-z0-9]+")


class Machine(NamedTuple):
    """One or several equal devices; every figure is of all of them together. `None` = not known.

    Attributes:
        key: as it was asked for.
        kind: `gpu`, `apple` or `cpu`.
        usable_bytes: what models may have of the memory.
        bandwidth_bytes_s: of the memory.
        flops: dense 16-bit floating-point operations a second.
        basis: where the figures come from.
        doubt: factor by which bandwidth and flops may be wrong either way; 1 = a data sheet's.
        threads: of the processor, that an engine would use.
    """

    key: str
    name: str
    kind: str
    count: int  # type: ignore[assignment]  # a tuple's own `count` is of no use here
    memory_bytes: int
    usable_bytes: int
    bandwidth_bytes_s: float | None
    flops: float | None
    watts: float | None
    usd: float | None
    usd_per_hour: float | None
    basis: str
    doubt: float = 1.0
    threads: int | None = None

    @property
    def is_here(self) -> bool:
        """Whether it is the machine that this runs on."""
        return self.key == AUTO


class Found(NamedTuple):
    """A device of the catalogue by its key, the memory of each in GiB if it was named, and how many."""

    key: str
    gib: float | None
    count: int  # type: ignore[assignment]  # likewise


def machine_of(spec: str, device: Device, *, gib: float | None, count: int) -> Machine:
    """Several devices of one kind.

    Args:
        spec: what they are called.
        device: one of them.
        gib: memory of each, where it is sold with several; default: the smallest.
        count: how many.

    Raises:
        CatalogError: it is not sold with this memory, or nothing is known of its memory.
    """
    memory_gib = _memory_gib(spec, device, gib)
    memory = int(memory_gib * GIB) * count
    flops = device.tflops * 1e12 if device.tflops is not None else _processor_flops(device)
    return Machine(
        key=spec,
        name=device.name + (f" {memory_gib:g} GB" if gib is not None else "") + (f" x {count}" if count > 1 else ""),
        kind=device.kind,
        count=count,
        memory_bytes=memory,
        usable_bytes=_usable_bytes(device, memory),
        bandwidth_bytes_s=_times(count, device.bandwidth_gb_s, 1e9),
        flops=_times(count, flops),
        watts=_times(count, device.watts),
        usd=_times(count, device.usd),
        usd_per_hour=_times(count, device.usd_per_hour),
        basis=_basis(device),
        doubt=CPU_DOUBT if device.kind == "cpu" and device.tflops is None else 1.0,
        threads=device.cores if device.kind == "cpu" else None,
    )


def _times(count: int, value: float | None, unit: float = 1.0) -> float | None:
    return None if value is None else value * unit * count


def find(catalog: Catalog, spec: str) -> Found:
    """What a short name means.

    Raises:
        CatalogError: there is no such device; names the nearest.
    """
    devices = catalog.devices
    names = _names(devices)
    whole = names.get(_plain(spec))
    if whole is not None:
        return Found(whole, None, 1)
    found = _SPEC.match(spec.strip().lower())
    name, gib, times = found.group("name", "gib", "count") if found else (spec, None, None)
    exact = names.get(_plain(f"{name}-{gib}gb")) if gib else None
    key = exact or names.get(_plain(name))
    if key is None:
        near = did_you_mean(spec.lower(), {*devices, AUTO})
        raise CatalogError(f"the catalogue has no device {spec!r}; {near} (or describe it in a TOML file of your own)")
    count = int(times) if times else 1
    if not 1 <= count <= MAX_COUNT:
        raise CatalogError(f"device {spec!r}: {count} of them cannot be; expected 1 to {MAX_COUNT}")
    return Found(key, float(gib) if gib and exact is None else None, count)


def _names(devices: dict[str, Device]) -> dict[str, str]:
    """Every key, alias and name, without blanks and dashes, with the key it stands for."""
    names: dict[str, str] = {}
    for key, device in devices.items():
        for name in (key, *device.aliases, device.name):
            names.setdefault(_plain(name), key)
    return {**names, **{_plain(key): key for key in devices}}


def _plain(name: str) -> str:
    return _NO_NAME.sub("", name.lower())


def _memory_gib(spec: str, device: Device, wanted: float | None) -> float:
    options = _options(device)
    if wanted is None:
        if not options:
            how = "memory_gib = 64" if spec.endswith(".toml") else f"{spec}-64gb"
            raise CatalogError(f"device {spec!r}: how much memory it has is not known; say it: {how}")
        return options[0]
    if device.kind != "cpu" and options and wanted not in options:
        sold = ", ".join(f"{option:g}" for option in options)
        raise CatalogError(f"device {spec!r}: {device.name} is sold with {sold} GB, not {wanted:g}")
    return wanted


def _options(device: Device) -> tuple[float, ...]:
    """The memory that it is sold with, the smallest first."""
    return tuple(sorted({*device.memory_options_gib, *([device.memory_gib] if device.memory_gib else [])}))


def _usable_bytes(device: Device, memory_bytes: int) -> int:
    if device.kind == "gpu" and not device.shares_memory:
        return int(memory_bytes * GPU_SHARE)
    if device.kind == "apple":
        share = next(share for most, share in APPLE_SHARES if most is None or memory_bytes <= most * GIB)
        return int(memory_bytes * share)
    return max(0, memory_bytes - max(SYSTEM_BYTES, int(memory_bytes * SYSTEM_SHARE)))


def _processor_flops(device: Device) -> float | None:
    return device.cores * CPU_FLOPS_PER_CORE if device.kind == "cpu" and device.cores is not None else None


def _basis(device: Device) -> str:
    """Who says so, and whether all of it was looked up."""
    facts = tuple(fact for fact in ("memory_gib", "bandwidth_gb_s", "tflops") if getattr(device, fact) is not None)
    titles = _once(_titled(device, fact) for fact in facts)
    return "; ".join(titles) or "unknown"


def _titled(device: Device, fact: str) -> str:
    source = device.provenance(fact)
    if source is None:
        return "unknown"
    return f"{source.title}, {source.as_of}" + ("" if source.verified else " (unverified)")


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
