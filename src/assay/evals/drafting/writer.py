"""Has a model write samples, and keeps those that are new; what is doubtful is told, never hidden."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count as count_from_0
from pathlib import Path
from typing import Any, NamedTuple

from assay.errors import AssayError, BudgetExceeded, ConfigError, NoCandidate, ProviderError
from assay.evals.drafting.asking import Item, Task, items, label_of, request
from assay.evals.drafting.draft import Draft
from assay.evals.drafting.material import Passage
from assay.evals.drafting.verify import problems
from assay.evals.suites.duplicates import duplicates
from assay.evals.suites.samples import GraderSpec, SampleLine
from assay.evals.suites.suite import Sample
from assay.inference.spine import Options, Spine
from assay.inference.trace import Trace, total_cost
from assay.types import Label, Message

__all__ = ["Told", "Writer"]

ALIKE = 0.7
"""A sample with this similarity to one that is there is a repetition: what a model varies, it varies little."""

PER_REQUEST = 4
"""Samples of one request: more of them begin to repeat each other."""


class Told(NamedTuple):
    """How writing went.

    Attributes:
        asked: requests that were made.
        kept: drafts, of which `doubtful` have problems.
        repeated: samples that were nearly the same as one that was there.
        faults: requests that brought nothing, with why.
        usd: what it cost; None = not known.
    """

    asked: int
    kept: int
    doubtful: int
    repeated: int
    faults: tuple[str, ...]
    usd: float | None


class Writer:
    """Writes samples of one kind.

    Args:
        spine: what answers.
        target: deployment or route that writes.
        task: the kind.
        graders: of the kind; its checks verify what was written.
        known: inputs of samples and drafts that are there.
        seed: of the drawing; another one gives other samples.
        on_draft: told each draft as it is made.
    """

    def __init__(
        self, spine: Spine, target: str, task: Task, graders: tuple[GraderSpec, ...], known: Iterable[str], *,
        seed: int = 0, on_draft: Callable[[Draft], object] = lambda draft: None,
    ) -> None:  # fmt: skip
        self._spine = spine
        self._target = target
        self._task = task
        self._graders = graders
        self._known = list(known)
        self._seed = seed
        self._on_draft = on_draft
        self._traces: list[Trace] = []
        self._kept: list[Draft] = []
        self._repeated = 0
        self._faults: list[str] = []

    async def write(self, passages: Sequence[Passage], manners: Sequence[str], count: int) -> Told:
        """Write until `count` drafts were kept, or twice the requests were made that this should have taken.

        Raises:
            ConfigError, BudgetExceeded: nothing can be asked; what was written has been told to `on_draft`.
        """
        most = 2 * -(-count // PER_REQUEST) + len(manners)
        for number, (passage, manner) in enumerate(_turns(passages, manners)):
            left = count - len(self._kept)
            if left <= 0 or number >= most:
                break
            await self._ask(passage, manner, min(PER_REQUEST, left), number)
        return self.told

    @property
    def told(self) -> Told:
        """How it went so far."""
        return Told(
            asked=len(self._traces),
            kept=len(self._kept),
            doubtful=sum(bool(draft.problems) for draft in self._kept),
            repeated=self._repeated,
            faults=tuple(self._faults),
            usd=total_cost(trace.worth for trace in self._traces)[0],
        )

    async def _ask(self, passage: Passage, manner: str, count: int, number: int) -> None:
        trace = Trace()
        self._traces.append(trace)
        seed = self._seed * 10_007 + number
        asked = request(self._task, passage, manner, count, seed=seed)
        try:
            answer = await self._spine.answer(asked, self._target, trace, Options(seed=seed))
        except (BudgetExceeded, ConfigError):
            raise
        except AssayError as error:
            kept_in = isinstance(error, NoCandidate) and passage.label is Label.PRIVATE_ONLY  # others may go out
            if kept_in or (isinstance(error, ProviderError) and len(self._faults) < 3):
                self._faults.append(f"{type(error).__name__}: {error}")
                return
            raise
        written, fault = items(answer)
        if fault is not None:
            self._faults.append(fault)
        for item in written[:count]:
            await self._keep(item, passage, manner)

    async def _keep(self, item: Item, passage: Passage, manner: str) -> None:
        near = [*self._near(item.input), item.input]
        if any(later == len(near) - 1 for _, later, _ in duplicates(near, at_least=ALIKE)):
            self._repeated += 1
            return
        line = SampleLine(
            id=f"draft-{hashlib.sha256(f'{self._task.kind}{item.input}'.encode()).hexdigest()[:10]}",
            input=item.input,
            target=_target(item.target, passage, self._graders),
            synthetic=True,
            group=passage.example.group if passage.example is not None else None,
            label=label_of(self._task, passage),
            context_files=passage.shown,
            origin={**passage.origin, "by": self._target, "manner": manner, "quote": item.quote},
        )
        draft = Draft(
            line=line,
            manner=manner,
            why=item.why,
            problems=await problems(self._sample(line, passage), passage, item.quote),
        )
        self._known.append(item.input)
        self._kept.append(draft)
        self._on_draft(draft)

    def _near(self, text: str) -> Iterator[str]:
        """The known texts that could be like this one: they share a longer word with it."""
        words = {word for word in text.casefold().split() if len(word) > 3} or set(text.casefold().split())
        return (one for one in self._known if words & set(one.casefold().split()))

    def _sample(self, line: SampleLine, passage: Passage) -> Sample:
        return Sample(
            id=line.id,
            kind=self._task.kind,
            messages=(Message.of("user", passage.in_front + str(line.input)),),
            target=line.target,
            graders=self._graders,
            split=line.split,
            label=label_of(self._task, passage),
            synthetic=True,
        )


def _turns(passages: Sequence[Passage], manners: Sequence[str]) -> Iterator[tuple[Passage, str]]:
    """Every passage in turn; each time it comes again, in the next manner."""
    for turn in count_from_0():
        for place, passage in enumerate(passages):
            yield passage, manners[(turn + place) % len(manners)]


def _target(target: Any, passage: Passage, graders: tuple[GraderSpec, ...]) -> Any:
    """The target as the kind's graders want it.

    JSON within a text where the seed's target is no text either, or it is an object; with its document as the source
    where answers must name theirs.
    """
    if not isinstance(target, str):
        return target
    text = target.strip()
    if not text:
        return None
    if passage.source == "document" and any(spec.get("check") == "sources" for spec in graders):
        return {"answer": text, "sources": [Path(str(passage.origin["file"])).stem]}
    seed = passage.example.target if passage.example is not None else None
    if text.startswith(("{", "[")) or (seed is not None and not isinstance(seed, str)):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text
