"""What of a sample another format has no field for, kept in its free metadata under `assay`: a way without loss."""

from __future__ import annotations

from typing import Any

import msgspec

from assay.errors import SuiteError
from assay.evals.suites.samples import GraderSpec, SampleLine, Split
from assay.types import JsonObject, Label

__all__ = ["KEY", "Carried", "block", "carried"]

KEY = "assay"


class Carried(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The block.

    Attributes:
        kind: of the sample, where a file holds several.
        graders: those that the format cannot say; what it can, it says itself.
        target: where the format has no place for one.
        others: as in a sample's line.
    """

    id: str | None = None
    kind: str | None = None
    graders: tuple[GraderSpec, ...] = ()
    target: Any = None
    split: Split = "heldout"
    label: Label | None = None
    group: str | None = None
    synthetic: bool = False
    origin: JsonObject = {}
    meta: JsonObject = {}


def block(
    entry: SampleLine, *, kind: str | None = None, graders: tuple[GraderSpec, ...] = (), target: Any = None
) -> Any:
    """The block of a sample, as JSON values."""
    whole = Carried(
        id=entry.id, kind=kind, graders=graders, target=target, split=entry.split, label=entry.label,
        group=entry.group, synthetic=entry.synthetic, origin=entry.origin, meta=entry.meta,
    )  # fmt: skip
    return msgspec.to_builtins(whole)


def carried(value: object) -> Carried | None:
    """The block as it was written, or None where there is none.

    Raises:
        SuiteError: somebody changed it so that it cannot be read.
    """
    if value is None:
        return None
    try:
        return msgspec.convert(value, Carried)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise SuiteError(f"its block {KEY!r} cannot be read: {error}; take the block out, or mend it") from error
