"""What came of an answer, as somebody tells it: checked, without credentials, attached to its request."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from assay.errors import RequestError, did_you_mean
from assay.inference.bodies import Bodies
from assay.ledger.budgets import NOBODY, Account
from assay.ledger.feedback import Feedback
from assay.ledger.rows import FeedbackRow, RequestRow, new_id
from assay.ledger.store import Ledger

__all__ = ["Told", "parse", "record"]

Verdict = Literal["accepted", "edited", "rejected", "preferred"]
_Id = Annotated[str, Meta(min_length=1, max_length=200)]
_Figure = Annotated[float, Meta(ge=-1e15, le=1e15)]


class Told(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody says of an answer: a verdict, a measured outcome, or both.

    Attributes:
        request_id: of the request that was answered, as the answer's header `x-assay-request-id` and the SDKs'
            `_request_id` have it, or the `id` in the answer's body.
        verdict: it was used as it is, used after a change, not used, or preferred to another.
        over: the request whose answer was less good; with `preferred`.
        metric, value: an outcome that was measured, by name: `stars`, `resolved`, `minutes`.
        correction: what an edited answer became.
        comment: anything else.
    """

    request_id: _Id
    verdict: Verdict | None = None
    over: _Id | None = None
    metric: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$")] | None = None
    value: _Figure | None = None
    correction: Annotated[str, Meta(max_length=200_000)] | None = None
    comment: Annotated[str, Meta(max_length=10_000)] | None = None

    def __post_init__(self) -> None:
        if self.verdict is None and self.metric is None:
            raise ValueError("say a verdict (accepted, edited, rejected, preferred), a metric with its value, or both")
        if (self.verdict == "preferred") != (self.over is not None):
            raise ValueError("`preferred` and `over`, the request that it is preferred to, go together")
        if (self.metric is None) != (self.value is None):
            raise ValueError("`metric` and `value` go together")
        if self.correction is not None and self.verdict != "edited":
            raise ValueError("a correction goes with the verdict `edited`")
        if self.over == self.request_id:
            raise ValueError("an answer cannot be preferred to itself")


def parse(value: Any) -> Told:
    """A JSON value as what was told.

    Raises:
        RequestError: names the field, and the nearest known one where it is unknown.
    """
    if not isinstance(value, dict):
        raise RequestError("feedback is a JSON object with request_id, and a verdict or a metric with its value")
    for key in value:
        if key not in Told.__struct_fields__:
            raise RequestError(f"unknown field {key!r}; {did_you_mean(key, Told.__struct_fields__)}", field=key)
    verdict, known = value.get("verdict"), get_args(Verdict)
    if isinstance(verdict, str) and verdict not in known:
        raise RequestError(
            f"verdict: {verdict[:100]!r} is not known; {did_you_mean(verdict[:100], known)}", field="verdict"
        )
    try:
        return msgspec.convert(value, Told)
    except msgspec.ValidationError as error:
        raise RequestError(f"feedback: {error}") from error


async def record(told: Told, ledger: Ledger, bodies: Bodies, account: Account = NOBODY) -> FeedbackRow:
    """Record feedback; it is durable when this returns. Said again, it is recorded again, and the last word counts.

    Credentials are taken out of its words, and personal data where the request's route says so.

    Args:
        told: what was said.
        ledger: where requests and feedback are.
        bodies: what may be kept of words.
        account: who says it; whoever showed a key speaks of what that key, or its team, has asked.

    Raises:
        RequestError: there is no such request, or several (404), or an answer is preferred to itself (400).
    """
    feedback = Feedback(ledger)
    request = await _request(feedback, "request_id", told.request_id, account)
    over = await _request(feedback, "over", told.over, account) if told.over is not None else None
    if over is not None and over.id == request.id:
        raise RequestError("over: an answer cannot be preferred to itself", field="over")
    redaction = bodies.redactor(request.target).begin()
    row = FeedbackRow(
        id=new_id(),
        request_id=request.id,
        created_at=time.time(),
        verdict=told.verdict,
        over_request_id=over.id if over is not None else None,
        metric=told.metric,
        value=told.value,
        correction=redaction.text(told.correction) if told.correction is not None else None,
        comment=redaction.text(told.comment) if told.comment is not None else None,
    )
    await feedback.add(row)
    return row


async def _request(feedback: Feedback, field: str, name: str, account: Account) -> RequestRow:
    found = [row for row in await feedback.requests(name) if _is_theirs(row, account)]
    if len(found) == 1:
        return found[0]
    problem = "several requests have it, or ids that begin with it" if found else "no request has this id"
    raise RequestError(
        f"{field}: {name!r}: {problem}; it stands whole in the header x-assay-request-id of the answer",
        field=field,
        status=404,
    )


def _is_theirs(row: RequestRow, account: Account) -> bool:
    """Whether somebody may speak of a request: of another's, he is not even told that there is one."""
    if account.key_id is None:
        return True
    return row.key_id == account.key_id or (account.team is not None and row.team == account.team)
