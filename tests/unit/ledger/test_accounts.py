"""The books in memory, against a model that adds everything up anew each time; sums of money and periods."""

import time

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from assay.errors import LedgerError
from assay.ledger.accounts import Accounts
from assay.ledger.budgets import (
    DAY_S,
    EVERYTHING,
    Budget,
    Line,
    Lines,
    lines_of,
    lines_on_record,
    period_of,
    pico_of,
    span_of,
    usd_of,
)

NOON = 1_795_780_800.0  # 2026-11-27 12:00 UTC
LINES = [Line("everything", "2026-11"), Line("key:a", "2026-11-27"), Line("team:b", "")]

NUMBERS = st.integers(0, len(LINES) - 1)


class Books(RuleBasedStateMachine):
    """Whatever happens in whatever order: what is free is what was leased, less what runs, less what was spent."""

    def __init__(self) -> None:
        super().__init__()
        self.accounts = Accounts()
        self.leased = dict.fromkeys(LINES, 0)
        self.spent = dict.fromkeys(LINES, 0)
        self.running: dict[str, tuple[list[Line], int]] = {}
        self.bounds: dict[str, int] = {}  # smaller ones, not made use of
        self.number = 0

    def free(self, line: Line) -> int:
        """By the model."""
        return (
            self.leased[line] - sum(pico for lines, pico in self.running.values() if line in lines) - self.spent[line]
        )

    @rule(line=NUMBERS, pico=st.integers(0, 40))
    def lease(self, line: int, pico: int) -> None:
        """More is set aside."""
        self.accounts.add({LINES[line]: pico})
        self.leased[LINES[line]] += pico

    @rule(line=NUMBERS, pico=st.integers(0, 40))
    def give_back(self, line: int, pico: int) -> None:
        """Others get no more than what is free."""
        given = min(pico, self.free(LINES[line]))
        assert self.accounts.take_out({LINES[line]: pico}) == ({LINES[line]: given} if given else {})
        self.leased[LINES[line]] -= given

    @rule(lines=st.sets(NUMBERS, min_size=1), pico=st.integers(0, 20))
    def hold(self, lines: set[int], pico: int) -> None:
        """On all lines or on none."""
        named = [LINES[line] for line in sorted(lines)]
        fits = all(self.free(line) >= pico for line in named)
        self.number += 1
        attempt = f"{self.number:06d}"
        assert self.accounts.hold(attempt, Lines(tuple((line, 1000) for line in named), None), pico) == fits
        if fits:
            self.running[attempt] = (named, pico)

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 30), percent=st.integers(0, 100))
    def settle(self, which: int, percent: int) -> None:
        """It cost some of what it held; a second settlement changes nothing."""
        attempt = sorted(self.running)[which % len(self.running)]
        lines, held = self.running.pop(attempt)
        cost = min(held, self.bounds.pop(attempt, held)) * percent // 100
        self.accounts.settle(attempt, cost)
        self.accounts.settle(attempt, cost)
        for line in lines:
            self.spent[line] += cost

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 30), pico=st.integers(0, 20))
    def shrink(self, which: int, pico: int) -> None:
        """Only a smaller bound is one, and it frees nothing by itself."""
        attempt = sorted(self.running)[which % len(self.running)]
        self.accounts.shrink(attempt, pico)
        if pico < self.running[attempt][1]:
            self.bounds[attempt] = min(pico, self.bounds.get(attempt, pico))

    @rule(line=NUMBERS)
    def make_use(self, line: int) -> None:
        """Of the smaller bounds of what runs on a line."""
        smaller = self.accounts.shrunk({LINES[line]: 1})
        assert smaller == {one: pico for one, pico in self.bounds.items() if LINES[line] in self.running[one][0]}
        self.accounts.apply(smaller)
        for attempt, pico in smaller.items():
            self.running[attempt] = (self.running[attempt][0], pico)
            del self.bounds[attempt]

    @invariant()
    def adds_up(self) -> None:
        """Each line, and never below 0."""
        for line in LINES:
            assert self.accounts.free(line) == self.free(line) >= 0
            assert self.accounts.held(line) == sum(held for lines, held in self.running.values() if line in lines)


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_dust_of_floats_is_none() -> None:
    """0.1 + 0.2 is 0.3 in picodollars, a budget of a millionth is no 0, and a sum comes back as it was."""
    assert pico_of(0.1) + pico_of(0.2) == pico_of(0.3)
    assert pico_of(1e-6) == 10**6
    assert all(usd_of(pico_of(usd)) == usd for usd in (0.1, 0.2, 0.3, 1e-12, 1234.567890123456))


@pytest.mark.parametrize("usd", [float("nan"), float("inf"), -0.01])
def test_what_is_no_sum_of_money_is_refused(usd: float) -> None:
    """Neither NaN nor a negative sum gets into the books."""
    with pytest.raises(LedgerError, match="no sum of money"):
        pico_of(usd)


def test_an_attempt_counts_for_each_of_its_budgets_and_the_lower_limit_holds() -> None:
    """Everything of the month is always the first line; two budgets of one line are one, with the lower limit."""
    budgets = (Budget("key:a", 2.0, "day"), Budget("key:a", 1.0, "day"), Budget("team:b", 5.0, "total"))
    lines = lines_of(budgets, NOON // DAY_S)
    assert dict(lines.limits) == {
        Line(EVERYTHING, "2026-11"): None,
        Line("key:a", "2026-11-27"): 10**12,
        Line("team:b", ""): 5 * 10**12,
    }
    assert list(lines_on_record(NOON, lines.scopes)) == [line for line, _ in lines.limits]


def test_without_other_budgets_an_attempt_names_no_line() -> None:
    """The month's line of everything is not written to each row."""
    assert lines_of((), NOON // DAY_S).scopes is None
    assert lines_of((Budget(EVERYTHING, 1.0),), NOON // DAY_S).scopes is None
    assert list(lines_on_record(NOON, None)) == [Line(EVERYTHING, "2026-11")]


@pytest.mark.parametrize(
    ("begin", "end"),
    [("2026-11-27", "2026-11-28"), ("2026-12-31", "2027-01-01"), ("2026-11", "2026-12"), ("2026-12", "2027-01")],
)
def test_a_period_ends_where_the_next_begins(begin: str, end: str) -> None:
    """Up to its last moment a time lies in it, and from its end on in the next."""
    first, over = span_of(begin)
    per = "day" if len(begin) == 10 else "month"
    assert (period_of(first, per), period_of(over - 0.001, per), period_of(over, per)) == (begin, begin, end)  # type: ignore[arg-type]
    assert span_of(end)[0] == over


def test_all_time_has_no_end() -> None:
    """The period of a budget once and for all has no name, and any time lies in it."""
    assert period_of(time.time(), "total") == ""
    assert span_of("") == (0.0, float("inf"))


def test_lines_whose_period_is_over_are_forgotten_when_nothing_is_held() -> None:
    """A process that runs for years does not keep a line for each day; what still runs keeps its own."""
    accounts = Accounts()
    old, running, new = Line("key:a", "2026-10-31"), Line("key:b", "2026-10-31"), Line("key:a", "2026-11-27")
    accounts.add({old: 5, running: 5, new: 5})
    for number, line in enumerate((old, running, new)):
        assert accounts.hold(str(number), Lines(((line, 5),), None), 5)
    accounts.settle("0", 5)
    accounts.settle("2", 5)
    accounts.forget("2026-11-27")
    assert set(accounts._held) == {running, new}
