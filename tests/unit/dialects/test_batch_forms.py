"""Batch endpoints as pure forms: what is written, and what is read of the makers' own shapes."""

from __future__ import annotations

import email
import json
from datetime import UTC, datetime

import pytest
from anthropic.types import Message, Usage
from anthropic.types.messages import (
    MessageBatch,
    MessageBatchErroredResult,
    MessageBatchExpiredResult,
    MessageBatchIndividualResponse,
    MessageBatchRequestCounts,
    MessageBatchSucceededResult,
)
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Batch, BatchError, BatchRequestCounts
from openai.types.batch import Errors

from assay.dialects.batches.anthropic import AnthropicBatches
from assay.dialects.batches.form import BatchForm, Item
from assay.dialects.batches.forms import FORMS, form_of
from assay.dialects.batches.gemini import GeminiBatches
from assay.dialects.batches.openai import OpenAIBatches
from assay.dialects.batches.pieces import Lines
from assay.errors import MalformedReply

NOW = datetime(2026, 11, 26, 20, 0, 0, tzinfo=UTC)


def items(path: str) -> list[Item]:
    """Two requests."""
    return [Item(f"id-{number}", path, json.dumps({"n": number, "text": "a\nb"}).encode()) for number in range(2)]


def an_openai_batch(**given: object) -> bytes:
    """OpenAI's own object, as its library has it."""
    values = {
        "id": "batch_1", "object": "batch", "endpoint": "/v1/chat/completions", "input_file_id": "file-1",
        "completion_window": "24h", "status": "completed", "created_at": 1_764_187_200,
        "request_counts": BatchRequestCounts(total=3, completed=2, failed=1), "output_file_id": "file-out",
        "error_file_id": "file-err", "metadata": {"assay_batch": "ours"},
    }  # fmt: skip
    return Batch(**{**values, **given}).to_json().encode()  # type: ignore[arg-type]


def an_anthropic_batch(**given: object) -> bytes:
    """Anthropic's own object, as its library has it."""
    values = {
        "id": "msgbatch_1", "type": "message_batch", "processing_status": "in_progress", "created_at": NOW,
        "expires_at": NOW, "request_counts": MessageBatchRequestCounts(
            processing=2, succeeded=1, errored=0, canceled=0, expired=0
        ),
    }  # fmt: skip
    return MessageBatch(**{**values, **given}).to_json().encode()  # type: ignore[arg-type]


class TestOpenAI:
    """`/files` and `/batches`."""

    form = OpenAIBatches()

    def test_the_file_is_a_form_with_a_line_per_request(self) -> None:
        """The upload is a form whose file has a JSON line per request, each naming method, endpoint and body."""
        lines = [self.form.line(item) for item in items("/chat/completions")]
        call = self.form.upload("0ff1ce", lines)
        assert call is not None
        head = f"content-type: {call.headers['content-type']}\r\n\r\n".encode()
        parts = email.message_from_bytes(head + (call.body or b"")).get_payload()
        assert [part.get_param("name", header="content-disposition") for part in parts] == ["purpose", "file"]  # type: ignore[union-attr]
        written = [json.loads(line) for line in parts[1].get_payload(decode=True).splitlines()]  # type: ignore[index,union-attr]
        assert written == [
            {"custom_id": f"id-{n}", "method": "POST", "url": "/v1/chat/completions", "body": {"n": n, "text": "a\nb"}}
            for n in range(2)
        ]

    def test_the_job_names_its_file_and_us(self) -> None:
        """Our id goes along, so that the job can be found if its acknowledgement is lost."""
        call = self.form.create("0ff1ce", "/responses", [], "file-1")
        assert (call.method, call.path) == ("POST", "/batches")
        assert json.loads(call.body or b"") == {
            "input_file_id": "file-1", "endpoint": "/v1/responses", "completion_window": "24h",
            "metadata": {"assay_batch": "0ff1ce"},
        }  # fmt: skip

    def test_its_own_object_is_read(self) -> None:
        """State, counts, files and tag of the library's object."""
        job = self.form.read_job(an_openai_batch())
        assert (job.id, job.ended, job.done, job.total, job.tag) == ("batch_1", True, 3, 3, "ours")
        assert [call.path for call in self.form.results(job)] == ["/files/file-out/content", "/files/file-err/content"]
        running = self.form.read_job(an_openai_batch(status="finalizing", output_file_id=None, error_file_id=None))
        assert (running.ended, running.results, running.problem) == (False, (), None)

    def test_a_job_that_failed_says_why(self) -> None:
        """The first of the host's reasons is told, with its line."""
        errors = Errors(object="list", data=[BatchError(code="c", message="no such model", line=7), BatchError()])
        job = self.form.read_job(an_openai_batch(status="failed", errors=errors))
        assert job.problem == "no such model (line 7 of 2 problems)"
        assert "does not say why" in (self.form.read_job(an_openai_batch(status="failed")).problem or "")

    @pytest.mark.parametrize(
        ("line", "wanted"),
        [
            ({"response": {"status_code": 200, "body": {"a": 1}}, "error": None}, ("answered", 200, {"a": 1})),
            ({"response": {"status_code": 429, "body": {"error": {}}}}, ("answered", 429, {"error": {}})),
            ({"response": None, "error": {"code": "batch_expired", "message": "late"}}, ("expired", None, None)),
            ({"response": None, "error": {"code": "batch_cancelled"}}, ("cancelled", None, None)),
            ({"error": {"code": "odd", "message": "m"}}, ("answered", 500, {"error": {"code": "odd", "message": "m"}})),
        ],
    )
    def test_each_end_of_a_request_is_read(self, line: dict[str, object], wanted: tuple[object, ...]) -> None:
        """Answers keep their bytes and status; what the job did not come to is told apart."""
        [result] = self.form.read_results(json.dumps({"id": "r", "custom_id": "x", **line}).encode())
        body = json.loads(result.body) if result.body else None
        assert (result.id, result.fate, result.status, body) == ("x", *wanted)

    def test_the_next_page_begins_after_the_last_job(self) -> None:
        """Pages are walked by the last id while there are more."""
        one = json.loads(an_openai_batch())
        page = self.form.read_page(json.dumps({"object": "list", "data": [one], "has_more": True}).encode())
        assert (page.jobs[0].tag, page.after) == ("ours", "batch_1")
        assert self.form.jobs(page.after).path.endswith("&after=batch_1")


class TestAnthropic:
    """`/messages/batches`."""

    form = AnthropicBatches()

    def test_the_job_holds_its_requests(self) -> None:
        """One call with all of them; the version goes in a header."""
        lines = [self.form.line(item) for item in items("/messages")]
        call = self.form.create("0ff1ce", "/messages", lines, None)
        assert (self.form.upload("0ff1ce", lines), call.headers["anthropic-version"]) == (None, "2023-06-01")
        assert json.loads(call.body or b"")["requests"][1] == {"custom_id": "id-1", "params": {"n": 1, "text": "a\nb"}}

    def test_its_own_object_is_read(self) -> None:
        """State and counts; a job that was cancelled and has ended is told as that."""
        job = self.form.read_job(an_anthropic_batch())
        assert (job.id, job.ended, job.done, job.total, job.created_at) == (
            "msgbatch_1", False, 1, 3, NOW.timestamp(),
        )  # fmt: skip
        ended = self.form.read_job(an_anthropic_batch(processing_status="ended", cancel_initiated_at=NOW))
        assert (ended.ended, ended.state) == (True, "cancelled")

    def test_the_key_follows_no_address_in_an_answer(self) -> None:
        """Results are fetched at the deployment's own address, whatever `results_url` says."""
        ended = self.form.read_job(an_anthropic_batch(processing_status="ended", results_url="http://203.0.113.1/x"))
        assert [call.path for call in self.form.results(ended)] == ["/messages/batches/msgbatch_1/results"]

    def test_each_end_of_a_request_is_read(self) -> None:
        """The library's own lines: an answer, an error with the status that it would have had, an expiry."""
        usage = Usage(input_tokens=1, output_tokens=1)
        message = Message(id="m", type="message", role="assistant", model="x", content=[], usage=usage)
        told = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
        results = [
            MessageBatchSucceededResult(type="succeeded", message=message),
            MessageBatchErroredResult(type="errored", error=told),  # type: ignore[arg-type]
            MessageBatchExpiredResult(type="expired"),
        ]
        lines = [MessageBatchIndividualResponse(custom_id="x", result=one).to_json(indent=None) for one in results]
        read = [one for line in lines for one in self.form.read_results(line.encode())]
        assert [(one.fate, one.status) for one in read] == [("answered", 200), ("answered", 529), ("expired", None)]
        assert json.loads(read[0].body)["id"] == "m"


class TestGemini:
    """`batchGenerateContent`."""

    form = GeminiBatches()

    def test_the_job_holds_its_requests(self) -> None:
        """The path of a live call becomes that of a job, and our id its name."""
        lines = [self.form.line(item) for item in items("/models/x:generateContent")]
        call = self.form.create("0ff1ce", "/models/x:generateContent", lines, None)
        batch = json.loads(call.body or b"")["batch"]
        assert (call.path, batch["display_name"]) == ("/models/x:batchGenerateContent", "0ff1ce")
        assert batch["input_config"]["requests"]["requests"][0] == {
            "request": {"n": 0, "text": "a\nb"}, "metadata": {"key": "id-0"},
        }  # fmt: skip

    @pytest.mark.parametrize("prefix", ["BATCH_STATE_", "JOB_STATE_"])
    def test_the_operation_is_read(self, prefix: str) -> None:
        """Both spellings of the states; whole numbers come as texts."""
        metadata = {
            "state": f"{prefix}RUNNING", "displayName": "ours", "createTime": "2026-11-26T20:00:00.123456789Z",
            "batchStats": {"requestCount": "3", "pendingRequestCount": "1"},
        }  # fmt: skip
        job = self.form.read_job(json.dumps({"name": "batches/1", "metadata": metadata}).encode())
        assert (job.id, job.state, job.ended, job.done, job.total, job.tag) == (
            "batches/1", "running", False, 2, 3, "ours",
        )  # fmt: skip
        assert self.form.state("batches/a b/../c").path == "/batches/a%20b%2F..%2Fc"

    @pytest.mark.parametrize("where", ["response", "metadata"])
    def test_results_are_read_from_both_places(self, where: str) -> None:
        """Some answers have the output in the operation, some in its metadata."""
        output = {
            "inlinedResponses": {
                "inlinedResponses": [
                    {"metadata": {"key": "a"}, "response": {"candidates": []}},
                    {"metadata": {"key": "b"}, "error": {"code": 8, "message": "slow down"}},
                    {"metadata": {"key": "c"}, "error": {"code": 1, "message": "stopped"}},
                    {"metadata": {"key": "d"}, "error": {"code": 400, "message": "no"}},
                ]
            }
        }
        operation = {"name": "batches/1", "done": True, "metadata": {"state": "BATCH_STATE_SUCCEEDED"}}
        if where == "response":
            operation["response"] = output
        else:
            operation["metadata"] = {"state": "BATCH_STATE_SUCCEEDED", "output": output}
        body = json.dumps(operation).encode()
        job = self.form.read_job(body)
        assert (job.ended, job.problem, len(self.form.results(job))) == (True, None, 1)
        read = list(self.form.read_results(body))
        assert [(one.id, one.fate, one.status) for one in read] == [
            ("a", "answered", 200), ("b", "answered", 429), ("c", "cancelled", None), ("d", "answered", 400),
        ]  # fmt: skip

    def test_a_result_of_nobody_is_not_guessed(self) -> None:
        """Without its key nobody knows whose result it is."""
        output = {"inlinedResponses": {"inlinedResponses": [{"response": {}}]}}
        with pytest.raises(MalformedReply, match="which request"):
            list(self.form.read_results(json.dumps({"name": "batches/1", "response": output}).encode()))

    def test_a_job_that_failed_says_why(self) -> None:
        """An operation's error is its reason."""
        told = {"name": "batches/1", "done": True, "error": {"code": 3, "message": "no such model"}}
        assert self.form.read_job(json.dumps(told).encode()).problem == "no such model"


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b'"text"'])
def test_what_cannot_be_read_is_one_error(form: BatchForm, body: bytes) -> None:
    """Whatever a host says instead of a job, a page or a result, it is told as unreadable."""
    for read in (form.read_job, form.read_page, lambda data: list(form.read_results(data))):
        with pytest.raises(MalformedReply):
            read(body)


def test_formats_without_batches_have_none() -> None:
    """No form is made up for a format that has no such endpoints."""
    assert form_of("completions") is None
    assert form_of("local") is None


@given(st.lists(st.binary(max_size=20).map(lambda one: one.replace(b"\n", b"")), max_size=6), st.data())
def test_lines_are_the_same_at_any_border(lines: list[bytes], data: st.DataObject) -> None:
    """However the bytes arrive, the lines are those that were sent; empty ones are left out."""
    whole = b"\n".join(lines)
    borders = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    cutter, found = Lines(), []
    for start, end in zip([0, *borders], [*borders, len(whole)], strict=True):
        found += cutter.feed(whole[start:end])
    found += cutter.close()
    assert found == [line for line in lines if line.strip()]
