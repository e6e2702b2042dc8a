"""Looking through finished requests, following and exporting them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest
from ledger_rows import a_request, a_settlement, an_intent

from assay.errors import ConfigError, LedgerError
from assay.ledger.attempts_file import write
from assay.ledger.finished import AttemptRow, Following, Wanted, attempts, requests_of
from assay.ledger.rows import Intent, RequestRow, Settlement
from assay.ledger.spans import Sender, spans_of
from assay.ledger.store import SqliteLedger


@pytest.fixture
async def ledger(tmp_path: Path) -> Any:
    """An empty one."""
    opened = SqliteLedger(tmp_path / "assay.db")
    yield opened
    await opened.close()


async def asked(
    ledger: SqliteLedger, *, target: str = "r", ends: bool = True, **given: Any
) -> tuple[Intent, RequestRow]:
    """One request with one attempt."""
    row = a_request(target=target, team=given.get("team"))
    intent = an_intent(request_id=row.id, **given)
    await ledger.hold(intent)
    if ends:
        await ledger.settle(a_settlement(intent.id, message="too many requests" if target == "odd" else None))
        await ledger.close_request(row)
    return intent, row


def test_an_attempt_is_read_with_every_column_that_is_written() -> None:
    """A column that attempts get one day must not be missing in exports."""
    assert not {*Intent.__struct_fields__, *Settlement.__struct_fields__} - set(AttemptRow.__struct_fields__)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), 3),
        (Wanted(team="blue"), 1),
        (Wanted(target="odd"), 1),
        (Wanted(text="MANY requests"), 1),
        (Wanted(outcome="running"), 1),
        (Wanted(outcome="ok", target="r"), 1),
        (Wanted(since=1.0), 3),
        (Wanted(since=4e9), 0),
        (Wanted(until=1.0), 0),
        (Wanted(slower_s=1e6), 0),
        (Wanted(team="blue' or 1=1 --"), 0),
    ],
)
async def test_attempts_are_filtered(ledger: SqliteLedger, wanted: Wanted, found: int) -> None:
    """Each condition holds, and several hold together."""
    await asked(ledger, team="blue")
    await asked(ledger, target="odd")
    await asked(ledger, ends=False)
    assert len(await attempts(ledger, wanted, 10)) == found


async def test_a_request_is_found_by_how_it_begins(ledger: SqliteLedger) -> None:
    """Its whole id, or the part that tables show."""
    intent, row = await asked(ledger)
    await asked(ledger)
    for said in (row.id, row.id[:31]):
        assert [one.id for one in await attempts(ledger, Wanted(request_id=said), 10)] == [intent.id]


async def test_following_tells_each_end_once_and_in_order(ledger: SqliteLedger, tmp_path: Path) -> None:
    """What was there before is not told; what another process writes is; a shadow is told when it has ended."""
    await asked(ledger)
    following = Following(ledger, Wanted())
    await following.begin()
    other = SqliteLedger(tmp_path / "assay.db")
    first, first_row = await asked(other)
    second, row = await asked(ledger)
    late = an_intent(request_id=row.id, shadow=True)
    await ledger.hold(late)
    await other.close()
    seen = await following.look()
    assert [one.id for one in seen.requests] == [first_row.id, row.id]
    assert {one.id for one in seen.attempts} == {first.id, second.id}
    assert await following.look() == ([], [])
    await ledger.settle(a_settlement(late.id))
    assert [one.id for one in (await following.look()).attempts] == [late.id]
    assert await following.look() == ([], [])


async def test_following_tells_a_shadow_that_begins_after_its_request(ledger: SqliteLedger) -> None:
    """Its row may come after the request's has been told; also where only some outcomes are wanted."""
    following = Following(ledger, Wanted(outcome="ok"))
    await following.begin()
    first, row = await asked(ledger)
    assert [one.id for one in (await following.look()).attempts] == [first.id]
    late = an_intent(request_id=row.id, shadow=True)
    await ledger.hold(late)
    assert await following.look() == ([], [])
    assert await following.look() == ([], [])
    await ledger.settle(a_settlement(late.id))
    assert [one.id for one in (await following.look()).attempts] == [late.id]
    assert await following.look() == ([], [])


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
async def test_a_file_holds_all_that_match(ledger: SqliteLedger, tmp_path: Path, ending: str) -> None:
    """All columns, with their types where the form has some; unknown stays unknown."""
    intent, _ = await asked(ledger)
    await asked(ledger, ends=False)
    path = tmp_path / f"out{ending}"
    assert await write(ledger, Wanted(outcome="ok"), path) == 1
    if ending == ".jsonl":
        (row,) = map(json.loads, path.read_text("utf-8").splitlines())
        assert (row["id"], row["cost_usd"], row["engine_s"]) == (intent.id, 0.25, None)
    elif ending == ".csv":
        (row,) = csv.DictReader(path.read_text("utf-8").splitlines())
        assert (row["id"], row["cost_usd"], row["engine_s"]) == (intent.id, "0.25", "")
    else:
        import duckdb

        with duckdb.connect() as connection:
            found = connection.execute("select id, cost_usd, engine_s, shadow from read_parquet(?)", [str(path)])
            assert found.fetchall() == [(intent.id, 0.25, None, False)]


async def test_a_file_that_cannot_be_written_is_left_as_it_was(ledger: SqliteLedger, tmp_path: Path) -> None:
    """Neither half a file nor one of a form that nobody knows."""
    with pytest.raises(ConfigError, match=r"\.parquet, \.csv, \.jsonl"):
        await write(ledger, Wanted(), tmp_path / "out.xls")
    with pytest.raises(LedgerError, match="cannot write"):
        await write(ledger, Wanted(), tmp_path / "no" / "out.csv")
    assert [path.name for path in tmp_path.iterdir() if "assay.db" not in path.name] == []


@contextmanager
def a_collector(status: int = 200) -> Iterator[tuple[str, list[bytes]]]:
    """A collector of spans on this machine; its address and what it was sent."""
    taken: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def test_spans_are_those_of_the_conventions(ledger: SqliteLedger) -> None:
    """A request is a trace by its own id, its attempt a client span below it with the names of the conventions."""
    trace_service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    intent, row = await asked(ledger, dialect="anthropic", model="maker/model")
    rows = await attempts(ledger, Wanted(), 10)
    with a_collector() as (url, taken):
        sender = Sender(url)
        assert sender.send(await requests_of(ledger, [row.id]), rows) == 2
        sender.close()
    message = trace_service.ExportTraceServiceRequest.FromString(taken[0])
    root, child = (span for one in message.resource_spans for scope in one.scope_spans for span in scope.spans)
    assert (root.trace_id.hex(), child.trace_id.hex()) == (row.id, row.id)
    assert (child.span_id.hex(), child.parent_span_id) == (intent.id[-16:], root.span_id)
    said = {one.key: one.value for one in child.attributes}
    assert child.name == "chat maker/model"
    assert said["gen_ai.provider.name"].string_value == "anthropic"
    assert said["gen_ai.request.model"].string_value == "maker/model"
    assert said["assay.cost.usd"].double_value == 0.25
    assert child.end_time_unix_nano > child.start_time_unix_nano


@pytest.mark.parametrize(
    ("form", "dialect", "operation"),
    [
        (None, "openai", "chat"), (None, "anthropic", "chat"), (None, "local", "chat"),
        (None, "gemini", "generate_content"), (None, "completions", "text_completion"),
        ("completion", "local", "text_completion"), ("embedding", "openai", "embeddings"),
        ("embedding", "gemini", "embeddings"), ("count", "anthropic", "count_tokens"),
    ],
)  # fmt: skip
async def test_a_span_is_named_by_what_was_asked_for(
    ledger: SqliteLedger, form: Any, dialect: str, operation: str
) -> None:
    """Embeddings are no chat: the conventions have a word for each form."""
    pytest.importorskip("opentelemetry.sdk")
    await asked(ledger, form=form, dialect=dialect)
    (span,) = spans_of([], await attempts(ledger, Wanted(), 10))
    assert span.attributes is not None
    assert (span.name, span.attributes["gen_ai.operation.name"]) == (f"{operation} acme/small", operation)


async def test_a_collector_that_takes_nothing_is_told(ledger: SqliteLedger) -> None:
    """Spans that are gone must not look like spans that were sent."""
    pytest.importorskip("opentelemetry.sdk")
    await asked(ledger)
    rows = await attempts(ledger, Wanted(), 10)
    with a_collector(status=400) as (url, _):
        sender = Sender(url)
        with pytest.raises(LedgerError, match="did not take 1 span;"):
            sender.send([], rows)
        sender.close()


def test_rows_are_json() -> None:
    """`--json` prints them as they are."""
    assert "target" in msgspec.json.schema(AttemptRow)["$defs"]["AttemptRow"]["properties"]
