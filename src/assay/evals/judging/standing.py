"""What is known of the judges behind a figure: audited as they are now, how they agree with people, what fools them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from assay.errors import AssayError
from assay.evals.graders.grader import Grader, Score
from assay.evals.graders.grading import graders_of
from assay.evals.graders.identity import grader_digest
from assay.evals.graders.judges import same_models
from assay.evals.graders.pairwise import Pairwise
from assay.evals.graders.position import PositionBias, position_bias
from assay.evals.judging.audited import Audit
from assay.evals.suites.suite import Suite
from assay.inference.spine import Spine
from assay.ledger.audits import newest_audits
from assay.ledger.rows import Row
from assay.ledger.store import Ledger
from assay.numerals import plural, verb
from assay.types import Value

__all__ = ["Standing", "standing_of", "told"]


class Standing(Value, frozen=True, kw_only=True):
    """One grader that asks models, in one suite.

    Attributes:
        kinds: that it grades.
        audit: the newest of this very judge; None = it was never audited as it is now.
        judges_itself: targets whose model is also the judge's.
        positions: of a grader that compares answers, by target: whether it favoured a place in this run.
        problem: why it cannot be identified; then nothing else is known.
    """

    judge: str
    grader: str
    kinds: tuple[str, ...]
    audit: Audit | None = None
    judges_itself: tuple[str, ...] = ()
    positions: dict[str, PositionBias] = {}
    problem: str | None = None


class _Scores(Row, frozen=True, kw_only=True):
    scores: bytes


async def standing_of(spine: Spine, suite: Suite, runs: Mapping[str, str] = MappingProxyType({})) -> list[Standing]:
    """How the judges of a suite stand.

    Args:
        spine: what can be called, and its ledger.
        suite: cut to what was asked.
        runs: target -> id of the run in which its answers were judged.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    found = []
    specimens = suite.samples.specimens()
    for spec, grader in graders_of(suite.samples):
        kinds = tuple(dict.fromkeys(sample.kind for sample in specimens if spec in sample.graders))
        judge = ", ".join(grader.models)
        try:
            digest = await grader_digest(spine, grader)
            own = tuple(name for name in runs if any(same_models(spine, name, model) for model in grader.models))
        except AssayError as error:
            found.append(Standing(judge=judge, grader=grader.name, kinds=kinds, problem=str(error)))
            continue
        row = (await newest_audits(spine.ledger, [digest])).get(digest)
        audit = msgspec.json.decode(row.body, type=Audit) if row is not None else None
        positions = {name: await _position(spine.ledger, one, kinds) for name, one in _compared(grader, runs).items()}
        found.append(
            Standing(judge=judge, grader=grader.name, kinds=kinds, audit=audit, judges_itself=own, positions=positions)
        )
    return found


def _compared(grader: Grader, runs: Mapping[str, str]) -> Mapping[str, str]:
    return runs if isinstance(grader, Pairwise) else {}


async def _position(ledger: Ledger, run_id: str, kinds: tuple[str, ...]) -> PositionBias:
    """Over what a run's comparisons of these kinds said."""
    marks = ", ".join("?" for _ in kinds)
    rows = await ledger.rows(
        _Scores,
        f"select scores from results where run_id = ? and kind in ({marks})",  # noqa: S608 - marks
        (run_id, *kinds),
    )
    return position_bias(score for row in rows for score in msgspec.json.decode(row.scores, type=tuple[Score, ...]))


def told(standing: Standing, place: str = "") -> str:
    """A standing in a line or two. `place` is what the command that is named needs, to be about the same suite."""
    head = f"{', '.join(standing.kinds)}: graded by {standing.judge} ({standing.grader})"
    if standing.problem is not None:
        return f"{head}, which cannot be identified: {standing.problem}"
    own = f"; it judges itself in {', '.join(standing.judges_itself)}" if standing.judges_itself else ""
    places = "".join(
        f"; of {name} {one.steady} of {plural(one.pairs, 'pair')} {verb(one.steady, 'is', 'are')} steady when swapped"
        + (f", and it favours the {one.favours} place" if one.favours else "")
        for name, one in standing.positions.items()
        if one.pairs
    )
    audit = standing.audit
    if audit is None:
        model = standing.judge.split(", ", maxsplit=1)[0]
        return f"{head}, never audited as it is now: assay judge audit {model}{place}{own}{places}"
    day = datetime.datetime.fromtimestamp(audit.created_at, datetime.UTC).date().isoformat()
    return f"{head}, audited {day}: {', '.join([_people(audit), _probe(audit)])}{own}{places}"


def _people(audit: Audit) -> str:
    people = audit.people
    if people is None or not people.answers:
        return "compared with no labels of people"
    rates = [
        f"{name} {share:.0%} [{span[0]:.0%}, {span[1]:.0%}]"
        for name, share, span in (
            ("sensitivity", people.sensitivity, people.sensitivity_interval),
            ("specificity", people.specificity, people.specificity_interval),
        )
        if share is not None and span is not None
    ]
    return f"{', '.join(rates)} on {plural(people.answers, 'answer')} that people labelled"


def _probe(audit: Audit) -> str:
    probe = audit.probe
    if probe is None:
        return "not probed with constant answers"
    if probe.fooled == "yes":
        return f"FOOLED by {probe.worst}, which passes {probe.share:.0%} of {plural(probe.samples, 'sample')}"
    if probe.fooled == "no":
        return "not fooled by constant answers"
    return f"{plural(probe.samples, 'sample')} cannot tell whether constant answers fool it"
