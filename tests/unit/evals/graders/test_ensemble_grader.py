"""Several graders together: rules, weights, and members that cannot decide."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from graders_shared import answer, sample
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import ConfigError, SuiteError
from assay.evals.graders.ensemble import Ensemble
from assay.evals.graders.grader import Score
from assay.evals.graders.grading import check_graders, grade, models_of
from assay.evals.graders.judges import Judges
from assay.ledger.store import SqliteLedger

YES = {"check": "regex", "pattern": "a"}
NO = {"check": "regex", "pattern": "z"}
OPEN = {"check": "numeric"}  # the target is no number: it cannot decide
JUDGE = {"grader": "judge", "model": "judge", "rubric": "r"}


async def joined(rule: str, *graders: dict[str, Any], judges: Judges | None = None, **more: Any) -> Score:
    """What some graders say together of the answer `a`."""
    spec = {"grader": "ensemble", "rule": rule, "graders": list(graders), **more}
    return (await grade(sample(spec, target="x"), answer("a"), judges=judges)).scores[0]


@pytest.mark.parametrize(
    ("rule", "graders", "more", "value"),
    [
        ("all", (YES, YES), {}, 1.0),
        ("all", (YES, NO), {}, 0.0),
        ("all", (YES, OPEN), {}, None),
        ("all", (NO, OPEN), {}, 0.0),
        ("any", (NO, YES), {}, 1.0),
        ("any", (NO, OPEN), {}, None),
        ("any", (YES, OPEN), {}, 1.0),
        ("any", (NO, NO), {}, 0.0),
        ("majority", (YES, YES, NO), {}, 1.0),
        ("majority", (YES, NO), {}, 0.0),
        ("majority", (YES, YES, OPEN), {}, 1.0),
        ("majority", (YES, NO, OPEN), {}, None),
        ("majority", (YES, NO, NO), {"weights": [3, 1, 1]}, 1.0),
        ("majority", (OPEN, NO, NO), {"weights": [3, 1, 1]}, None),
        ("mean", (YES, NO), {}, 0.5),
        ("mean", (YES, NO), {"weights": [3, 1]}, 0.75),
        ("mean", (YES, OPEN), {}, None),
        ("mean", (YES, NO), {"pass_at": 0.5}, 1.0),
        ("mean", (NO, NO, OPEN), {"pass_at": 0.5}, 0.0),
        ("mean", (YES, OPEN), {"pass_at": 0.5}, 1.0),
    ],
)
async def test_rules(rule: str, graders: tuple[dict[str, Any], ...], more: dict[str, Any], value: float | None) -> None:
    """A member that cannot decide counts neither way: there is a value where it could change nothing."""
    found = await joined(rule, *graders, **more)
    assert found.value == value
    if value is None:
        assert "unscored" in found.explanation


@given(
    rule=st.sampled_from(["all", "any", "majority", "mean"]),
    values=st.lists(st.sampled_from([0.0, 0.5, 1.0, None]), min_size=1, max_size=5),
)
def test_a_value_holds_whatever_open_members_would_say(rule: str, values: list[float | None]) -> None:
    """Filling the open ones in any way never contradicts a value; and where none is open there is one."""
    made = Ensemble(rule=rule, graders=[YES] * len(values))
    value = made._value({n: Score(grader="x", value=one) for n, one in enumerate(values)})
    ways = itertools.product(*[[0.0, 0.5, 1.0] if one is None else [one] for one in values])
    found = {made._rule(list(way)) for way in ways}
    assert found == {value} if value is not None else len(found) > 1


async def test_models_are_asked_last_and_only_if_they_matter(
    judging: Callable[..., Judges], ledger: SqliteLedger
) -> None:
    """A check that decides saves the judge's verdict; it stands first in the list all the same."""
    judges = judging(default='{"reasons": "r", "verdict": "pass"}')
    lost = await joined("all", JUDGE, NO, judges=judges)
    assert (lost.value, await ledger.attempts()) == (0.0, [])
    assert "judge not asked; regex 0" in lost.explanation
    won = await joined("all", JUDGE, YES, judges=judges)
    assert (won.value, won.detail, len(await ledger.attempts())) == (1.0, {"members": [1.0, 1.0]}, 1)


def test_members_are_checked_before_money_is_spent() -> None:
    """Their options, their targets, and the models that they ask."""
    for member, said in (({"check": "numeric"}, "numeric"), ({"grader": "judge"}, "model"), ({"check": "no"}, "no")):
        with pytest.raises(SuiteError, match=said):
            check_graders((sample({"grader": "ensemble", "graders": [member]}, target="x"),))
    nested = {"grader": "ensemble", "graders": [{"grader": "ensemble", "graders": [JUDGE, YES]}]}
    assert models_of([sample(nested)]) == ("judge",)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"graders": []}, "graders"),
        ({"graders": [YES], "weights": [1, 2]}, "2 weights for 1 grader"),
        ({"graders": [YES], "weights": [0]}, "weights"),
        ({"graders": [YES], "rule": "all", "weights": [1]}, "weights mean nothing"),
        ({"graders": [YES], "pass_at": 0.5}, "belongs to the rule"),
    ],
)
def test_wrong_options_of_an_ensemble(given: dict[str, Any], said: str) -> None:
    """A mistake names the option."""
    with pytest.raises(ConfigError, match=said):
        Ensemble(**given)
