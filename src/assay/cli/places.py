"""Where commands look that need no configuration: its catalogue and ledger, else what is shipped and the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.catalog.load import Catalog
    from assay.config.load import Loaded
    from assay.ledger.rows import MeasurementRow

__all__ = ["catalog_of", "measured_here"]


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
