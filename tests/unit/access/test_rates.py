"""Requests and tokens of a minute: a sliding window, shared by processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest
from counting import take, take_for_ever
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.access import rates
from assay.access.rates import Rates
from assay.dialects.openai_chat import OpenAIChat
from assay.gateway.rate_headers import rate_lines


class Clock:
    """A clock that a test puts forward."""

    def __init__(self) -> None:
        self.now = 1000.25

    def monotonic(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that counts are made by."""
    made = Clock()
    monkeypatch.setattr(rates, "time", made)
    return made


@pytest.fixture
def counts(tmp_path: Path, clock: Clock) -> Iterator[Rates]:
    """Counts in a new file."""
    made = Rates(tmp_path / "rates")
    yield made
    made.close()


def test_as_many_as_the_limit_are_let_in(counts: Rates, clock: Clock) -> None:
    """Of a limit of three, three fit at once; the fourth is told when it will, and fits then, and no sooner."""
    taken = [counts.take(1, 3, None, 0) for _ in range(4)]
    assert [one.admitted for one in taken] == [True, True, True, False]
    assert [one.requests_rate.left for one in taken if one.requests_rate] == [2, 1, 0, 0]
    assert 60 < taken[3].wait_s <= 61
    clock.now += taken[3].wait_s - 0.01
    assert not counts.take(1, 3, None, 0).admitted
    clock.now += 0.02
    assert counts.take(1, 3, None, 0).admitted


def test_clients_are_told_of_a_minute_at_most(counts: Rates, clock: Clock) -> None:
    """Counts have a grain of a second, which lies beyond the minute of the limit that the headers speak of."""
    clock.now = 1000.0
    for _ in range(2):
        lines = rate_lines(counts.take(1, 1, None, 0), OpenAIChat())
        assert b"x-ratelimit-reset-requests: 60.000s\r\n" in lines


def test_a_refusal_counts_for_nothing(counts: Rates, clock: Clock) -> None:
    """Whoever goes on asking is not kept out longer for it."""
    counts.take(1, 1, None, 0)
    for _ in range(50):
        clock.now += 1.2
        counts.take(1, 1, None, 0)
    clock.now = 1000.25 + 61
    assert counts.take(1, 1, None, 0).admitted


def test_keys_do_not_share(counts: Rates) -> None:
    """A cell that is used up leaves its neighbours alone, also those beyond the room that was there first."""
    for cell in (1, 2, 63, 64, 500):
        assert counts.take(cell, 1, None, 0).admitted
        assert not counts.take(cell, 1, None, 0).admitted


def test_tokens_are_counted_at_their_bound_and_put_right(counts: Rates) -> None:
    """What a request did not need is free for others as soon as that is known; what it took beyond it is counted."""
    first = counts.take(1, None, 100, 90)
    assert first.admitted
    assert not counts.take(1, None, 100, 20).admitted
    counts.correct(first, 30)
    second = counts.take(1, None, 100, 20)
    assert second.admitted
    assert second.tokens_rate is not None
    assert second.tokens_rate.left == 50
    counts.correct(second, 75)
    assert not counts.take(1, None, 100, 1).admitted


def test_a_bound_above_the_limit_fits_where_nothing_else_is(counts: Rates, clock: Clock) -> None:
    """A request whose bound is more than the whole limit is let in alone, for it may need less."""
    huge = counts.take(1, None, 100, 10_000)
    assert huge.admitted
    assert not counts.take(1, None, 100, 1).admitted
    counts.correct(huge, 40)
    assert counts.take(1, None, 100, 60).admitted
    assert not counts.take(1, None, 100, 10_000).admitted


def test_a_correction_that_comes_late_changes_nothing(counts: Rates, clock: Clock) -> None:
    """Once its second is forgotten a request is counted nowhere, so that a later one does not pay for it."""
    old = counts.take(1, None, 100, 100)
    clock.now += 61
    new = counts.take(1, None, 100, 100)
    counts.correct(old, 0)
    assert new.admitted
    assert not counts.take(1, None, 100, 1).admitted


def test_requests_and_tokens_both_must_fit(counts: Rates) -> None:
    """Where one of both does not fit neither is counted, and the longer wait is told."""
    assert counts.take(1, 2, 100, 60).admitted
    refused = counts.take(1, 2, 100, 60)
    assert not refused.admitted
    assert refused.wait_s > 0
    assert counts.take(1, 2, 100, 40).admitted


def test_a_clock_that_begins_anew_begins_a_new_count(counts: Rates, clock: Clock) -> None:
    """After the machine has started again what the file says is of another time, and holds nobody up."""
    counts.take(1, 1, None, 0)
    clock.now = 3.0
    assert counts.take(1, 1, None, 0).admitted
    assert not counts.take(1, 1, None, 0).admitted


@settings(max_examples=30)
@given(st.lists(st.floats(0, 20), min_size=1, max_size=60), st.integers(1, 5))
def test_no_minute_has_more_than_the_limit(
    tmp_path_factory: pytest.TempPathFactory, pauses: list[float], limit: int
) -> None:
    """Whenever clients ask, any 60 seconds hold at most the limit; who would fit by a second is let in."""
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr(rates, "time", clock)
        counts = Rates(tmp_path_factory.mktemp("rates") / "rates")
        admitted: list[float] = []
        for pause in pauses:
            clock.now += pause
            if counts.take(1, limit, None, 0).admitted:
                assert sum(at > clock.now - 60 for at in admitted) < limit
                admitted.append(clock.now)
            else:
                assert sum(at >= clock.now - 61 for at in admitted) >= limit
        counts.close()


def test_processes_share_one_limit(tmp_path: Path) -> None:
    """Three processes that ask at the same time get the limit together, to the request."""
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[int] = context.Queue()
    workers = [context.Process(target=take, args=(tmp_path / "rates", 600, results)) for _ in range(3)]
    for worker in workers:
        worker.start()
    got = [results.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert sum(got) == 1000


def test_who_is_killed_holds_nobody_up(tmp_path: Path) -> None:
    """The lock of a cell ends with the process that holds it, whatever it was doing."""
    context = multiprocessing.get_context("spawn")
    begun = context.Event()
    workers = [context.Process(target=take_for_ever, args=(tmp_path / "rates", begun)) for _ in range(2)]
    for worker in workers:
        worker.start()
    assert begun.wait(60)
    counts = Rates(tmp_path / "rates")
    for _ in range(200):
        counts.correct(counts.take(7, None, 10**9, 50), 20)
    for worker in workers:
        worker.kill()
        worker.join()
    taken = counts.take(7, None, 10**9, 0)
    assert taken.tokens_rate is not None
    assert (10**9 - taken.tokens_rate.left) % 10 == 0
    counts.close()
