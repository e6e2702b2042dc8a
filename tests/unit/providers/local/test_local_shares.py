import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.providers.local.shares import Share, Shares


class Cpu:
    """A process whose CPU seconds are set by hand."""

    def __init__(self) -> None:
        self.seconds = 5.0

    def __call__(self) -> float:  # noqa: D102
        return self.seconds


def test_attempts_at_the_same_time_share_equally() -> None:
    """2 s alone, then 2 s together, then 1 s alone."""
    cpu = Cpu()
    shares = Shares(cpu)
    one = shares.enter()
    cpu.seconds += 2
    other = shares.enter()
    cpu.seconds += 2
    assert shares.leave(one) == pytest.approx(3)
    cpu.seconds += 1
    assert shares.leave(other) == pytest.approx(2)


def test_idle_time_is_nobodys() -> None:
    """What the process uses while it serves nobody is not charged."""
    cpu = Cpu()
    shares = Shares(cpu)
    cpu.seconds += 10
    assert shares.leave(shares.enter()) == 0


def test_a_clock_that_falls_back_charges_nothing() -> None:
    """The reading after a process has died may be lower; shares never shrink."""
    cpu = Cpu()
    shares = Shares(cpu)
    share = shares.enter()
    cpu.seconds = 0
    assert shares.leave(share) == 0


@given(st.lists(st.tuples(st.sampled_from(["enter", "leave"]), st.floats(0, 100)), max_size=60))
def test_the_shares_add_up_to_what_was_used_while_serving(events: list[tuple[str, float]]) -> None:
    """Whatever the order of starts and ends, nothing is lost and nothing is charged twice."""
    cpu = Cpu()
    shares = Shares(cpu)
    active: list[Share] = []
    charged = used_while_serving = 0.0
    for event, used in [*events, *[("leave", 1.0)] * len(events)]:
        cpu.seconds += used
        if active:
            used_while_serving += used
        if event == "enter":
            active.append(shares.enter())
        elif active:
            charged += shares.leave(active.pop(len(active) // 2))
    assert charged == pytest.approx(used_while_serving)
