r"""Hosts on loopback with the batch endpoints of OpenAI, Anthropic and Gemini: `from batch_stub import stub`.

    async with stub("anthropic", polls=2) as host:
        host.toml("frontier")          # a deployment that is asked there
        host.jobs                      # what was made of it; host.jobs[0].asked: custom id -> body
        host.fate = lambda text: ...   # what becomes of a request with this last message; see `FATES`
        host.calls                     # "POST /batches", ... in order
        host.refuse = {"POST /batches": Answer(status=503)}   # answers that go before, by the beginning of the call

A request is answered with its own last message, in capitals, for 10 tokens in and 5 out.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from faults import Answer, FaultyHost, Received

FATES = ("ok", "bad", "expired", "cancelled", "missing", "twice", "strange", "garbled", "empty")
"""`bad`: an error of its own; `strange`: besides, a result of a request that nobody made; `garbled`: a broken line."""

PRICED = "price_usd_per_mtok = { input = 1.0, output = 2.0 }"
FULL_USD = (10 * 1.0 + 5 * 2.0) / 1e6
"""What one answer costs live."""


@dataclass
class StubJob:
    """A job as a stub has it."""

    id: str
    tag: str | None
    asked: dict[str, Any]
    looks: int = 0
    cancelled: bool = False


@dataclass
class Stub:
    """What the three have in common."""

    polls: int = 1
    fate: Callable[[str], str] = lambda text: "ok"
    ends: str = "completed"
    jobs: list[StubJob] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    refuse: dict[str, Answer] = field(default_factory=dict)
    lost_acknowledgement: bool = False
    hides: bool = False
    port: int = 0
    host: Any = None

    dialect = ""
    base = "/v1"

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.port}{self.base}"

    def toml(self, name: str, more: str = PRICED) -> str:
        """A deployment that is asked here."""
        return (
            f'[deployments.{name}]\nmodel = "acme/{name}"\ndialect = "{self.dialect}"\nbase_url = "{self.url}"\n'
            f"batch_discount = 0.5\nretries = 0\n{more}\n"
        )

    @property
    def texts(self) -> list[list[str]]:
        """The last messages of each job."""
        return [[self.text(body) for body in job.asked.values()] for job in self.jobs]

    def respond(self, received: Received) -> Answer:
        """The answer to one call."""
        call = f"{received.method} {received.target.removeprefix(self.base)}"
        self.calls.append(call)
        self.headers.append(received.headers)
        for beginning, answer in self.refuse.items():
            if call.startswith(beginning):
                return answer
        answer = self.answer(call, received)
        if answer is None:
            return Answer(status=404, body=b'{"error": {"message": "there is no such thing"}}')
        if self.lost_acknowledgement and self.makes(call):
            return Answer(stop="request")
        return answer

    def makes(self, call: str) -> bool:
        """Whether a call makes a job."""
        raise NotImplementedError

    def answer(self, call: str, received: Received) -> Answer | None:
        """The answer; None = not found."""
        raise NotImplementedError

    def text(self, body: Any) -> str:
        """The last message of a request."""
        raise NotImplementedError

    def job(self, name: str) -> StubJob | None:
        """The job of this id."""
        return next((job for job in self.jobs if job.id == name), None)

    def look(self, job: StubJob) -> bool:
        """Whether a job has ended, seen once more."""
        job.looks += 1
        return job.looks > self.polls or job.cancelled

    def made(self, tag: str | None, asked: dict[str, Any]) -> StubJob:
        """A new job."""
        job = StubJob(f"job-{len(self.jobs)}", tag, asked)
        self.jobs.append(job)
        return job

    def fates(self, job: StubJob) -> list[tuple[str, str, Any]]:
        """`(custom id, fate, body)` of each request, in an order of the host's own."""
        found = [
            (one, "cancelled" if job.cancelled else self.fate(self.text(body)), body) for one, body in job.asked.items()
        ]
        return found[::-1]


def js(value: object) -> Answer:
    """A JSON answer."""
    return Answer(body=json.dumps(value).encode())


def lines(values: list[object]) -> Answer:
    """JSON lines in small pieces; a text stands as it is."""
    body = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in values)
    return Answer(body=body.encode() + b"\n", piece_bytes=700, framing="chunked")


class OpenAIStub(Stub):
    """`/files` and `/batches`."""

    dialect = "openai"
    files: dict[str, bytes] = {}

    def makes(self, call: str) -> bool:
        """See `Stub`."""
        return call == "POST /batches"

    def text(self, body: Any) -> str:
        """See `Stub`."""
        return (
            str(body["messages"][-1]["content"]) if "messages" in body else str(body["input"][-1]["content"][0]["text"])
        )

    def answer(self, call: str, received: Received) -> Answer | None:
        """See `Stub`."""
        if call == "POST /files":
            name = f"file-{len(self.files)}"
            self.files = {**self.files, name: _form_file(received)}
            return js(
                {
                    "id": name,
                    "object": "file",
                    "bytes": 1,
                    "created_at": 1,
                    "filename": "x",
                    "purpose": "batch",
                    "status": "processed",
                }
            )
        if call == "POST /batches":
            wanted = json.loads(received.body)
            asked = [json.loads(line) for line in self.files[wanted["input_file_id"]].splitlines()]
            assert {one["url"] for one in asked} == {wanted["endpoint"]}
            assert wanted["completion_window"] == "24h"
            return js(
                self.state(
                    self.made(wanted["metadata"]["assay_batch"], {one["custom_id"]: one["body"] for one in asked})
                )
            )
        if found := re.fullmatch(r"POST /batches/(.+)/cancel", call):
            job = self.job(found[1])
            if job is None:
                return None
            job.cancelled = True
            return js(self.state(job))
        if found := re.fullmatch(r"GET /batches/([^/?]+)", call):
            job = self.job(found[1])
            return None if job is None else js(self.state(job, self.look(job)))
        if call.partition("?")[0] == "GET /batches":
            data = [] if self.hides else [self.state(job) for job in self.jobs[::-1]]
            return js({"object": "list", "data": data, "has_more": False})
        if found := re.fullmatch(r"GET /files/(out|err)-(.+)/content", call):
            job = self.job(found[2])
            return None if job is None else lines([line for kind, line in self.results(job) if kind == found[1]])
        return None

    def state(self, job: StubJob, ended: bool = False) -> dict[str, Any]:
        """A batch object."""
        status = ("cancelled" if job.cancelled else self.ends) if ended else "in_progress"
        files = (
            {"output_file_id": f"out-{job.id}", "error_file_id": f"err-{job.id}"}
            if ended and status != "failed"
            else {}
        )
        problems = {"errors": {"object": "list", "data": [{"code": "invalid", "message": "no such model", "line": 1}]}}
        return {
            "id": job.id, "object": "batch", "endpoint": "/v1/chat/completions", "input_file_id": "file-0",
            "completion_window": "24h", "status": status, "created_at": int(datetime.now(UTC).timestamp()),
            "metadata": {"assay_batch": job.tag} if job.tag else None,
            "request_counts": {"total": len(job.asked), "completed": len(job.asked) if ended else 0, "failed": 0},
            **files, **(problems if status == "failed" else {}),
        }  # fmt: skip

    def results(self, job: StubJob) -> list[tuple[str, object]]:
        """`(file, line)` of each request."""
        found: list[tuple[str, object]] = []
        for one, fate, body in self.fates(job):
            if fate == "missing":
                continue
            if fate in ("expired", "cancelled"):
                found.append(
                    (
                        "err",
                        {
                            "id": "r",
                            "custom_id": one,
                            "response": None,
                            "error": {"code": f"batch_{fate}", "message": fate},
                        },
                    )
                )
            elif fate == "bad":
                answer = {
                    "status_code": 400,
                    "request_id": "q",
                    "body": {"error": {"message": "bad request", "type": "invalid_request_error"}},
                }
                found.append(("err", {"id": "r", "custom_id": one, "response": answer, "error": None}))
            elif fate == "garbled":
                found.append(("out", '{"id": "r", "custom_id": ' + json.dumps(one)[:-3]))
            else:
                line = {
                    "id": "r",
                    "custom_id": one,
                    "response": {"status_code": 200, "request_id": "q", "body": self.said(body, fate)},
                    "error": None,
                }
                found += [("out", line)] * (2 if fate == "twice" else 1)
                if fate == "strange":
                    found.append(("out", {**line, "custom_id": "nobody"}))
        return found

    def said(self, body: Any, fate: str) -> dict[str, Any]:
        """A chat completion."""
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": self.text(body).upper()},
            "finish_reason": "stop",
        }
        return {
            "id": "c", "object": "chat.completion", "created": 1, "model": body["model"],
            "choices": [] if fate == "empty" else [choice],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        }  # fmt: skip


class AnthropicStub(Stub):
    """`/messages/batches`."""

    dialect = "anthropic"
    results_url = "http://203.0.113.1/elsewhere"

    def makes(self, call: str) -> bool:
        """See `Stub`."""
        return call == "POST /messages/batches"

    def text(self, body: Any) -> str:
        """See `Stub`."""
        said = body["messages"][-1]["content"]
        return said if isinstance(said, str) else str(said[-1]["text"])

    def answer(self, call: str, received: Received) -> Answer | None:
        """See `Stub`."""
        if self.makes(call):
            asked = json.loads(received.body)["requests"]
            assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", one["custom_id"]) for one in asked)
            return js(self.state(self.made(None, {one["custom_id"]: one["params"] for one in asked})))
        if found := re.fullmatch(r"POST /messages/batches/(.+)/cancel", call):
            job = self.job(found[1])
            if job is None:
                return None
            job.cancelled = True
            return js(self.state(job))
        if found := re.fullmatch(r"GET /messages/batches/([^/?]+)", call):
            job = self.job(found[1])
            return None if job is None else js(self.state(job, self.look(job)))
        if call.partition("?")[0] == "GET /messages/batches":
            data = [] if self.hides else [self.state(job) for job in self.jobs[::-1]]
            return js({"data": data, "has_more": False, "first_id": None, "last_id": data[-1]["id"] if data else None})
        if found := re.fullmatch(r"GET /messages/batches/(.+)/results", call):
            job = self.job(found[1])
            return None if job is None else lines(self.results(job))
        return None

    def state(self, job: StubJob, ended: bool = False) -> dict[str, Any]:
        """A message batch."""
        counts = {
            "processing": 0 if ended else len(job.asked),
            "succeeded": len(job.asked) if ended else 0,
            "errored": 0,
            "canceled": 0,
            "expired": 0,
        }
        now = datetime.now(UTC).isoformat()
        return {
            "id": job.id, "type": "message_batch", "processing_status": "ended" if ended else "in_progress",
            "request_counts": counts, "created_at": now, "expires_at": now, "ended_at": now if ended else None,
            "archived_at": None, "cancel_initiated_at": now if job.cancelled else None,
            "results_url": self.results_url.format(port=self.port, job=job.id) if ended else None,
        }  # fmt: skip

    def results(self, job: StubJob) -> list[object]:
        """A line for each request."""
        found: list[object] = []
        for one, fate, body in self.fates(job):
            if fate == "missing":
                continue
            if fate in ("expired", "cancelled"):
                found.append({"custom_id": one, "result": {"type": fate.replace("cancelled", "canceled")}})
            elif fate == "bad":
                error = {"type": "error", "error": {"type": "invalid_request_error", "message": "bad request"}}
                found.append({"custom_id": one, "result": {"type": "errored", "error": error}})
            elif fate == "garbled":
                found.append('{"custom_id": ' + json.dumps(one)[:-3])
            else:
                line = {"custom_id": one, "result": {"type": "succeeded", "message": self.said(body, fate)}}
                found += [line] * (2 if fate == "twice" else 1)
                if fate == "strange":
                    found.append({**line, "custom_id": "nobody"})
        return found

    def said(self, body: Any, fate: str) -> dict[str, Any]:
        """A message."""
        if fate == "empty":
            return {"id": "m"}
        content = [{"type": "text", "text": self.text(body).upper()}]
        return {
            "id": "m", "type": "message", "role": "assistant", "model": body["model"], "content": content,
            "stop_reason": "end_turn", "stop_sequence": None,
            "usage": {"input_tokens": 10, "output_tokens": 5},
        }  # fmt: skip


class GeminiStub(Stub):
    """`batchGenerateContent` and `batches/`."""

    dialect = "gemini"
    base = "/v1beta"

    def makes(self, call: str) -> bool:
        """See `Stub`."""
        return call.endswith(":batchGenerateContent")

    def text(self, body: Any) -> str:
        """See `Stub`."""
        return str(body["contents"][-1]["parts"][-1]["text"])

    def answer(self, call: str, received: Received) -> Answer | None:
        """See `Stub`."""
        if self.makes(call):
            batch = json.loads(received.body)["batch"]
            asked = batch["input_config"]["requests"]["requests"]
            return js(
                self.state(self.made(batch["display_name"], {one["metadata"]["key"]: one["request"] for one in asked}))
            )
        if found := re.fullmatch(r"POST /batches/(.+):cancel", call):
            job = self.job(f"{found[1]}")
            if job is None:
                return None
            job.cancelled = True
            return js({})
        if found := re.fullmatch(r"GET /batches/([^/?]+)", call):
            job = self.job(found[1])
            return None if job is None else js(self.state(job, self.look(job)))
        if call.partition("?")[0] == "GET /batches":
            return js({} if self.hides else {"operations": [self.state(job) for job in self.jobs]})
        return None

    def state(self, job: StubJob, ended: bool = False) -> dict[str, Any]:
        """An operation; numbers are texts, as Google writes them."""
        state = "BATCH_STATE_RUNNING"
        if ended:
            word = "CANCELLED" if job.cancelled else {"completed": "SUCCEEDED"}.get(self.ends, self.ends.upper())
            state = f"BATCH_STATE_{word}"
        metadata = {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
            "state": state, "displayName": job.tag, "createTime": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "batchStats": {
                "requestCount": str(len(job.asked)), "pendingRequestCount": "0" if ended else str(len(job.asked)),
            },
        }  # fmt: skip
        whole: dict[str, Any] = {"name": f"batches/{job.id}", "metadata": metadata}
        if ended:
            whole["done"] = True
            if self.ends == "failed":
                whole["error"] = {"code": 3, "message": "no such model"}
            else:
                whole["response"] = {"inlinedResponses": {"inlinedResponses": self.results(job)}}
        return whole

    def results(self, job: StubJob) -> list[object]:
        """A result for each request."""
        found: list[object] = []
        for one, fate, body in self.fates(job):
            metadata = {"metadata": {"key": one}}
            if fate in ("missing", "garbled"):  # one broken letter breaks the whole document: see the test of it
                continue
            if fate in ("expired", "cancelled"):
                found.append({**metadata, "error": {"code": 4 if fate == "expired" else 1, "message": fate}})
            elif fate == "bad":
                found.append({**metadata, "error": {"code": 3, "message": "bad request"}})
            else:
                found += [{**metadata, "response": self.said(body, fate)}] * (2 if fate == "twice" else 1)
                if fate == "strange":
                    found.append({"metadata": {"key": "nobody"}, "response": self.said(body, fate)})
        return found

    def said(self, body: Any, fate: str) -> dict[str, Any]:
        """A generated content."""
        candidate = {
            "content": {"role": "model", "parts": [{"text": self.text(body).upper()}]},
            "finishReason": "STOP",
            "index": 0,
        }
        usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
        return {"candidates": [] if fate == "empty" else [candidate], "usageMetadata": usage, "modelVersion": "x"}


STUBS: dict[str, type[Stub]] = {"openai": OpenAIStub, "anthropic": AnthropicStub, "gemini": GeminiStub}


@asynccontextmanager
async def stub(name: str, **more: Any) -> AsyncIterator[Any]:
    """One of the three, for the time of the block."""
    made = STUBS[name](**more)
    async with FaultyHost(made.respond) as host:
        made.port, made.host = host.port, host
        yield made


def _form_file(received: Received) -> bytes:
    """The file of a form with the fields `purpose` and `file`."""
    border = received.headers["content-type"].partition("boundary=")[2].encode()
    parts = received.body.split(b"--" + border)
    assert parts[0] == b""
    assert parts[-1] == b"--\r\n"
    fields = {}
    for part in parts[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        fields[re.search(rb'name="(\w+)"', head)[1]] = content.removesuffix(b"\r\n")  # type: ignore[index]
    assert fields[b"purpose"] == b"batch"
    return fields[b"file"]
