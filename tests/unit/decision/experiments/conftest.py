"""Makes desks: see `desks`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from desks import TOML, YES, Desk

from assay.inference.spine import Spine
from assay.ledger.store import SqliteLedger


@pytest.fixture
def desk(make_spine: Callable[..., Spine], ledger: SqliteLedger) -> Callable[..., Desk]:
    """Makes a desk whose deployments answer as their scripts say."""

    def make(old: Mapping[str, Any] = YES, new: Mapping[str, Any] = YES, toml: str = TOML) -> Desk:
        return Desk(make_spine(toml, {"old.json": dict(old), "new.json": dict(new)}), ledger)

    return make
