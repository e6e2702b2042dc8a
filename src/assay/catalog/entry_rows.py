"""Families, licences and devices as rows: what `assay models --families` and the like print and their JSON says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.catalog.entry import Evidenced

__all__ = ["entry_rows"]

_WORKINGS = ("evidence", "evidence_for", "sources", "notes")


def entry_rows(entries: Mapping[str, Evidenced]) -> list[dict[str, Any]]:
    """A row per entry, sorted by key, JSON-able.

    It has the entry's `key`, all its fields (`None` = unknown), `notes` by fact, `sources`: who says each known fact,
    `as_of`: the newest date of those, and `unverified`: the facts that nobody looked up.
    """
    return [_row(key, entry) for key, entry in sorted(entries.items())]


def _row(key: str, entry: Evidenced) -> dict[str, Any]:
    fields = [name for name in entry.__struct_fields__ if name not in _WORKINGS]
    stated = {fact: entry.sources[entry.evidence_for.get(fact, entry.evidence)] for fact in entry.known}
    return {
        "key": key,
        **{name: _plain(getattr(entry, name)) for name in fields},
        "notes": dict(entry.notes),
        "sources": {fact: source.title for fact, source in stated.items()},
        "as_of": max((source.as_of for source in stated.values() if source.as_of), default=None),
        "unverified": list(entry.unverified),
    }


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
