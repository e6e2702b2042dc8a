"""Several graders that give one score together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from assay.checks.check import shorten
from assay.errors import AssayError, BudgetExceeded, ConfigError, WeightsError
from assay.evals.graders.grader import Grader, Options, Score, options
from assay.evals.graders.judges import Judges
from assay.evals.graders.registry import make_grader, name_of, origin_of
from assay.evals.suites.suite import GraderSpec, Sample
from assay.numerals import plural
from assay.types import JsonObject, Request, Response

__all__ = ["Ensemble"]


class _Options(Options, frozen=True):
    graders: Annotated[tuple[GraderSpec, ...], Meta(min_length=1)]
    rule: Literal["all", "any", "majority", "mean"] = "majority"
    weights: tuple[Annotated[float, Meta(gt=0)], ...] | None = None
    pass_at: Annotated[float, Meta(gt=0, le=1)] | None = None


class Ensemble(Grader):
    """Joins graders: checks, judges, or ensembles again.

    Options: `graders`, a list of tables as a kind has them; `rule` = `all` or `any` of them pass, `majority` (more than
    half, by weight), or `mean` of their values; `weights` in the order of `graders`; `pass_at`: the mean from which it
    is 1, below 0 (default: the mean itself is the value).

    Members that cannot decide are no zeros: there is a value only where none of theirs could change it. Those that
    ask models come last, and are not asked any more once the rest has decided.
    """

    name: ClassVar[str] = "ensemble"

    def __init__(self, **given: Any) -> None:
        o = self._options = options(self.name, _Options, given)
        if o.weights is not None and len(o.weights) != len(o.graders):
            graders = plural(len(o.graders), "grader")
            raise ConfigError(f"grader 'ensemble': {plural(len(o.weights), 'weight')} for {graders}")
        if o.weights is not None and o.rule in ("all", "any"):
            raise ConfigError(f"grader 'ensemble': weights mean nothing under the rule {o.rule!r}")
        if o.pass_at is not None and o.rule != "mean":
            raise ConfigError("grader 'ensemble': `pass_at` belongs to the rule \"mean\"")
        self._members = [make_grader(spec) for spec in o.graders]
        self._weights = o.weights or (1.0,) * len(o.graders)
        self._order = sorted(range(len(self._members)), key=lambda place: bool(self._members[place].models))

    @property
    def models(self) -> tuple[str, ...]:
        """All that its members ask."""
        return tuple(dict.fromkeys(model for member in self._members for model in member.models))

    @property
    def opponents(self) -> tuple[str, ...]:
        """All that its members compare with."""
        return tuple(dict.fromkeys(one for member in self._members for one in member.opponents))

    @property
    def settings(self) -> JsonObject:
        """The rule, and its members with theirs."""
        members = [
            {"grader": name_of(spec), "settings": member.settings}
            for spec, member in zip(self._options.graders, self._members, strict=True)
        ]
        o = self._options
        return {"rule": o.rule, "weights": self._weights, "pass_at": o.pass_at, "members": members}

    def prepare(self, samples: Sequence[Sample]) -> None:
        """Every member may."""
        for member in self._members:
            member.prepare(samples)

    def accepts(self, sample: Sample) -> None:
        """Every member must accept it."""
        for member in self._members:
            member.accepts(sample)

    async def grade(self, sample: Sample, request: Request, response: Response, judges: Judges) -> Score:
        """Ask the members until the value is certain."""
        scores: dict[int, Score] = {}
        value = None
        for place in self._order:
            scores[place] = await self._member(place, sample, request, response, judges)
            value = self._value(scores)
            if value is not None:
                break
        told = [f"{name_of(spec)} {_told(scores.get(place))}" for place, spec in enumerate(self._options.graders)]
        members = [scores[place].value if place in scores else None for place in range(len(self._members))]
        measure = self._share([0.0 if one is None else one for one in members]) if None not in members else None
        return Score(
            grader=self.name,
            value=value,
            explanation=shorten(f"{self._options.rule} of {len(members)}: {'; '.join(told)}", 800),
            measure=measure,
            detail={"members": members},
        )

    async def _member(self, place: int, sample: Sample, request: Request, response: Response, judges: Judges) -> Score:
        """A member's score; whatever breaks in it is its alone."""
        spec = self._options.graders[place]
        try:
            return await self._members[place].grade(sample, request, response, judges)
        except (BudgetExceeded, WeightsError):
            raise
        except AssayError as error:
            return Score(grader=name_of(spec), value=None, explanation=f"{type(error).__name__}: {error}")
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything; the other members may decide
            said = f"{origin_of(spec)} failed: {type(error).__name__}: {error}"
            return Score(grader=name_of(spec), value=None, explanation=said)

    def _value(self, scores: dict[int, Score]) -> float | None:
        """What the members come to, if those that are open can change nothing: every rule grows with its members."""
        known = {place: score.value for place, score in scores.items() if score.value is not None}
        places = range(len(self._members))
        low = self._rule([known.get(place, 0.0) for place in places])
        high = self._rule([known.get(place, 1.0) for place in places])
        return low if low == high else None

    def _rule(self, values: list[float]) -> float:
        o = self._options
        match o.rule:
            case "all":
                return min(values)
            case "any":
                return max(values)
            case "majority":
                passing = sum(weight for weight, value in zip(self._weights, values, strict=True) if value >= 1.0)
                return 1.0 if 2 * passing > sum(self._weights) else 0.0
            case _:
                share = self._share(values)
                return share if o.pass_at is None else float(share >= o.pass_at)

    def _share(self, values: list[float]) -> float:
        """The weighted mean."""
        pairs = zip(self._weights, values, strict=True)
        return sum(weight * value for weight, value in pairs) / sum(self._weights)


def _told(score: Score | None) -> str:
    if score is None:
        return "not asked"
    mark = "unscored" if score.value is None else f"{score.value:g}"
    return f"{mark} ({score.explanation})" if score.explanation else mark
