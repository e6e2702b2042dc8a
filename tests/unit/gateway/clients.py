"""Clients of the gateway in three formats, and what an upstream that speaks OpenAI's chat says, whole or streamed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import aiohttp

from assay.config.schema import Serve
from assay.gateway import server
from assay.gateway.asgi import Gateway
from assay.inference.spine import Spine
from faults import Answer, event

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def whole(text: str = "one two three") -> bytes:
    """A chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    body = {"id": "up-1", "object": "chat.completion", "created": 1, "model": "up", "choices": [choice], "usage": USAGE}
    return json.dumps(body).encode()


def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
    """One chunk of a streamed chat completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps(
        {"id": "up-1", "object": "chat.completion.chunk", "created": 1, "model": "up", "choices": [choice]}
    )


def chunks(text: str = "one two three", newline: str = "\n") -> list[bytes]:
    """The events of a streamed chat completion: head, a word each, finish, end mark."""
    words = [word if number == 0 else f" {word}" for number, word in enumerate(text.split(" "))]
    said = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": word}) for word in words)]
    return [event(data, newline=newline) for data in (*said, chunk({}, "stop"), "[DONE]")]


class Seen(NamedTuple):
    """What a client saw.

    Attributes:
        text: of the answer, as far as it came.
        error: type and message of the error, as a body or as the last event.
        ended: the stream ended as a good one does.
        events: of a stream, decoded.
    """

    status: int
    headers: dict[str, str]
    text: str
    error: tuple[str, str] | None
    ended: bool
    events: Sequence[dict[str, Any]] = ()


@dataclass
class Client:
    """One format: how it asks, and how it reads answers, errors and streams."""

    name: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)

    def body(self, model: str, text: str, *, stream: bool) -> dict[str, Any]:
        """A request."""
        if self.name == "responses":
            return {"model": model, "input": text, "stream": stream}
        limit = {"max_tokens": 50} if self.name == "messages" else {}
        return {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream, **limit}

    async def ask(
        self, url: str, *, stream: bool, model: str = "up", text: str = "hi", headers: dict[str, str] | None = None
    ) -> Seen:
        """Ask, and read it all."""
        sent = {**self.headers, **(headers or {})}
        async with (
            aiohttp.ClientSession(read_bufsize=2**20) as session,
            session.post(url + self.path, json=self.body(model, text, stream=stream), headers=sent) as answer,
        ):
            data = await answer.read()
            lower = {name.lower(): value for name, value in answer.headers.items()}
        if lower["content-type"].startswith("text/event-stream"):
            return self._streamed(answer.status, lower, data)
        body = json.loads(data)
        if answer.status >= 400:
            return Seen(answer.status, lower, "", self._error(body), ended=False)
        return Seen(answer.status, lower, self._text(body), None, ended=True)

    def _error(self, body: dict[str, Any]) -> tuple[str, str]:
        if self.name == "messages":
            assert body["type"] == "error"
        error = body["error"]
        assert isinstance(error["message"], str)
        return str(error["type"]), error["message"]

    def _text(self, body: dict[str, Any]) -> str:
        match self.name:
            case "chat":
                return str(body["choices"][0]["message"]["content"])
            case "messages":
                return "".join(block["text"] for block in body["content"])
            case _:
                return "".join(part["text"] for item in body["output"] for part in item["content"])

    def _streamed(self, status: int, headers: dict[str, str], data: bytes) -> Seen:
        """Events are separated by blank lines, whatever the line ends, and each holds one JSON value."""
        lines = data.decode().replace("\r\n", "\n").replace("\r", "\n")
        said = [block[block.index("data:") + 5 :].strip() for block in lines.split("\n\n") if "data:" in block]
        events = [json.loads(text) for text in said if text != "[DONE]"]
        text, error, ended = "", None, said[-1:] == ["[DONE]"]
        for one in events:
            if one.get("error") or one.get("type") in ("error", "response.failed"):
                assert error is None or one["type"] == "response.failed", "two errors in one stream"
                error = error or self._event_error(one)
            match one.get("type"):
                case None:
                    text += "".join(choice["delta"].get("content") or "" for choice in one.get("choices", ()))
                case "content_block_delta":
                    text += one["delta"].get("text", "")
                case "response.output_text.delta":
                    text += one["delta"]
                case "message_stop" | "response.completed":
                    ended = True
        return Seen(status, headers, text, error, ended, events)

    def _event_error(self, one: dict[str, Any]) -> tuple[str, str]:
        error = one.get("error") or one.get("response", {}).get("error") or one
        return str(error.get("type") or error.get("code")), error["message"]


CHAT = Client("chat", "/v1/chat/completions")
MESSAGES = Client("messages", "/v1/messages", {"anthropic-version": "2023-06-01"})
RESPONSES = Client("responses", "/v1/responses")
CLIENTS = (CHAT, MESSAGES, RESPONSES)


def streams(body: bytes) -> bool:
    """Whether the gateway asked its upstream for a stream."""
    return bool(json.loads(body).get("stream"))


def by_form(one: Answer, stream: Answer) -> Any:
    """A script: `stream` where a stream was asked for, else `one`."""
    return lambda received: stream if streams(received.body) else one


@asynccontextmanager
async def gateway(spine: Spine, **limits: Any) -> AsyncIterator[str]:
    """A gateway before a spine, for the time of the block; gives its address."""
    serve = Serve(port=0, **limits)
    listener = server.listen(serve)
    work = asyncio.create_task(server.run(Gateway(spine, serve), listener, signals=False))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
