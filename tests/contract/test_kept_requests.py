"""Recorded requests of public projects, kept and read again: redaction breaks none of them, and most make samples.

The recordings lie beside the checkout (`ASSAY_SHARED`, default `../shared`), not in it.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from benchmarks.wire import shared

from assay.config.schema import Config, Serve
from assay.errors import RequestError
from assay.evals.traffic.turns import Unfit, turns_of
from assay.gateway.asgi import inbound_dialects
from assay.inference.bodies import Bodies, keeping, read
from assay.inference.trace import Record, Trace
from assay.ledger.exchanges import Exchanges
from assay.ledger.store import SqliteLedger
from assay.types import Label, Request, Response, Text

DATA = shared() / "data" / "wire"
FORMATS = {"messages": "anthropic", "chat": "openai", "responses": "openai-responses"}
EVERY = 5

pytestmark = [pytest.mark.shared, pytest.mark.skipif(not DATA.is_dir(), reason=f"no recordings under {shared()}")]


def recorded(folder: Path) -> Iterator[Request]:
    """Requests as our formats read them; those that they refuse are passed over."""
    dialects = inbound_dialects()
    for file in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(file) as lines:
            for line in islice(lines, 0, None, EVERY):
                record = json.loads(line)
                dialect = FORMATS.get(record["endpoint"].partition("/")[0])
                if dialect is None or not isinstance(record["request_body"], dict):
                    continue
                try:
                    yield dialects[dialect].read_request(json.dumps(record["request_body"]).encode())
                except RequestError:
                    continue


async def test_recorded_requests_survive_being_kept(ledger: SqliteLedger) -> None:
    """Each can be read from the ledger as a request of as many turns; nine in ten can be samples, others say why."""
    bodies = Bodies(ledger, Config(serve=Serve(bodies="full", redact_personal_data=True)))
    exchanges, came, reasons = Exchanges(ledger), Counter[str](), Counter[str]()
    keeper = bodies.keeper("any")
    assert keeper is not None
    for request in recorded(DATA):
        trace = Trace(target="any")
        trace.answering = Record(id="1", path="0", deployment="d", response=Response(parts=(Text(text="fine"),)))
        await keeper.keep(request, Label.UNLABELLED, trace)
        row = await exchanges.one(trace.request_id)
        assert row is not None
        came[keeping(row) or "too large"] += 1
        kept = read(row)
        if kept is None:
            assert keeping(row) is None
            continue
        assert len(kept.request.messages) == len(request.messages)
        assert len(kept.request.tools) == len(request.tools)
        try:
            turns_of(kept.request)
            came["sample"] += 1
        except Unfit as reason:
            reasons[str(reason)] += 1
    assert came["full"] > 500
    assert came["sample"] >= 0.9 * came["full"], reasons
    assert sum(reasons.values()) + came["sample"] == came["full"]
