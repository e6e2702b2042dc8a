"""Texts by number, each there once, in few bytes: a hundred thousand ids of samples take 2 MB, in a dictionary 15."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

__all__ = ["Ids"]

_FIRST_SLOTS = 64


class Ids:
    """An open-addressing table over one run of bytes. Numbers are given in the order of `add`, from 0."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("I")
        self._slots = array("I", bytes(4 * _FIRST_SLOTS))  # number + 1; 0 is free

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, number: int) -> str:
        if not 0 <= number < len(self._ends):
            raise IndexError(number)
        return self._at(number).decode()

    def __iter__(self) -> Iterator[str]:
        return (self[number] for number in range(len(self)))

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and self.find(text) is not None

    def find(self, text: str) -> int | None:
        """The number of a text; None when it is not here."""
        number = self._slots[self._slot(text, text.encode())]
        return number - 1 if number else None

    def add(self, text: str) -> int:
        """The number of a text, which is here from now on."""
        data = text.encode()
        slot = self._slot(text, data)
        if self._slots[slot]:
            return self._slots[slot] - 1
        self._bytes += data
        self._ends.append(len(self._bytes))
        self._slots[slot] = len(self._ends)
        if 2 * len(self._ends) > len(self._slots):
            self._grow()
        return len(self._ends) - 1

    def _at(self, number: int) -> bytearray:
        return self._bytes[self._ends[number - 1] if number else 0 : self._ends[number]]

    def _slot(self, text: str, data: bytes) -> int:
        """Where a text is, or would be."""
        last = len(self._slots) - 1
        slot = hash(text) & last
        while (number := self._slots[slot]) and self._at(number - 1) != data:
            slot = (slot + 1) & last
        return slot

    def _grow(self) -> None:
        self._slots = array("I", bytes(8 * len(self._slots)))
        last = len(self._slots) - 1
        for number, text in enumerate(self, start=1):
            slot = hash(text) & last
            while self._slots[slot]:
                slot = (slot + 1) & last
            self._slots[slot] = number
