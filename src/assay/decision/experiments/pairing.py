"""Preference pairs out of the ledger: from feedback and comparisons, where routes keep bodies; what is left out counts.

- *edited*: what a person made of an answer is better than the answer;
- *preferred*: an answer is better than that of another request which asked the same;
- *accepted-rejected*: of two answers to one prompt people used one and did not use the other;
- *comparison*: a shadow's or audit's answer was judged against the client's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from assay.catalog.use import Ruling, Use, judged
from assay.decision.experiments.pair import Line, Preferred, made, prompt_digest
from assay.evals.traffic.exchange import Exchange, read_exchanges, some_exchanges
from assay.evals.traffic.turns import Unfit
from assay.inference.deployment import LiveDeployment
from assay.inference.route import LiveRoute
from assay.ledger.comparisons import preferences
from assay.ledger.exchanges import Exchanges
from assay.ledger.feedback import Feedback
from assay.ledger.rows import ComparisonRow
from assay.ledger.store import Ledger
from assay.privacy.redaction import Redactor
from assay.types import Part

__all__ = ["Paired", "Pairing", "Wanted"]

Targets = Mapping[str, LiveDeployment | LiveRoute]


class Wanted(NamedTuple):
    """Which pairs are wanted.

    Attributes:
        route: only of requests to this route or deployment.
        kind: only of this kind.
        since_s: not older, in seconds since 1970.
        forbidden: also those with an answer whose terms forbid to train other models with it.
    """

    route: str | None = None
    kind: str | None = None
    since_s: float = 0.0
    forbidden: bool = False


class Paired(NamedTuple):
    """A pair, and the digest of its prompt."""

    line: Line
    digest: str


class _Verdicts(NamedTuple):
    """Of one prompt: the newest request whose answer was used, and the newest whose answer was not."""

    accepted: str | None = None
    rejected: str | None = None


class Pairing:
    """Makes pairs, one after another; memory holds digests, not texts.

    Args:
        ledger: where requests, feedback and comparisons are.
        targets: deployments by name, for the terms of their answers.
        redactor: takes out what must not be in a file.

    Attributes:
        sources: pairs that were made, by where they are from.
        left_out: what was no pair, by the reason.
        redacted: pieces of text that were taken out, by what they were.
        terms: by deployment, what its terms say of training other models with its answers.
        requests: that were read.
    """

    def __init__(self, ledger: Ledger, targets: Targets, redactor: Redactor) -> None:
        self.sources: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.redacted: Counter[str] = Counter()
        self.terms: dict[str, Ruling] = {}
        self.requests = 0
        self._ledger, self._targets, self._redactor = ledger, targets, redactor
        self._exchanges, self._feedback = Exchanges(ledger), Feedback(ledger)
        self._seen: set[bytes] = set()

    async def pairs(self, wanted: Wanted) -> AsyncIterator[Paired]:
        """All pairs, oldest request first; those of two requests with the same prompt last."""
        by_prompt: dict[str, _Verdicts] = {}
        pages = read_exchanges(
            self._exchanges, self._feedback, since_s=wanted.since_s, target=wanted.route, kind=wanted.kind
        )
        async for page, unread in pages:
            self.requests += len(page) + unread
            self.left_out["kept without their text"] += unread
            worse = await some_exchanges(self._exchanges, self._feedback, [
                row.over_request_id for one in page if (row := one.verdict) is not None and row.over_request_id
            ])  # fmt: skip
            judged_ones = await preferences(self._ledger, [one.row.request_id for one in page])
            for one in page:
                _note(by_prompt, one)
                compared = self._compared(one, judged_ones.get(one.row.request_id, ()))
                for preferred in (*self._said(one, worse), *compared):
                    if (pair := self._made(preferred, wanted)) is not None:
                        yield pair
        for both in by_prompt.values():
            pair = await self._of_two(both, wanted)
            if pair is not None:
                yield pair

    # ----------------------------------------------------------------------------------- what there is

    def _said(self, one: Exchange, worse: Mapping[str, Exchange]) -> Iterator[Preferred]:
        """What feedback on a request says."""
        row, own = one.verdict, one.row.deployment
        if row is None:
            return
        if row.verdict == "edited":
            if not row.correction:
                self.left_out["edited, and what became of it was not told"] += 1
            else:
                yield Preferred(one, row.correction, one.answer, None, own, "edited", "feedback")
        elif row.verdict == "preferred":
            other = worse.get(row.over_request_id or "")
            if other is None:
                self.left_out["preferred to an answer that is not kept"] += 1
            elif prompt_digest(other) != prompt_digest(one):
                self.left_out["preferred to the answer to another prompt"] += 1
            else:
                yield Preferred(
                    one, one.answer, other.answer, own, other.row.deployment, "preferred", "feedback",
                    other.row.request_id,
                )  # fmt: skip

    def _compared(self, one: Exchange, rows: Sequence[ComparisonRow]) -> Iterator[Preferred]:
        """What comparisons of the request's answer with another deployment's say."""
        for row in rows:
            other = _parts(row)
            if other is None:
                self.left_out["compared with an answer that is not kept"] += 1
                continue
            sides = ((one.answer, row.own), (other, row.other))
            (chosen, chosen_by), (rejected, rejected_by) = sides if row.verdict == "own" else sides[::-1]
            yield Preferred(one, chosen, rejected, chosen_by, rejected_by, "comparison", row.decided_by)

    async def _of_two(self, said: _Verdicts, wanted: Wanted) -> Paired | None:
        accepted, rejected = said
        if accepted is None or rejected is None:
            return None
        both = await some_exchanges(self._exchanges, self._feedback, [accepted, rejected])
        if len(both) < 2:  # deleted in between
            return None
        good, bad = both[accepted], both[rejected]
        return self._made(
            Preferred(good, good.answer, bad.answer, good.row.deployment, bad.row.deployment, "accepted-rejected",
                      "feedback", rejected), wanted,
        )  # fmt: skip

    # ------------------------------------------------------------------------------------ what is taken

    def _made(self, preferred: Preferred, wanted: Wanted) -> Paired | None:
        names = [name for name in (preferred.chosen_by, preferred.rejected_by) if name is not None]
        if any(self._ruling(name).verdict == "forbidden" for name in names) and not wanted.forbidden:
            self.left_out["the terms of an answer forbid to train other models with it"] += 1
            return None
        redaction = self._redactor.begin()
        try:
            line = made(preferred, redaction)
        except Unfit as reason:
            self.left_out[str(reason)] += 1
            return None
        said = msgspec.json.encode((line.prompt, line.chosen, line.rejected))
        if (key := _short(said)) in self._seen:
            self.left_out["said already"] += 1
            return None
        self._seen.add(key)
        self.sources[preferred.source] += 1
        self.redacted.update(redaction.taken)
        verdicts = {self._ruling(name).verdict for name in names}
        terms = next((one for one in ("forbidden", "ask") if one in verdicts), "allowed")
        line = msgspec.structs.replace(line, origin={**line.origin, "terms": terms})
        return Paired(line, prompt_digest(preferred.exchange))

    def _ruling(self, name: str) -> Ruling:
        """What the terms of a deployment say of training other models with its answers."""
        if name not in self.terms:
            target = self._targets.get(name)
            if isinstance(target, LiveDeployment) and target.model is not None:
                found = judged(target.model, target.terms, Use(trains_on_outputs=True))
            else:
                found = Ruling("ask", "licence", f"what {name} is, and its terms, are not known")
            self.terms[name] = found
        return self.terms[name]


def _note(by_prompt: dict[str, _Verdicts], one: Exchange) -> None:
    row = one.verdict
    if row is None or row.verdict not in ("accepted", "rejected"):
        return
    digest = prompt_digest(one)
    by_prompt[digest] = by_prompt.get(digest, _Verdicts())._replace(**{row.verdict: one.row.request_id})


def _parts(row: ComparisonRow) -> tuple[Part, ...] | None:
    """The other's answer, where it was kept and can be read."""
    try:
        return msgspec.json.decode(row.answer, type=tuple[Part, ...]) if row.answer else None
    except msgspec.DecodeError:
        return None


def _short(said: bytes) -> bytes:
    return blake2b(said, digest_size=16).digest()
