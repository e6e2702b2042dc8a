"""Where commands look that need no configuration: its catalogue and ledger, else what is shipped and the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.catalog.load import Catalog
    from assay.catalog.model import Model
    from assay.config.load import Loaded
    from assay.ledger.rows import MeasurementRow

__all__ = ["catalog_of", "fits_on", "measured_here"]


def catalog_of(loaded: Loaded | None) -> Catalog:
    """The shipped catalogue, with the configuration's own files on top.

    Raises:
        CatalogError: a file cannot be read or has a mistake.
    """
    from assay.catalog.load import load

    return load(loaded.config.catalog_files if loaded is not None else ())


def measured_here(loaded: Loaded | None) -> dict[str, MeasurementRow]:
    """The newest measurement on this machine of each model (`assay fit --measure`); none where there is no ledger yet.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    import socket

    from assay.ledger.measurements import newest_measurements
    from assay.ledger.own import own_ledger

    path = loaded.ledger_path if loaded is not None else own_ledger()
    return {row.model: row for row in reversed(newest_measurements(path, socket.gethostname()))}


def fits_on(catalog: Catalog, loaded: Loaded | None, device: str) -> Callable[[Model], bool]:
    """Whether weights fit on a device at the default context, tightly too; on this machine as they were measured.

    Raises:
        CatalogError: there is no such device.
        LedgerError: the ledger cannot be read.
    """
    from assay.envelope.device import machine
    from assay.envelope.placing import fit_as_measured

    there = machine(catalog, device)
    measured = measured_here(loaded) if there.is_here else {}
    return lambda model: fit_as_measured(catalog, model, there, measured.get(model.id)).verdict in ("fits", "tight")
