"""What weights can run on, by a short name: `rtx4090`, `h100x2`, `m3-max-36gb`, `auto`, or a TOML file of one's own."""

from __future__ import annotations

from pathlib import Path

from assay.catalog.device import Device
from assay.catalog.load import Catalog, read
from assay.envelope.hardware import AUTO, Machine, find, machine_of
from assay.errors import CatalogError

__all__ = ["AUTO", "Machine", "machine"]


def machine(catalog: Catalog, spec: str) -> Machine:
    """The machine that a short name stands for.

    Args:
        catalog: knows the devices.
        spec: a device's key, name or alias, with `-36gb` for its memory and `x2` for several; `auto` for this
            machine; or the path of a data file that describes one device.

    Raises:
        CatalogError: there is no such device (the nearest is named), or its memory is not known.
    """
    if spec.strip().lower() == AUTO:
        from assay.envelope.detect import here

        return here(catalog)
    if spec.lower().endswith(".toml"):
        return machine_of(spec, _in_file(Path(spec)), gib=None, count=1)
    found = find(catalog, spec)
    return machine_of(spec, catalog.devices[found.key], gib=found.gib, count=found.count)


def _in_file(path: Path) -> Device:
    """The one device of a data file of the catalogue's form."""
    try:
        data = path.expanduser().read_bytes()
    except OSError as error:
        raise CatalogError(f"cannot read the device file {path}: {error.strerror}") from error
    devices = read(data, str(path)).devices
    if len(devices) != 1:
        found = ", ".join(devices) or "none"
        raise CatalogError(f"{path}: expected one table [devices.NAME], found {found}; put each into a file of its own")
    return next(iter(devices.values()))
