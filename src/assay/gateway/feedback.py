"""The door for feedback: `POST /v1/feedback` says what came of an answer."""

from __future__ import annotations

from typing import Any

import msgspec

from assay.config.schema import Serve
from assay.errors import RequestError
from assay.gateway.body import read_body
from assay.gateway.visit import Receive, Visit
from assay.inference import feedback
from assay.inference.bodies import Bodies
from assay.ledger.rows import FeedbackRow
from assay.ledger.store import Ledger

__all__ = ["EXAMPLE", "PATH", "SCHEMA", "take"]

PATH = "/feedback"

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["request_id"],
    "additionalProperties": False,
    "properties": {
        "request_id": {
            "type": "string",
            "minLength": 1,
            "maxLength": 64,
            "description": "Of the answer: its header `x-assay-request-id`.",
        },
        "verdict": {
            "type": ["string", "null"],
            "enum": ["accepted", "edited", "rejected", "preferred", None],
            "description": "What became of the answer. Needed unless there is a metric.",
        },
        "over": {
            "type": ["string", "null"],
            "minLength": 1,
            "maxLength": 64,
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


async def take(visit: Visit, receive: Receive, serve: Serve, ledger: Ledger, bodies: Bodies) -> FeedbackRow:
    """Read what a client says of an answer, and record it.

    Raises:
        RequestError: it cannot be understood (400), or there is no such request (404).
        LedgerError: it cannot be recorded.
    """
    visit.require("POST")
    try:
        value = msgspec.json.decode(await read_body(visit, receive, serve))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"the body is no JSON: {error}") from error
    return await feedback.record(feedback.parse(value), ledger, bodies)
