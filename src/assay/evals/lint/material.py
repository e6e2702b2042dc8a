"""What finders look at: every sample once, cut down to what they compare, and what is known around the suite."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from assay.checks.check import shorten
from assay.evals.graders.grading import mistakes
from assay.evals.judging.standing import Standing
from assay.evals.lint.trials import Trials
from assay.evals.runs.run import Run
from assay.evals.suites.duplicates import clusters, duplicates, fingerprint, plain
from assay.evals.suites.readable import told
from assay.evals.suites.sample import Sample
from assay.evals.suites.samples import Split
from assay.evals.suites.suite import Suite
from assay.types import Label

__all__ = ["Glance", "Material", "ShownPrompt", "asked", "documents", "glance", "label_key", "labels", "near_pairs"]

NEAR = 0.75
"""Share of words and pairs of words that near-duplicates have in common: of a dozen words one was exchanged."""

_DOCUMENT = re.compile(r"<document\b[^>]*>\n.*?</document>\n", re.DOTALL)
_LABEL_WORDS = 6


class ShownPrompt(NamedTuple):
    """What a deployment puts around the requests of a kind. `kind` is None for all kinds that have none of their own.

    Attributes:
        examples: few-shot inputs.
        text: everything else of it.
    """

    deployment: str
    kind: str | None
    examples: tuple[str, ...]
    text: str


class Glance(NamedTuple):
    """What is compared of a sample.

    Attributes:
        text: what the user says, without documents and the system's words.
        plain: the same without case and punctuation.
        target: the accepted answers, where they are texts or numbers, plain.
        key: equal for equal targets.
        graders: equal for equal graders.
        documents: equal for equal documents that are shown; empty for none.
    """

    id: str
    kind: str
    split: Split
    label: Label
    where: str
    text: str
    plain: str
    target: tuple[str, ...]
    key: str
    graders: str
    synthetic: bool
    documents: str

    @property
    def short(self) -> str:
        """The text for a message."""
        return repr(shorten(self.text, 60))


@dataclass(frozen=True)
class Material:
    """A suite with what was learned of it.

    Attributes:
        suite: as read.
        glances: one per sample, in order.
        trials: what answers that nobody had to think about score, and what right ones do.
        bar: of kinds that have none.
        prompts: of the deployments that may be asked.
        runs: of this very suite, the newest of each target.
        standings: what is known of the judges; None = nobody has looked.
    """

    suite: Suite
    glances: Sequence[Glance]
    trials: Trials
    bar: float | None = None
    prompts: Sequence[ShownPrompt] = ()
    runs: Mapping[str, Run] = field(default_factory=dict)
    standings: Sequence[Standing] | None = None

    @cached_property
    def of(self) -> dict[str, list[Glance]]:
        """The samples of each kind."""
        found: dict[str, list[Glance]] = {kind: [] for kind in self.suite.kinds}
        for one in self.glances:
            found[one.kind].append(one)
        return found

    @cached_property
    def alike(self) -> list[tuple[Glance, ...]]:
        """Groups of samples whose texts are the same or nearly so."""
        return [tuple(self.glances[place] for place in group) for group in clusters(near_pairs(self.glances))]

    @cached_property
    def equal(self) -> list[tuple[Glance, ...]]:
        """Groups of samples that show the same documents and whose texts are equal but for case and punctuation."""
        groups: dict[tuple[str, str], list[Glance]] = defaultdict(list)
        for one in self.glances:
            if one.plain:
                groups[one.plain, one.documents].append(one)
        return [tuple(group) for group in groups.values() if len(group) > 1]

    @cached_property
    def ungradable(self) -> dict[str, str]:
        """Samples that cannot be graded, and why."""
        return {sample.id: str(error) for sample, error in mistakes(self.suite.samples)}

    @cached_property
    def labels(self) -> dict[str, frozenset[str]]:
        """The closed set of answers of each kind that has one."""
        return {kind: found for kind, members in self.of.items() if (found := labels(members))}

    def bar_of(self, kind: str) -> float | None:
        """The share of samples of a kind that must pass."""
        own = self.suite.kinds[kind].bar
        return own if own is not None else self.bar


def glance(sample: Sample, known: Callable[[str], str] = str) -> Glance:
    """What is compared of a sample; `known` may give a text that is the same object for equal ones."""
    text = asked(sample)
    shown = [one for message in sample.messages for one in documents(message.text)]
    return Glance(
        id=sample.id,
        kind=sample.kind,
        split=sample.split,
        label=sample.label,
        where=sample.where,
        text=text,
        plain=plain(text),
        target=tuple(known(plain(one)) for one in _texts(sample.target)),
        key=known(label_key(sample.target)),
        graders=known(repr(sample.graders)),
        synthetic=sample.synthetic,
        documents=known(fingerprint("\n".join(shown))) if shown else "",
    )


def near_pairs(glances: Sequence[Glance]) -> list[tuple[int, int, float]]:
    """Places of samples that are nearly the same: one question on two documents is two samples."""
    found = duplicates([f"{one.text} {one.documents}" for one in glances], at_least=NEAR)
    return [pair for pair in found if glances[pair[0]].documents == glances[pair[1]].documents]


def asked(sample: Sample) -> str:
    """What is asked, without the documents before it and the system's words, which many samples may share."""
    said = tuple(message for message in (*sample.messages, *sample.follow_ups) if message.role != "system")
    return _DOCUMENT.sub("", told(said)).strip()


def documents(text: str) -> list[str]:
    """The documents that stand in a message."""
    return _DOCUMENT.findall(text)


def label_key(target: Any) -> str:
    """A text that is equal for equal targets, whatever the order of their alternatives."""
    if isinstance(target, list) and all(isinstance(one, str | int | float) for one in target):
        return repr(sorted(map(str, target)))
    return repr(target)


def labels(members: Sequence[Glance]) -> frozenset[str]:
    """The answers of a kind, if they are few short ones that come back: each sample is put into one of some classes."""
    first = [one.target[0] for one in members if one.target]
    found = frozenset(first)
    few = len(found) <= max(2, len(first) // 3) and len(found) <= 100
    closed = len(first) == len(members) and few and all(len(one.split()) <= _LABEL_WORDS for one in found)
    return found if closed else frozenset()


def _texts(target: Any) -> list[str]:
    given = target if isinstance(target, list) else [target]
    if all(isinstance(one, str | int | float) and not isinstance(one, bool) for one in given):
        return [str(one) for one in given]
    return []
