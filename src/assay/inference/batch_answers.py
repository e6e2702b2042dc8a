"""What a batch brought for one request, as the settlement of its attempt and an answer for the cache."""

from __future__ import annotations

from typing import NamedTuple

from assay.dialects.batches.form import Result
from assay.dialects.dialect import Outbound
from assay.envelope.cost import Cost, cost_usd
from assay.errors import AssayError, ConfigError, MalformedReply, ProviderError, ProviderFault
from assay.inference.batch_items import BatchItem
from assay.inference.cache import pack
from assay.inference.deployment import LiveDeployment
from assay.inference.settling import error_of, tokens_of
from assay.inference.stops import StopCut
from assay.ledger.batches import OpenAttempt
from assay.ledger.rows import Reply, Settlement
from assay.types import Event, Failed, Folder, Response, Usage

__all__ = ["Settled", "answered", "failed"]

_UNANSWERED = {
    "expired": "the batch expired before this request was answered; ask it again",
    "cancelled": "the batch was cancelled before this request was answered",
}


class Settled(NamedTuple):
    """What is written of one request; `error` says why there is no answer, `reply` is the answer.

    `key` names the answer in the cache, whether there is one or not.
    """

    key: str
    settlement: Settlement
    reply: Reply | None
    error: AssayError | None


def answered(live: LiveDeployment, item: BatchItem, attempt: OpenAttempt, result: Result) -> Settled:
    """What a host's result for a request comes to."""
    if result.fate != "answered":
        error = ProviderFault(_UNANSWERED[result.fate], deployment=live.name)
        return failed(live, item, attempt, error, Cost(0.0, "measured"))  # no host charges for what it did not answer
    try:
        response = _read(live, item, result)
    except ProviderError as error:
        error.deployment = live.name
        cost = Cost(0.0, "measured") if error.status is not None else _bound(attempt)
        return failed(live, item, attempt, error, cost, len(result.body))
    except Exception as error:  # noqa: BLE001 - one answer must not keep all others of its batch from being fetched
        fault = ProviderFault(f"{type(error).__name__}: {error}", deployment=live.name)
        return failed(live, item, attempt, fault, None, len(result.body))
    cost = _cost(live, response.usage, attempt)
    settlement = Settlement(
        id=attempt.id,
        outcome="ok",
        total_s=None,
        cost_usd=cost.usd,
        cost_basis=cost.basis,
        finish=response.finish.kind if response.finish is not None else None,
        sent_bytes=item.sent_bytes,
        received_bytes=len(result.body),
        emulated=", ".join(item.emulated) or None,
        **tokens_of(response.usage),
    )
    return Settled(item.key, settlement, Reply(key=item.key, response=pack(response)), None)


def failed(
    live: LiveDeployment,
    item: BatchItem,
    attempt: OpenAttempt,
    error: AssayError,
    cost: Cost | None = None,
    received_bytes: int = 0,
) -> Settled:
    """What a request without an answer comes to; without a cost that is known, its bound is charged."""
    cost = cost if cost is not None else _bound(attempt)
    settlement = Settlement(
        id=attempt.id,
        outcome="error",
        total_s=None,
        cost_usd=cost.usd,
        cost_basis="none" if cost.usd == 0 else cost.basis,
        error=type(error).__name__,
        message=str(error)[:2000],
        status=error.status if isinstance(error, ProviderError) else None,
        sent_bytes=item.sent_bytes,
        received_bytes=received_bytes,
        emulated=", ".join(item.emulated) or None,
    )
    return Settled(item.key, settlement, None, error)


def _read(live: LiveDeployment, item: BatchItem, result: Result) -> Response:
    """The answer.

    Raises:
        ProviderError: it is an error, or cannot be read.
    """
    dialect = live.dialect
    if dialect is None:
        raise ConfigError(f"deployment {live.name!r} speaks no format of a host; the batch was sent by another one")
    if result.status is not None and result.status >= 400:
        raise dialect.read_error(result.status, {}, result.body)
    folder = Folder()
    for event in _events(dialect, item, result.body):
        if isinstance(event, Failed):
            raise error_of(event)
        folder.add(event)
    response = folder.response()
    if response.finish is None and not response.parts:
        raise MalformedReply("the answer is empty, or lacks what was asked for")
    return response


def _events(dialect: Outbound, item: BatchItem, body: bytes) -> list[Event]:
    """The events of an answer, cut at a stop text that its upstream was not told."""
    events = dialect.read_response(body)
    if not item.stop:
        return events
    cut = StopCut(item.stop)
    return [told for event in events for told in cut.take(event)] + cut.close()


def _cost(live: LiveDeployment, usage: Usage | None, attempt: OpenAttempt) -> Cost:
    """The price of the tokens less what the host gives off; where nobody knows that, the whole price, as a bound."""
    usd, discount = cost_usd(live.price.price, usage), live.config.batch_discount
    if usd is None:
        return _bound(attempt)
    usd *= 1.0 - (discount or 0.0)
    if attempt.reserved_usd is not None and usd > attempt.reserved_usd:
        return _bound(attempt)
    return Cost(usd, "measured" if discount is not None else "bound")


def _bound(attempt: OpenAttempt) -> Cost:
    reserved = attempt.reserved_usd
    return Cost(reserved, "bound") if reserved is not None else Cost(None, "unknown")
