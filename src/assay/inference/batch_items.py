"""What is known of a batch's requests: enough to settle each of them in another process, days later."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from assay.errors import LedgerError
from assay.ledger.rows import BatchRow, new_id
from assay.types import Label, Value

__all__ = ["BatchItem", "Gathering", "Written", "items_of", "pack"]


class BatchItem(Value, frozen=True, kw_only=True):
    """One request of a batch.

    Attributes:
        attempt: id of its attempt, under which its host knows it.
        key: of its answer in the cache.
        sent_bytes: length of its body.
        emulated: what its upstream was not told as the client said it.
        stop: the texts that end its answer, where its upstream could not be told them.
    """

    attempt: str
    key: str
    sent_bytes: int
    emulated: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()


class Written(NamedTuple):
    """A request ready to be put into a batch: its label is looked at once more when that is sent."""

    item: BatchItem
    label: Label
    path: str
    line: bytes


@dataclass(slots=True)
class Gathering:
    """Requests that will be one job."""

    id: str = field(default_factory=new_id)
    written: list[Written] = field(default_factory=list)
    size_bytes: int = 0


def pack(items: tuple[BatchItem, ...]) -> bytes:
    """The items as the ledger keeps them."""
    return msgspec.json.encode(items)


def items_of(row: BatchRow) -> tuple[BatchItem, ...]:
    """The items of a batch.

    Raises:
        LedgerError: they were written by an incompatible version.
    """
    try:
        return msgspec.json.decode(row.body, type=tuple[BatchItem, ...])
    except msgspec.DecodeError as error:
        raise LedgerError(f"batch {row.id} cannot be read ({error}); it was written by another version") from error
