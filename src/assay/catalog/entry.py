"""What the tables of a data file share: strict keys, dates, and where each fact comes from."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from assay.errors import CatalogError, did_you_mean

__all__ = ["Day", "Entry", "Evidenced", "NonNegative", "Positive", "Quantity", "Share", "Source"]

Day = Annotated[str, Meta(pattern=r"^\d{4}(-\d{2}){0,2}$")]
"""A date as exactly as it is known: `2023`, `2023-09` or `2023-09-30`."""
Positive = Annotated[int, Meta(ge=1)]
NonNegative = Annotated[int, Meta(ge=0)]
Quantity = Annotated[float, Meta(gt=0, le=1e15)]
Share = Annotated[float, Meta(ge=0, le=1)]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One table of a data file; a key that is not here is an error."""


class Source(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where facts come from.

    Attributes:
        title: what was read.
        as_of: the date of what was read; the file's own date where a source names none.
        verified: false where the fact was not looked up, or its source is known to be weak.
        url: where it can be read again.
    """

    title: str
    as_of: Day | None = None
    verified: bool = True
    url: str | None = None


class Evidenced(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A table of facts, each with its source.

    Attributes:
        evidence: key of the source of every fact that `evidence_for` does not name.
        evidence_for: the keys of the others, by fact.
        notes: what must be said beside a fact.
        sources: what the keys stand for: the entry's own, and on reading those of its file.
    """

    FACTS: ClassVar[tuple[str, ...]] = ()

    evidence: str
    evidence_for: dict[str, str] = {}
    notes: dict[str, str] = {}
    sources: dict[str, Source] = {}

    def provenance(self, fact: str) -> Source | None:
        """Who says so. `None` for a fact that is unknown.

        Raises:
            CatalogError: there is no such fact.
        """
        if fact not in self.FACTS:
            raise CatalogError(
                f"{fact!r} is no fact of a {type(self).__name__.lower()}; {did_you_mean(fact, self.FACTS)}"
            )
        if getattr(self, fact) is None:
            return None
        return self.sources[self.evidence_for.get(fact, self.evidence)]

    @property
    def known(self) -> tuple[str, ...]:
        """The facts that are known, in the order of `FACTS`."""
        return tuple(fact for fact in self.FACTS if getattr(self, fact) is not None)

    @property
    def unverified(self) -> tuple[str, ...]:
        """The known facts whose source was not looked up or is weak."""
        return tuple(
            fact for fact in self.known if not self.sources[self.evidence_for.get(fact, self.evidence)].verified
        )
