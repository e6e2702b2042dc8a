"""What differs between two looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from assay.decision.news.look import Look, Seen
from assay.types import Value

__all__ = ["Change", "changes"]

Kind = Literal["price", "end", "licence", "terms", "data policy", "new model", "gone"]
_KINDS: dict[str, Kind] = {
    "input_usd_per_mtok": "price", "output_usd_per_mtok": "price", "cached_input_usd_per_mtok": "price",
    "status": "end", "deprecated": "end", "retires": "end", "successor": "end", "licence": "licence",
}  # fmt: skip


class Change(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One fact that is another than it was, JSON-able.

    Attributes:
        kind: `price`, `end` (status and days), the `licence` of a model, the `terms` of a licence, the `data policy` of
            a host, a `new model`, or one that is `gone` from the catalogue.
        subject: id of the model or licence, key of the host.
        before, after: `None` = not known.
        used_by: deployments that it concerns.
    """

    kind: Kind
    subject: str
    fact: str | None = None
    before: Any = None
    after: Any = None
    used_by: tuple[str, ...] = ()

    @property
    def difference(self) -> str:
        """What is other than it was, in words, without the subject."""
        if self.fact is None:
            return self.kind
        return f"{self.fact} {_word(self.before)} -> {_word(self.after)}{self._by}"

    @property
    def _by(self) -> str:
        """A price's change in percent."""
        if self.kind != "price" or not self.before or self.after is None:
            return ""
        return f" ({(self.after - self.before) / self.before:+.0%})"


def changes(before: Look, after: Look) -> list[Change]:
    """Everything that differs, models first, each group by name."""
    return [
        *_models(before.models, after.models),
        *_facts("terms", before.licences, after.licences),
        *_facts("data policy", before.policies, after.policies),
    ]


def _models(before: Mapping[str, Seen], after: Mapping[str, Seen]) -> Iterator[Change]:
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            yield Change(kind="gone" if new is None else "new model", subject=name)
            continue
        for fact, kind in _KINDS.items():
            was, now = getattr(old, fact), getattr(new, fact)
            if was != now:
                yield Change(kind=kind, subject=name, fact=fact, before=was, after=now)


def _facts(
    kind: Kind, before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> Iterator[Change]:
    """Of what both have; an entry that is new to the catalogue is no news of the world."""
    for name in sorted(before.keys() & after.keys()):
        for fact, now in after[name].items():
            was = before[name].get(fact)
            if was != now:
                yield Change(kind=kind, subject=name, fact=fact, before=was, after=now)


def _word(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
