"""A table of another gateway's file, whose keys are taken one by one; what nobody took is told, never lost."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from assay.config.importers.draft import NOWHERE, Draft
from assay.config.table import quoted

__all__ = ["NO_SETTING", "Source"]

_VARIABLE = re.compile(r"(?:os\.environ/|env::)([A-Za-z]\w*)$")
NO_SETTING = "assay has no such setting"


class Source:
    """The keys of one table that have not been taken yet.

    Args:
        value: the table as it was parsed.
        path: its place in the file; empty for the whole file.
        draft: what hears of everything that is wrong or left.
    """

    def __init__(self, value: Mapping[Any, Any], path: str, draft: Draft) -> None:
        self._left = {str(key): item for key, item in value.items()}
        self._draft = draft
        self.path = path

    def at(self, key: str) -> str:
        """The path of a key."""
        return f"{self.path}.{quoted(key)}" if self.path else quoted(key)

    def take(self, key: str) -> Any:
        """The value, whatever its type; `None` where there is none."""
        return self._left.pop(key, None)

    def peek(self, key: str) -> Any:
        """The value as it is; it stays."""
        return self._left.get(key)

    def put(self, key: str, value: Any) -> None:
        """Say something in the place of what is there."""
        self._left[key] = value

    def fill(self, key: str, table: Mapping[str, Any]) -> None:
        """Fill a table up with what it does not say itself."""
        own = self._left.get(key)
        if own is None or isinstance(own, Mapping):
            self._left[key] = {**table, **(own or {})}

    def has(self, key: str) -> bool:
        """Whether the key is there and not yet taken."""
        return self._left.get(key) is not None

    def text(self, key: str) -> str | None:
        """A text that is not empty."""
        value = self.take(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
        self._wrong(key, value, "is no text")
        return None

    def address(self, key: str) -> str | None:
        """An address as it is written out, else one that leads nowhere: never somebody else's, never with a key."""
        value = self.text(key)
        if value is None:
            return None
        try:
            url = urlsplit(value)
            usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
            usable = usable and "@" not in url.netloc and not url.query  # where keys like to hide
        except ValueError:
            usable = False
        if usable and not any(sign in value for sign in "{}$ "):
            return value
        self._draft.leave(self.at(key), value, "an address is written out, without a user or query: set base_url")
        named = _VARIABLE.match(value)
        return NOWHERE.format(named[1].lower().replace("_", "-").strip("-") if named else "address")

    def number(self, key: str, least: float = 0.0) -> float | None:
        """A number of at least `least`, as a number or as text."""
        value = self.take(key)
        try:
            number = math.nan if isinstance(value, bool) or value is None else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if math.isfinite(number) and least <= number <= 1e12:
            return number
        self._wrong(key, value, f"is no number of at least {least:g}")
        return None

    def integer(self, key: str, least: int = 0) -> int | None:
        """A whole number of at least `least`."""
        number = self.number(key, least)
        return None if number is None else int(number)

    def seconds(self, key: str, unit_s: float = 1.0) -> float | None:
        """A duration above 0, in seconds.

        Args:
            key: of the value.
            unit_s: what one of the peer's units is in seconds.
        """
        value = self.number(key)
        if value == 0:
            self._wrong(key, value, "is no limit")
        return value * unit_s if value else None

    def flag(self, key: str) -> bool | None:
        """True or false."""
        value = self.take(key)
        if isinstance(value, bool):
            return value
        self._wrong(key, value, "is neither true nor false")
        return None

    def texts(self, key: str) -> tuple[str, ...]:
        """Texts; one text counts as a list of one."""
        value = self.take(key)
        items = [value] if isinstance(value, str) else value
        if isinstance(items, list) and all(isinstance(item, str) for item in items):
            return tuple(items)
        self._wrong(key, value, "is no list of texts")
        return ()

    def table(self, key: str) -> Source:
        """A table; an empty one where there is none."""
        value = self.take(key)
        if isinstance(value, Mapping):
            return Source(value, self.at(key), self._draft)
        self._wrong(key, value, "is no table")
        return Source({}, self.at(key), self._draft)

    def tables(self, key: str) -> list[Source]:
        """A list of tables."""
        value = self.take(key)
        if not isinstance(value, list):
            self._wrong(key, value, "is no list")
            return []
        found = []
        for number, item in enumerate(value):
            place = f"{self.at(key)}[{number}]"
            if isinstance(item, Mapping):
                found.append(Source(item, place, self._draft))
            else:
                self._draft.leave(place, item, "is no table")
        return found

    def named(self, key: str) -> dict[str, Source]:
        """Tables by their names."""
        outer = self.table(key)
        return {name: outer.table(name) for name in tuple(outer._left)}

    @property
    def keys(self) -> tuple[str, ...]:
        """What has not been taken yet."""
        return tuple(self._left)

    def leave(self, key: str, why: str) -> None:
        """Do not carry this key over, if it is there."""
        if key in self._left:
            self._draft.leave(self.at(key), self._left.pop(key), why)

    def leave_rest(self, why: str = NO_SETTING) -> None:
        """Do not carry over whatever was not taken."""
        for key in tuple(self._left):
            self.leave(key, why)

    def _wrong(self, key: str, value: object, why: str) -> None:
        if value is not None:
            self._draft.leave(self.at(key), value, why)
