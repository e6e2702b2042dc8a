"""Where models are reached: the table of hosts."""

from __future__ import annotations

from typing import Any

from assay.catalog.entry import Entry, Share, Source

__all__ = ["HOST_FACTS", "Host"]


class Host(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where models are reached: a provider, or a server of one's own.

    Attributes:
        dialect: the wire format spoken there, unless a deployment names another of `dialects`.
        base_url: default address; a part in braces is the account's own, so that a deployment must give the whole.
        dialects: further formats spoken at the same address.
        api_key_env: conventional name of the variable that holds the key, never the key; `None` = asked without one.
        self_hosted: a server that a team runs itself; its address is the usual one on the same machine.
        maker_in_names: its names of models have the maker in front (`meta-llama/...`), as ids of the catalogue do.
        quirks: what it does differently: see the module of its dialect.
        batch_discount: share of the price that is saved by its batch endpoints; None = not known, or it has none.
        note: what must be said beside it.
    """

    name: str
    dialect: str
    evidence: str
    base_url: str | None = None
    dialects: tuple[str, ...] = ()
    api_key_env: str | None = None
    docs: str | None = None
    self_hosted: bool = False
    maker_in_names: bool = False
    quirks: dict[str, Any] = {}
    batch_discount: Share | None = None
    note: str | None = None
    evidence_for: dict[str, str] = {}
    sources: dict[str, Source] = {}

    def speaks(self, dialect: str) -> bool:
        """Whether this wire format is spoken at its address."""
        return dialect == self.dialect or dialect in self.dialects

    @property
    def is_personal(self) -> bool:
        """Whether a part of its address is the account's own."""
        return self.base_url is None or "{" in self.base_url

    @property
    def facts(self) -> tuple[str, ...]:
        """The fields that are filled in and have a source; `quirks.NAME` for each quirk with one of its own."""
        quirks = (f"quirks.{name}" for name in self.quirks if f"quirks.{name}" in self.evidence_for)
        return (*(fact for fact in HOST_FACTS if getattr(self, fact)), *quirks)

    def provenance(self, fact: str) -> Source:
        """Who says what this field, or this quirk (`quirks.NAME`), holds."""
        whole = self.evidence_for.get(fact.partition(".")[0], self.evidence)
        return self.sources[self.evidence_for.get(fact, whole)]

    @property
    def unverified(self) -> tuple[str, ...]:
        """Those facts whose source was not looked up or is weak."""
        return tuple(fact for fact in self.facts if not self.provenance(fact).verified)


HOST_FACTS = (
    "dialect", "base_url", "dialects", "api_key_env", "docs", "maker_in_names", "quirks", "batch_discount", "note",
)  # fmt: skip
"""The fields of a host that have a source."""
