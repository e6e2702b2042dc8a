"""Retrying as a policy around a policy: a failure that may heal is tried again, with growing delays."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from assay.routing.protocol import FIRST_EVENT, Attempt, Call, Policy, Send, State, Step

FIRST_DELAY_S = 0.25
LONGEST_DELAY_S = 20.0
LONGEST_ASKED_S = 60.0
"""A provider that asks to wait longer is not tried again: the inner policy may know another one."""


@dataclass(frozen=True, slots=True)
class Retrying:
    """Repeats failed calls of the last Send before `inner` gets to see them.

    The inner policy sees only the last try of each call, so it needs to know nothing of retries.

    Attributes:
        inner: the policy.
        limits: target -> further tries; a target that is not named is not tried again.
    """

    inner: Policy
    limits: Mapping[str, int]
    kind: ClassVar[str] = "retry"

    @property
    def checks(self) -> dict[str, dict[str, Any]]:
        """The inner policy's."""
        return self.inner.checks

    def decide(self, state: State) -> Step:
        """Try again what may heal, else ask the inner policy."""
        if not state.attempts:
            return self.inner.decide(state)
        repeated = {attempt.call.retry_of for attempt in state.attempts}
        visible = tuple(attempt for attempt in state.attempts if attempt.index not in repeated)
        again = self._retries(state, visible)
        if again is None:
            return self.inner.decide(msgspec.structs.replace(state, attempts=visible))
        if not any(_asked_to_wait(attempt) for attempt in visible if attempt.send == state.attempts[-1].send):
            return again
        # A host that asks for a pause is waited for only where there is nobody else to ask.
        elsewhere = self.inner.decide(msgspec.structs.replace(state, attempts=visible))
        return elsewhere if isinstance(elsewhere, Send) else again

    def _retries(self, state: State, visible: tuple[Attempt, ...]) -> Send | None:
        if not state.attempts or state.snapshot.retries_left <= 0:
            return None
        last_send = state.attempts[-1].send
        if any(attempt.ok for attempt in visible if attempt.send == last_send):
            return None
        calls: list[Call] = []
        for attempt in visible:
            if attempt.send != last_send or attempt.failure is None or not attempt.failure.retryable:
                continue
            tries = self._tries(state.attempts, attempt)
            delay = self._delay_s(state, attempt, tries)
            late = state.deadline is not None and state.snapshot.now + delay >= state.deadline
            too_long = (attempt.failure.retry_after_s or 0.0) > LONGEST_ASKED_S
            if tries > self.limits.get(attempt.call.target, 0) or late or too_long:
                continue
            calls.append(
                msgspec.structs.replace(
                    attempt.call,
                    retry_of=attempt.index,
                    start_after_s=delay,
                    why=f"{attempt.call.why}; retry {tries} after {attempt.failure.brief}".lstrip("; "),
                )
            )
        return _again(calls, state.attempts[-1]) if calls else None

    @staticmethod
    def _tries(attempts: tuple[Attempt, ...], attempt: Attempt) -> int:
        """How often this call has been made, the first time included."""
        by_index = {one.index: one for one in attempts}
        tries = 1
        while attempt.call.retry_of is not None:
            attempt = by_index[attempt.call.retry_of]
            tries += 1
        return tries

    @staticmethod
    def _delay_s(state: State, attempt: Attempt, tries: int) -> float:
        """Doubling from `FIRST_DELAY_S` with a jitter of half, but never less than the provider asked for.

        Who was asked to wait does so up to a tenth longer, so that not all come back at the same moment.
        """
        digest = hashlib.blake2b(f"{state.snapshot.seed}/{attempt.index}".encode(), digest_size=4).digest()
        jitter = int.from_bytes(digest) / 2**32
        delay = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** (tries - 1)) * (0.5 + jitter / 2)
        asked = attempt.failure.retry_after_s if attempt.failure else None
        return max(delay, (asked or 0.0) * (1 + jitter / 10))


def _asked_to_wait(attempt: Attempt) -> bool:
    """Whether the host wants more time than a first retry would give it, or is left alone for that reason."""
    failure = attempt.failure
    return failure is not None and (failure.resting or (failure.retry_after_s or 0.0) > FIRST_DELAY_S)


def _again(calls: list[Call], before: Attempt) -> Send:
    """A Send of these calls that keeps back and counts as the one before did."""
    if before.until == FIRST_EVENT:
        return Send(calls=tuple(calls), until=FIRST_EVENT if len(calls) > 1 else 1, hold=before.hold)
    return Send(calls=tuple(calls), until=min(int(before.until), len(calls)), hold=before.hold)
