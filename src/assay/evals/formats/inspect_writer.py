"""A suite as a dataset of Inspect (JSONL). A dataset has no scorers: the graders stand in each sample's metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from assay.evals.formats.carried import KEY, block
from assay.evals.formats.choices import without_choices
from assay.evals.formats.outgoing import Outgoing, Parcel
from assay.evals.suites.samples import GraderSpec
from assay.evals.suites.writing import replaced
from assay.types import JsonObject

__all__ = ["write"]


def write(outgoing: Outgoing, out: Path) -> None:
    """Write all kinds into one JSONL file.

    Raises:
        SuiteError: it cannot be written.
    """
    outgoing.note("a dataset of Inspect names no scorer: give the task one that grades as the suite does")
    with replaced(out) as file:
        for kind in outgoing.kinds:
            for parcel in outgoing.parcels(kind):
                file.write(msgspec.json.encode(_record(parcel)) + b"\n")
                outgoing.written()


def _record(parcel: Parcel) -> JsonObject:
    shown, choices, graders = _apart(parcel)
    target = parcel.entry.target
    native = isinstance(target, str) or (isinstance(target, list) and all(isinstance(one, str) for one in target))
    kept = block(parcel.entry, kind=parcel.kind, graders=graders, target=None if native or target is None else target)
    record: JsonObject = {"id": parcel.entry.id, "input": shown}
    if target is not None:
        record["target"] = target if native else msgspec.json.encode(target).decode()
    if choices:
        record["choices"] = choices
    return {**record, "metadata": {**parcel.entry.meta, KEY: kept}}


def _apart(parcel: Parcel) -> tuple[Any, list[str], tuple[GraderSpec, ...]]:
    """`(question, choices, further graders)`: choices have a field of their own where the question shows them last."""
    shown = parcel.shown
    for spec in parcel.graders:
        choices = spec.get("choices")
        if spec.get("check") != "choice" or not choices:
            continue
        last = shown if isinstance(shown, str) else str(shown[-1]["content"])
        question = without_choices(last, choices)
        if question is not None and parcel.graders[0] == spec:
            whole = question if isinstance(shown, str) else [*shown[:-1], {**shown[-1], "content": question}]
            return whole, list(choices), parcel.graders[1:]
    return shown, [], parcel.graders
