"""Real requests that the old one answered, drawn from the ledger to be asked again: of the old one and of the new one.

What was redacted when a request was kept stays so, and personal data is taken out as for a suite. A request that the
new one may not be sent, or cannot handle, is not sent: it is counted, by the reason.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from assay.errors import AssayError
from assay.evals.graders.grading import grader_of
from assay.evals.runs.refusal import refusal
from assay.evals.suites.samples import GraderSpec, messages
from assay.evals.suites.suite import Kind, Sample, Samples, Suite
from assay.evals.traffic.candidate import Candidate
from assay.evals.traffic.exchange import Exchange, some_exchanges
from assay.evals.traffic.harvest import Gathered, Wish, harvest
from assay.evals.traffic.targets import graders_for, shape_of
from assay.inference.spine import Spine
from assay.ledger.exchanges import Exchanges
from assay.ledger.feedback import Feedback
from assay.privacy.label import at_least
from assay.privacy.redaction import Redactor
from assay.types import Label, Request, Tool

__all__ = ["RealRequest", "Traffic", "draw_traffic", "label_free"]


class RealRequest(Sample, frozen=True, kw_only=True):
    """A sample that is sent as its client sent it: with its sampling, tools and form of the answer."""

    asked: Request = Request()

    def request(self, deadline_s: float | None = None) -> Request:
        """As a client would send it again."""
        return msgspec.structs.replace(
            self.asked, messages=self.messages, tools=self.tools, kind=self.kind, label=self.label,
            deadline_s=deadline_s,
        )  # fmt: skip


class Traffic(NamedTuple):
    """What was drawn.

    Attributes:
        graded: requests of kinds that can be graded without knowing the right answer; None = there are none.
        answered: all requests, with the answer that was given as the target.
        requests: real requests of each kind that the draw looked at.
        drawn: those that can be asked again.
        withheld: those that the new one cannot be sent, by kind and reason.
        left_out: those drawn that cannot be asked again (an image, other tools than most), by kind and reason.
        unread: exchanges that were kept without their text.
    """

    graded: Suite | None
    answered: Suite | None
    requests: dict[str, int]
    drawn: dict[str, int]
    withheld: dict[str, dict[str, int]]
    left_out: dict[str, dict[str, int]]
    unread: int

    @property
    def ungraded(self) -> tuple[str, ...]:
        """Kinds that nothing but agreement is known of."""
        graded = self.graded.kinds if self.graded is not None else {}
        return tuple(kind for kind, count in self.drawn.items() if count and kind not in graded)


async def draw_traffic(
    spine: Spine, wish: Wish, redactor: Redactor, new: str, suite: Suite | None, *, kinds: tuple[str, ...] = (),
    judge: str | None = None,
) -> Traffic:  # fmt: skip
    """Draw requests and make them ready to be asked again.

    Args:
        spine: with the ledger that holds them.
        wish: how many, since when, answered by whom.
        redactor: takes out what must not be asked again.
        new: who may be sent them.
        suite: whose graders hold for its kinds, as far as they need no right answer.
        kinds: only these; () = all.
        judge: deployment or route that grades what no check can.
    """
    found = await harvest(spine.ledger, wish, redactor)
    wanted = [one for one in found.kinds if not kinds or one.kind in kinds]
    ids = [one.line.id for gathered in wanted for one in gathered.candidates]
    exchanges = await some_exchanges(Exchanges(spine.ledger), Feedback(spine.ledger), ids)
    graded: list[Sample] = []
    answered: list[Sample] = []
    withheld: dict[str, dict[str, int]] = {}
    drawn: dict[str, int] = {}
    for gathered in wanted:
        graders = _graders(gathered, suite, judge)
        declared = suite.kinds[gathered.kind].label if suite is not None and gathered.kind in suite.kinds else None
        real = [_real(one, gathered.kind, declared, exchanges) for one in gathered.candidates]
        kept, refused = _sendable(spine, new, real)
        drawn[gathered.kind] = len(kept)
        withheld |= {gathered.kind: refused} if refused else {}
        graded += [msgspec.structs.replace(one, graders=graders) for one in kept if graders]
        answered += _answered(kept, gathered.candidates)
    return Traffic(
        graded=_suite(f"traffic.{new}.graded", graded),
        answered=_suite(f"traffic.{new}.answered", answered),
        requests={one.kind: one.requests for one in wanted},
        drawn=drawn,
        withheld=withheld,
        left_out={one.kind: one.left_out for one in wanted if one.left_out},
        unread=found.unread,
    )


def label_free(graders: Iterable[GraderSpec], sample: Sample) -> tuple[GraderSpec, ...]:
    """Those that grade an answer without knowing the right one."""
    bare = msgspec.structs.replace(sample, target=None, meta={})
    return tuple(spec for spec in graders if _accepts(spec, bare))


def _accepts(spec: GraderSpec, sample: Sample) -> bool:
    try:
        grader_of(spec).accepts(sample)
    except AssayError:
        return False
    return True


def _graders(gathered: Gathered, suite: Suite | None, judge: str | None) -> tuple[GraderSpec, ...]:
    """Those of the suite's kind that need no target; else the schema that the requests ask for, else a judge."""
    samples = suite.of(gathered.kind) if suite is not None and gathered.kind in suite.kinds else ()
    found = label_free(samples[0].graders, samples[0]) if samples else ()
    if found:
        return found
    if gathered.schema is not None:
        return ({"check": "schema", "schema": gathered.schema},)
    return tuple(graders_for("text", judge, with_target=False)) if judge is not None else ()


def _real(one: Candidate, kind: str, declared: Label | None, exchanges: Mapping[str, Exchange]) -> RealRequest:
    """The request again; what the suite declares of its kind holds too, whatever its client said."""
    where = f"request {one.line.id}"
    kept = exchanges[one.line.id].request if one.line.id in exchanges else Request()
    return RealRequest(
        id=one.line.id,
        kind=kind,
        messages=messages(one.line, (), where, Path()),
        target=None,
        graders=(),
        split=one.line.split,
        label=at_least(one.line.label or Label.UNLABELLED, declared),
        tools=msgspec.convert(one.tools, tuple[Tool, ...]),
        group=one.line.group,
        where=where,
        asked=Request(
            sampling=kept.sampling, output=kept.output, tool_choice=kept.tool_choice,
            parallel_tool_calls=kept.parallel_tool_calls,
        ),
    )  # fmt: skip


def _sendable(spine: Spine, new: str, samples: Iterable[RealRequest]) -> tuple[list[RealRequest], dict[str, int]]:
    """Those that the new one may be sent and can handle; the others, counted by the reason."""
    kept: list[RealRequest] = []
    refused: Counter[str] = Counter()
    for one in samples:
        found = refusal(spine, new, one.request())
        if found is None or found.keyless:
            kept.append(one)
        else:
            refused[found.reason] += 1
    return kept, dict(refused)


def _answered(samples: Iterable[RealRequest], candidates: Iterable[Candidate]) -> list[Sample]:
    """With the answer that was given as the target, whatever people said of it."""
    given = {one.line.id: _given(one) for one in candidates}
    return [
        msgspec.structs.replace(one, target=answer, graders=_agreeing(answer))
        for one in samples
        if (answer := given[one.id]) is not None
    ]


def _given(one: Candidate) -> Any:
    said = {"edited": one.line.meta.get("before"), "rejected": one.line.meta.get("rejected")}
    return said.get(one.how, one.line.target)


def _agreeing(answer: Any) -> tuple[GraderSpec, ...]:
    return tuple(graders_for(shape_of(answer), None)) or ({"check": "normalised"},)


def _suite(name: str, samples: list[Sample]) -> Suite | None:
    if not samples:
        return None
    kinds = dict.fromkeys(one.kind for one in samples)
    digest = hashlib.sha256(msgspec.json.encode(sorted(samples, key=lambda one: one.id), order="sorted"))
    return Suite(
        name=name,
        version="1",
        description="real requests",
        folder="",
        digest=digest.hexdigest(),
        kinds={
            kind: Kind(name=kind, description="", bar=None, gate=False, guards=None, label=Label.UNLABELLED)
            for kind in kinds
        },
        samples=Samples.held(samples),
    )
