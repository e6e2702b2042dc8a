"""A ledger's file as its owner would read it now, by another connection: with what its journals have not folded yet."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from assay.ledger.folding import fold_left
from assay.ledger.journal import sessions_of


def rows_of(path: Path, statement: str, *values: object) -> list[dict[str, Any]]:
    """What a statement finds in a copy of the file into which the journals beside it are folded."""
    with closing(sqlite3.connect(path, timeout=10)) as source, closing(sqlite3.connect(":memory:")) as copy:
        source.backup(copy)
        for session in sessions_of(path):
            fold_left(copy, path, session)
        copy.row_factory = sqlite3.Row
        return [dict(row) for row in copy.execute(statement, values)]
