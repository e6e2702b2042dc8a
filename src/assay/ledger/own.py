"""The user's own ledger: where records are kept when no configuration names a place."""

from __future__ import annotations

from pathlib import Path

import platformdirs

__all__ = ["own_ledger"]


def own_ledger() -> Path:
    """Its file, in the folder for application data; it is made when it is first opened."""
    return Path(platformdirs.user_data_dir("assay")) / "assay.db"
