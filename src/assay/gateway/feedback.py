"""The doors for feedback: `POST /v1/feedback` says what came of an answer, and so does a header of the next request."""

from __future__ import annotations

from typing import Any

import msgspec

from assay.config.schema import Serve
from assay.errors import RequestError
from assay.gateway.body import at_hand, read_body
from assay.gateway.cycle import written
from assay.gateway.visit import Visit
from assay.inference import feedback
from assay.inference.bodies import Bodies
from assay.ledger.rows import FeedbackRow
from assay.ledger.store import Ledger

__all__ = ["EXAMPLE", "HEADER", "PATH", "SCHEMA", "attach", "take"]

PATH = "/feedback"
HEADER = "x-assay-feedback"
"""`request_id=ID, verdict=accepted`, and further ones after `;`. The answer says in a header of this name what became
of it."""
_MOST = 8
_IN_HEADER = ("request_id", "verdict", "over", "metric", "value")

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["request_id"],
    "additionalProperties": False,
    "properties": {
        "request_id": {
            "type": "string",
            "minLength": 1,
            "maxLength": 200,
            "description": "Of the answer: its header `x-assay-request-id`, or the `id` in its body.",
        },
        "verdict": {
            "type": ["string", "null"],
            "enum": ["accepted", "edited", "rejected", "preferred", None],
            "description": "What became of the answer. Needed unless there is a metric.",
        },
        "over": {
            "type": ["string", "null"],
            "minLength": 1,
            "maxLength": 200,
            "description": "With `preferred`: id of the request whose answer was less good.",
        },
        "metric": {"type": ["string", "null"], "description": "Name of an outcome that was measured: `stars`."},
        "value": {"type": ["number", "null"], "description": "With `metric`: what was measured."},
        "correction": {
            "type": ["string", "null"],
            "maxLength": 200_000,
            "description": "With `edited`: what the answer became.",
        },
        "comment": {"type": ["string", "null"], "maxLength": 10_000, "description": "Anything else."},
    },
}
EXAMPLE: dict[str, Any] = {"request_id": "REQUEST", "verdict": "edited", "correction": "Hello, Ada."}


async def take(visit: Visit, serve: Serve, ledger: Ledger, bodies: Bodies) -> FeedbackRow:
    """Read what a client says of an answer, and record it.

    Raises:
        RequestError: it cannot be understood (400), or there is no such request (404).
        LedgerError: it cannot be recorded.
    """
    visit.require("POST")
    try:
        body = at_hand(visit, serve.max_body_bytes)
        value = msgspec.json.decode(body if body is not None else await read_body(visit, serve))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"the body is no JSON: {error}") from error
    return await feedback.record(feedback.parse(value), ledger, bodies, visit.account)


async def attach(visit: Visit, ledger: Ledger, bodies: Bodies) -> None:
    """Record what a client says, in a header of its next request, of answers that it had before.

    What is said of a request that nobody knows is told in the answer's header, and does not fail this request.

    Raises:
        RequestError: the header cannot be understood (400).
        LedgerError: it cannot be recorded.
    """
    said = visit.header(HEADER)
    if said is None:
        return
    told = [feedback.parse(_fields(one)) for one in said.split(";") if one.strip()]
    if len(told) > _MOST:
        raise RequestError(f"{HEADER}: speaks of {len(told)} answers, and {_MOST} is the most; POST /v1/feedback")
    words = []
    for one in told:
        try:
            row = await feedback.record(one, ledger, bodies, visit.account)
            words.append(row.verdict or f"{row.metric} recorded")
        except RequestError as error:
            words.append(f"not recorded: {error}")
    visit.cycle.told += written([(HEADER.encode(), "; ".join(words).encode("latin-1", "replace"))])


def _fields(text: str) -> dict[str, Any]:
    pairs = [pair.partition("=") for pair in text.split(",")]
    fields: dict[str, Any] = {name.strip(): value.strip() for name, _, value in pairs}
    if not all(sign for _, sign, _ in pairs) or fields.keys() - set(_IN_HEADER):
        known = ", ".join(_IN_HEADER)
        raise RequestError(f"{HEADER}: {text.strip()[:100]!r} is not `request_id=ID, verdict=accepted`; known: {known}")
    if "value" in fields:
        try:
            fields["value"] = float(fields["value"])
        except ValueError:
            raise RequestError(f"{HEADER}: value={fields['value']!r} is no number") from None
    return fields
