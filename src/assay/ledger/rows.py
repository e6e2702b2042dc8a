"""The ledger's rows as values. Field names are the column names of `schema.sql`."""

from __future__ import annotations

import os
import time
from typing import Literal

import msgspec

CostBasis = Literal["held", "measured", "bound", "unknown", "none"]
"""How a cost is known: `none` = nothing was billed; `unknown` = it has a cost that nobody can tell."""

Purpose = Literal["shadow", "audit", "guard", "judge", "route"]
"""What an attempt was for, where not to answer: so that what routing and judging cost can be told apart."""


def new_id() -> str:
    """A new id that sorts by time: 12 hex digits of milliseconds, then 20 random ones."""
    while True:
        try:
            return f"{time.time_ns() // 1_000_000:012x}{_noise.pop()}"
        except IndexError:
            drawn = os.urandom(10 * _NOISE_AHEAD).hex()
            _noise.extend([drawn[at : at + 20] for at in range(0, len(drawn), 20)])


_NOISE_AHEAD = 256
_noise: list[str] = []  # random digits that no id has yet: drawn together, for a system call each would cost more
os.register_at_fork(after_in_child=_noise.clear)  # or a child would give the ids of its parent


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row.

    Those of each request may be made by position, in the order of their columns: arguments with names, of which more
    than 15 stand in a call (each two without a name count for one), go into a dictionary first, and that takes Python
    some ten times as long.
    """


class Intent(Row, frozen=True):
    """An attempt about to be made; written before the first byte is sent.

    `batch_id` is empty while its answer shall come with a batch that has not been sent. `form` is what was asked for,
    None where that is a chat, as it mostly is.
    """

    id: str
    request_id: str
    path: str
    route: str
    deployment: str
    model: str
    dialect: str
    kind: str | None
    label: str
    started_at: float
    passed_through: bool
    reserved_usd: float | None
    run_id: str | None = None
    sample_id: str | None = None
    why: str | None = None
    shadow: bool = False
    continued_from: str | None = None
    batch_id: str | None = None
    key_id: str | None = None
    team: str | None = None
    purpose: Purpose | None = None
    scopes: str | None = None
    form: Literal["completion", "embedding", "count"] | None = None


class Settlement(Row, frozen=True):
    """What came of an attempt. `total_s` is None where its answer came with a batch."""

    id: str
    outcome: Literal["ok", "error", "cancelled", "cached"]
    total_s: float | None
    cost_usd: float | None
    cost_basis: CostBasis
    first_event_s: float | None = None
    error: str | None = None
    message: str | None = None
    status: int | None = None
    finish: str | None = None
    input_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    engine_s: float | None = None
    sent_bytes: int | None = None
    received_bytes: int | None = None
    provider_request_id: str | None = None
    emulated: str | None = None
    worth_usd: float | None = None


class Reply(Row, frozen=True, kw_only=True):
    """An answer for the spine's cache.

    Attributes:
        route: whose cache; None = that of evals, which has no end.
        expires_at: seconds since 1970; None = never.
        max_bytes: that this route's cache may hold; the oldest answers make room.
    """

    key: str
    response: bytes
    route: str | None = None
    expires_at: float | None = None
    max_bytes: int | None = None


class Replayed(Row, frozen=True, kw_only=True):
    """An answer from the cache, with what the call that made it cost, and whether it came with a batch.

    `created_at` is when it was made, in seconds since 1970.
    """

    response: bytes
    cost_usd: float | None
    cost_basis: CostBasis
    engine_s: float | None
    batched: bool = False
    created_at: float | None = None


class RequestRow(Row, frozen=True):
    """One finished call of `inference.generate`."""

    id: str
    target: str
    kind: str | None
    label: str
    started_at: float
    total_s: float
    outcome: Literal["answered", "refused", "failed", "cancelled", "waiting"]
    attempts: int
    cached: bool
    cost_usd: float | None
    cost_basis: CostBasis
    reason: str | None = None
    answered_by: str | None = None
    deployment: str | None = None
    engine_s: float | None = None
    run_id: str | None = None
    sample_id: str | None = None
    why: str | None = None
    key_id: str | None = None
    team: str | None = None
    guarded: str | None = None
    dealt: str | None = None
    response_id: str | None = None


class RunRow(Row, frozen=True, kw_only=True):
    """One execution of a suite against one target. `finished_at` is None while samples are missing.

    `harness` names what made it where it is a public benchmark.
    """

    id: str
    suite: str
    suite_digest: str
    target: str
    target_digest: str
    config_digest: str
    seed: int
    created_at: float
    version: str
    finished_at: float | None = None
    harness: str | None = None


class Outcome(Row, frozen=True, kw_only=True):
    """What came of one answer to a sample, without the answer: what figures are made of.

    `value` is None for an unscored sample and `unscored` says why. `repeat` numbers answers to the same sample.
    `grading_usd` is what judges cost, apart from `cost_usd`; None = not known. `batched`: it came with a batch.
    """

    run_id: str
    sample_id: str
    kind: str
    value: float | None
    unscored: str | None
    cost_basis: CostBasis
    cached: bool
    created_at: float
    repeat: int = 0
    request_id: str | None = None
    latency_s: float | None = None
    engine_s: float | None = None
    cost_usd: float | None = None
    grading_usd: float | None = 0.0
    batched: bool = False


class ResultRow(Outcome, frozen=True, kw_only=True):
    """One answer to a sample of a run, whole. `scores` is JSON of what each grader says."""

    scores: bytes
    answer: str | None


class DecisionRow(Row, frozen=True, kw_only=True):
    """One decision; `body` is its JSON."""

    id: str
    created_at: float
    suite: str
    body: bytes


class ExchangeRow(Row, frozen=True, kw_only=True):
    """What was asked and answered. `request` is JSON of a `Request`, deflated; `redacted` counts what was taken out.

    `compared` is read and never written: the verdict where the answer was compared with another's.
    """

    request_id: str
    created_at: float
    target: str
    kind: str | None
    label: str
    deployment: str | None
    redacted: int
    request: bytes
    answer: str
    compared: str | None = None


class FeedbackRow(Row, frozen=True, kw_only=True):
    """What came of an answer: a verdict, a measured outcome, or both."""

    id: str
    request_id: str
    created_at: float
    verdict: Literal["accepted", "edited", "rejected", "preferred"] | None = None
    over_request_id: str | None = None
    metric: str | None = None
    value: float | None = None
    correction: str | None = None
    comment: str | None = None


class BatchRow(Row, frozen=True, kw_only=True):
    """A job at a host that answers later. `body` is JSON that says which attempt each item is.

    `sending`: whether its host has it is not known; `failed`: it came to nothing, or its host lost it. `session_id` is
    filled in when it is written.
    """

    id: str
    created_at: float
    deployment: str
    dialect: str
    state: Literal["sending", "waiting", "done", "failed", "cancelled"]
    items: int
    body: bytes
    session_id: str = ""
    provider_batch_id: str | None = None
    ended_at: float | None = None
    message: str | None = None


class AuditRow(Row, frozen=True, kw_only=True):
    """What an audit of a judge found; `body` is its JSON."""

    id: str
    created_at: float
    judge: str
    judge_digest: str
    body: bytes


class MeasurementRow(Row, frozen=True, kw_only=True):
    """How fast a model ran on a machine, and in how much memory: where nothing else runs, told by some short answers.

    `disturbed`: other work slowed them.
    """

    id: str
    created_at: float
    host: str
    model: str
    weights_sha256: str
    quantisation: str | None
    engine: str
    context_tokens: int
    slots: int
    threads: int
    decode_tok_s: float
    prefill_tok_s: float | None
    memory_bytes: int | None
    answers: int
    disturbed: bool


class Spent(Row, frozen=True, kw_only=True):
    """State of a budget period in USD."""

    settled_usd: float
    held_usd: float


class Recovered(Row, frozen=True, kw_only=True):
    """What opening the ledger found of processes that died: attempts now charged at their bound."""

    attempts: int
    charged_usd: float
    unknown: int


LockVerdict = Literal["holds", "changed", "regressed", "open"]
"""How proving a lock again ended."""


class LockRow(Row, frozen=True, kw_only=True):
    """An `assay.lock` as it was written; `body` is its JSON. Times are seconds since 1970.

    `proven_at`: when all of it was last proved, by the decision behind it or by `assay check`. `verdict`: of the last
    proof, at `checked_at`; None = it was not proved again.
    """

    id: str
    created_at: float
    route: str
    body: bytes
    why: str
    proven_at: float | None = None
    verdict: LockVerdict | None = None
    checked_at: float | None = None


class ObservationRow(Row, frozen=True, kw_only=True):
    """One answer that `assay watch` asked for.

    `watch` is a digest of what is watched. `value` is the score of a canary; of a border input 1 where the answer is
    the usual one, else 0. None = there was no answer.
    """

    id: str
    created_at: float
    target: str
    watch: str
    item: str
    kind: str
    what: Literal["canary", "border"]
    value: float | None
    answer_sha256: str | None = None
    request_id: str | None = None


class AlarmRow(Row, frozen=True, kw_only=True):
    """A change that `assay watch` has found; `since`: when it probably came; `body` is JSON of the evidence."""

    id: str
    created_at: float
    target: str
    watch: str
    what: Literal["canary", "border"]
    since: float | None
    body: bytes


class KeyRow(Row, frozen=True, kw_only=True):
    """A virtual key; `hash` is its sha256 (hex), `body` JSON of what it allows (`assay.access.key.Terms`)."""

    id: str
    created_at: float
    name: str
    hash: str
    body: bytes
    team: str | None = None
    expires_at: float | None = None
    revoked_at: float | None = None


class AlertRow(Row, frozen=True, kw_only=True):
    """What a webhook was told, or is to be told; `body` is JSON as it is sent.

    `told_at` None = not yet: it is tried at `next_at`, and `error` says why the last try failed.
    """

    id: str
    created_at: float
    what: Literal["budget", "breaker", "drift", "retirement"]
    about: str
    body: bytes
    tries: int
    next_at: float
    told_at: float | None = None
    error: str | None = None


RolloutState = Literal["running", "paused", "done", "rolled-back", "aborted", "ended"]
"""`ended`: it was let go of, and the weights of the configuration count again."""


class RolloutRow(Row, frozen=True, kw_only=True):
    """A guarded rollout; `body` is JSON of its plan. `share`: of the traffic that the new arm gets, from 0 to 1."""

    id: str
    created_at: float
    route: str
    old: str
    new: str
    state: RolloutState
    stage: int
    share: float
    moved_at: float
    body: bytes


class RolloutMoveRow(Row, frozen=True, kw_only=True):
    """A step of a rollout; `share` counts from then on, `body` is JSON of the evidence."""

    id: str
    created_at: float
    rollout_id: str
    move: Literal["start", "advance", "finish", "roll-back", "pause", "resume", "abort", "end"]
    share: float
    who: str
    why: str
    body: bytes


Preference = Literal["same", "differs", "own", "other", "equal", "unjudged", "failed", "unasked", "observed"]
"""What came of a comparison: the answers are the same, or differ and nobody says which is better; a judge prefers the
client's (`own`) or the `other`, or finds them equal; nobody could tell; the other one failed; was not asked, for want
of a place, of money or of permission; would have been asked, but is only observed."""


class ComparisonRow(Row, frozen=True, kw_only=True):
    """Two answers to one request: the client's, and one that a shadow or an audit asked for.

    `own` is the deployment whose answer the client had, `other` the deployment or route that was asked beside it.
    `other_usd` of `observed` is what the same tokens would cost there. `answer` is the other's, as JSON of its parts.
    """

    id: str
    created_at: float
    request_id: str
    route: str
    kind: str | None
    label: str
    purpose: Literal["shadow", "audit"]
    own: str
    other: str
    verdict: Preference
    decided_by: str
    reason: str
    own_usd: float | None = None
    other_usd: float | None = None
    judge_usd: float | None = None
    own_s: float | None = None
    other_s: float | None = None
    answer: str | None = None
