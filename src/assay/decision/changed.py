"""What has changed of that on which a decision rests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from assay.decision.basis import Basis, Conditions, Ground, KindGround
from assay.decision.question import Question
from assay.types import Value

__all__ = ["Change", "Standing", "changes"]

About = Literal[
    "candidate", "model", "prompt", "price", "licence", "data policy", "end", "privacy", "key", "permission", "suite",
    "limit", "judge", "question",
]  # fmt: skip
_CONDITIONS: dict[str, tuple[About, str]] = {
    "side": ("privacy", "side"),
    "host": ("model", "host"),
    "keyless": ("key", "key is missing"),
    "input_usd_per_mtok": ("price", "USD per million input tokens"),
    "output_usd_per_mtok": ("price", "USD per million output tokens"),
    "cached_input_usd_per_mtok": ("price", "USD per million cached tokens"),
    "cache_write_usd_per_mtok": ("price", "USD per million tokens written to the cache"),
    "usd_per_hour": ("price", "USD per hour"),
    "licence": ("licence", "licence"),
    "policy": ("data policy", "data policy"),
    "status": ("end", "status"),
    "retires": ("end", "retires"),
    "barred": ("permission", "forbidden"),
}
"""Field of `Conditions` -> what a change of it is about, and how it is called. Who names a price decides nothing."""
_KIND = {
    "samples": "samples", "gate": "is a gate", "bar": "bar", "p95_latency_s": "p95 latency limit in seconds",
    "repeats": "times asked", "stays": "may never leave",
}  # fmt: skip
_DEFAULTS = ("bar", "tolerance", "error")
_DIGEST_LETTERS = 64


class Standing(Value, frozen=True, kw_only=True):
    """What a decision rests on, at one time."""

    question: Question
    basis: dict[str, Basis]
    ground: Ground


class Change(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One thing that is another than it was.

    Attributes:
        subject: deployment, candidate, kind, constraint, judge or option.
        before, after: `None` = not known, none, or not there.
        concerns: candidates; empty = all of them.
        kinds: of work; empty = all of them.
    """

    about: About
    subject: str
    fact: str
    before: Any = None
    after: Any = None
    concerns: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        """In words, without the subject."""
        if self.before is None and self.after is None:
            return self.fact
        of = f" of {', '.join(self.kinds)}" if self.kinds and self.about == "prompt" else ""
        what = f"{self.fact}{of}: " if self.fact else ""
        return f"{what}{_word(self.before)} -> {_word(self.after)}{self._by}"

    @property
    def _by(self) -> str:
        """A price's change in percent."""
        if self.about != "price" or not self.before or self.after is None:
            return ""
        return f" ({(self.after - self.before) / self.before:+.0%})"


def changes(before: Standing, after: Standing) -> tuple[Change, ...]:
    """Everything that differs and may make another decision: candidates first, then samples, limits, the question."""
    asked = tuple(_question(before.question, after.question))
    options = {one.fact for one in asked}
    found = (
        *_candidates(before.basis, after.basis),
        *_conditions(before.basis, after.basis),
        *_facts(before, after),
        *_suite(before.ground, after.ground),
        *_limits(before.ground, after.ground),
        *_judges(before.ground.judges, after.ground.judges),
    )
    return (*(one for one in found if not _was_asked_for(one, options)), *asked)


def _was_asked_for(one: Change, options: set[str]) -> bool:
    """Whether it differs only because other candidates, kinds or another split were named this time."""
    if one.about == "candidate":
        return "targets" in options
    if one.about == "limit":
        return one.subject.removeprefix("decide.") in options
    return one.about == "suite" and bool(options & {"kinds", "profiles", "split", "folder"})


# ------------------------------------------------------------------------------------------ candidates


def _candidates(before: Mapping[str, Basis], after: Mapping[str, Basis]) -> Iterator[Change]:
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            fact = "is a new candidate" if old is None else "is no candidate any more"
            yield Change(about="candidate", subject=name, fact=fact, concerns=(name,))
        elif (old.problem is None) != (new.problem is None):
            was, now = old.problem, new.problem
            yield Change(about="model", subject=name, fact="problem", before=was, after=now, concerns=(name,))


def _conditions(before: Mapping[str, Basis], after: Mapping[str, Basis]) -> Iterator[Change]:
    """Of what stands below candidates then and now, each deployment once."""
    old = _deployments(before)
    for name, conditions in _deployments(after).items():
        if name not in old:
            continue
        concerns = tuple(one for one, basis in after.items() if name in basis.deployments)
        for field, (about, fact) in _CONDITIONS.items():
            was, now = getattr(old[name], field), getattr(conditions, field)
            if was != now:
                yield Change(about=about, subject=name, fact=fact, before=was, after=now, concerns=concerns)


def _deployments(several: Mapping[str, Basis]) -> dict[str, Conditions]:
    return {name: one for basis in several.values() for name, one in basis.deployments.items()}


def _facts(before: Standing, after: Standing) -> Iterator[Change]:
    """What decides answers, kind by kind; of a deployment that several candidates may call, once."""
    both = [kind for kind in after.ground.kinds if kind in before.ground.kinds]
    found: dict[tuple[str, str, str | None, str | None], tuple[list[str], list[str]]] = {}
    for name, new in after.basis.items():
        old = before.basis.get(name)
        if old is None or old.problem is not None or new.problem is not None:
            continue
        for kind in both:
            for differing in _differing(name, old.facts_of(kind), new.facts_of(kind)):
                concerns, kinds = found.setdefault(differing, ([], []))
                concerns.append(name)
                kinds.append(kind)
    for (subject, fact, was, now), (concerns, kinds) in found.items():
        prompt = fact == "prompt_sha256"
        yield Change(
            about="prompt" if prompt else "model",
            subject=subject,
            fact="prompt" if prompt else fact,
            before=was,
            after=now,
            concerns=tuple(dict.fromkeys(concerns)),
            kinds=tuple(dict.fromkeys(kinds)) if set(kinds) != set(both) else (),
        )


def _differing(
    name: str, before: Mapping[str, str], after: Mapping[str, str]
) -> Iterator[tuple[str, str, str | None, str | None]]:
    for place in dict.fromkeys([*before, *after]):
        was, now = before.get(place), after.get(place)
        if was != now:
            way, _, fact = place.rpartition("/")  # `0.small/model`: the fact of a deployment below a route
            yield way.rpartition("/")[2].partition(".")[2] or name, fact, was, now


# ---------------------------------------------------------------------------------- what all have in common


def _suite(before: Ground, after: Ground) -> Iterator[Change]:
    if before.suite_digest == after.suite_digest and before.split == after.split and before.kinds == after.kinds:
        return
    found: list[Change] = []
    for name in dict.fromkeys([*before.kinds, *after.kinds]):
        found += _kind(name, before.kinds.get(name), after.kinds.get(name))
    if before.split != after.split:
        found.append(Change(about="suite", subject="split", fact="", before=before.split, after=after.split))
    if not found:  # a database or a schema that a grader names, a description, a kind that is not decided here
        was, now = before.suite_digest, after.suite_digest
        found.append(Change(about="suite", subject="suite", fact="digest of other files", before=was, after=now))
    yield from found


def _kind(name: str, old: KindGround | None, new: KindGround | None) -> Iterator[Change]:
    if old is None or new is None:
        fact = "is a new kind" if old is None else "is no kind any more"
        yield Change(about="suite", subject=name, fact=fact, kinds=(name,))
        return
    for field, fact in _KIND.items():
        was, now = getattr(old, field), getattr(new, field)
        if was != now:
            yield Change(about="suite", subject=name, fact=fact, before=was, after=now, kinds=(name,))
    if old.samples == new.samples and old.digest != new.digest:
        fact, was, now = "digest of its samples", old.digest, new.digest
        yield Change(about="suite", subject=name, fact=fact, before=was, after=now, kinds=(name,))


def _limits(before: Ground, after: Ground) -> Iterator[Change]:
    for name in dict.fromkeys([*before.constraints, *after.constraints]):
        was, now = before.constraints.get(name), after.constraints.get(name)
        if was != now:
            yield Change(about="limit", subject=f"constraints.{name}", fact="", before=was, after=now)
    for name in _DEFAULTS:
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            yield Change(about="limit", subject=f"decide.{name}", fact="", before=was, after=now)


def _judges(before: Mapping[str, Mapping[str, str]], after: Mapping[str, Mapping[str, str]]) -> Iterator[Change]:
    for name in dict.fromkeys([*before, *after]):
        for _, fact, was, now in _differing(name, before.get(name, {}), after.get(name, {})):
            yield Change(about="judge", subject=name, fact=fact, before=was, after=now)


def _question(before: Question, after: Question) -> Iterator[Change]:
    for option in msgspec.structs.fields(Question):
        was, now = getattr(before, option.name), getattr(after, option.name)
        if was != now:
            yield Change(about="question", subject="asked", fact=option.name, before=was, after=now)


# ------------------------------------------------------------------------------------------------ words


def _word(value: Any) -> str:
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_word(one)}" for key, one in value.items()) or "unknown"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_word, value)) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    return f"{text[:12]}…" if len(text) == _DIGEST_LETTERS and " " not in text else text
