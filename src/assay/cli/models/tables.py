"""What stands around the models: families, licences, hosts and devices."""

from __future__ import annotations

import os
from collections.abc import Mapping
from textwrap import wrap
from typing import Any

from assay.catalog.entry import Evidenced
from assay.catalog.entry_rows import entry_rows
from assay.catalog.host_rows import host_rows
from assay.catalog.load import Catalog
from assay.cli.door import emit
from assay.cli.models.cells import clipped, few, short
from assay.decision.table import MOST, table

_UNKNOWN = "unknown"


def show_table(name: str, catalog: Catalog, as_json: bool) -> None:
    """Print one of them; JSON has every field, note and source."""
    if name == "hosts":
        _hosts(catalog, as_json)
        return
    entries: dict[str, Mapping[str, Evidenced]] = {
        "families": catalog.families,
        "licences": catalog.licences,
        "devices": catalog.devices,
    }
    lines = {"families": _families, "licences": _licences, "devices": _devices}
    rows = entry_rows(entries[name])
    facts = sum(len(row["sources"]) for row in rows)
    unverified = sum(len(row["unverified"]) for row in rows)
    share = unverified / facts if facts else 0.0
    said = f"{len(rows)} {name}; {share:.0%} of their {facts:,} known facts are unverified (--json has every source)."
    emit(rows, as_json, "\n".join((*lines[name](rows), "", said)))


def _families(rows: list[dict[str, Any]]) -> list[str]:
    head = ("family", "maker", "engines", "forms", "recipes", "derivatives", "patches", "terms", "people")
    cells = [
        (
            row["key"],
            row["maker"],
            few(row["engines"], 1),
            few(row["forms"], 1),
            few(row["recipes"], 1),
            _count(row["derivatives"]),
            row["patches"] or _UNKNOWN,
            row["licence_stability"] or _UNKNOWN,
            row["talent"] or _UNKNOWN,
        )
        for row in rows
    ]
    return table(head, cells, most=MOST)


def _licences(rows: list[dict[str, Any]]) -> list[str]:
    head = ("licence", "OSI", "commercial", "user cap", "credit", "naming", "may train", "policy", "not in", "alike")
    cells = [
        (
            row["key"],
            _yes_no(row["osi_approved"]),
            row["commercial_use"] or _UNKNOWN,
            "none" if row["user_cap"] == 0 else short(row["user_cap"]),
            _yes_no(row["attribution"]),
            _UNKNOWN if row["naming"] is None else clipped(row["naming"], 10) or "none",
            row["output_training"] or _UNKNOWN,
            _yes_no(row["use_policy"]),
            few(row["regions_excluded"]),
            _yes_no(row["share_alike"]),
        )
        for row in rows
    ]
    return table(head, cells, most=MOST)


def _devices(rows: list[dict[str, Any]]) -> list[str]:
    head = ("device", "kind", "memory GiB", "GB/s", "TFLOPS", "watts", "USD", "USD an hour", "released")
    cells = [
        (
            row["key"],
            row["kind"],
            _sizes(row),
            *(_count(row[fact]) for fact in ("bandwidth_gb_s", "tflops", "watts", "usd")),
            _count(row["usd_per_hour"]),
            row["released"] or _UNKNOWN,
        )
        for row in rows
    ]
    return table(head, cells, most=MOST)


def _hosts(catalog: Catalog, as_json: bool) -> None:
    rows = host_rows(catalog, os.environ)
    head = ("host", "speaks", "key", "set", "whose", "address")
    cells = [
        (
            row["host"] + (" *" if row["unverified"] else ""),
            few([row["dialect"], *row["dialects"]], 1),
            row["api_key_env"] or "-",
            _yes_no(row["key_set"]) if row["api_key_env"] else "-",
            "own" if row["self_hosted"] else "rented",
            row["base_url"] or "-",
        )
        for row in rows
    ]
    marked = "* not all of it could be looked up; --json says what, and what differs in the formats of each host."
    notes = [line for row in rows if row["note"] for line in _folded(f"{row['host']}: {row['note']}")]
    text = "\n".join((*table(head, cells, most=MOST), marked, "", *_policies(catalog), "", *notes))
    emit(rows, as_json, text)


def _folded(text: str) -> list[str]:
    return wrap(text, MOST, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)


def _policies(catalog: Catalog) -> list[str]:
    """What hosts do with what they are sent."""
    head = ("data policy of", "trains on inputs", "keeps days", "zero retention", "regions", "train on answers")
    found = [(key, policy) for key in sorted(catalog.hosts) if (policy := catalog.policy(key)) is not None]
    cells = [
        (
            key,
            policy.trains_on_inputs or _UNKNOWN,
            _count(policy.retention_days),
            policy.zero_retention or _UNKNOWN,
            few(list(policy.regions) if policy.regions is not None else None, 3),
            policy.distillation or _UNKNOWN,
        )
        for key, policy in found
    ]
    return table(head, cells, most=MOST) if cells else []


def _sizes(row: Mapping[str, Any]) -> str:
    sizes = row["memory_options_gib"] or ([row["memory_gib"]] if row["memory_gib"] is not None else [])
    return "/".join(f"{size:g}" for size in sizes) or _UNKNOWN


def _count(number: float | None) -> str:
    if number is None:
        return _UNKNOWN
    return f"{number:,}" if isinstance(number, int) else f"{number:,.10g}"


def _yes_no(flag: bool | None) -> str:
    return _UNKNOWN if flag is None else "yes" if flag else "no"
