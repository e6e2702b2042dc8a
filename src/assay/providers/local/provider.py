"""The provider of the dialect `local`: one deployment's way to an engine on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from assay.config.schema import Deployment
from assay.dialects.completions import Completions
from assay.dialects.dialect import Dialect
from assay.dialects.fields import MARK
from assay.dialects.foreign import is_foreign
from assay.dialects.openai_chat import OpenAIChat
from assay.errors import (
    BadRequest,
    ConfigError,
    ConnectionFailed,
    ContextTooLong,
    MalformedReply,
    ProviderError,
    RequestError,
)
from assay.providers.local.engine import Lease
from assay.providers.local.engine_fields import require_known
from assay.providers.local.pool import EnginePool
from assay.providers.local.tool_answer import ToolAnswer
from assay.providers.local.tool_prompt import TEXT, VERSION, as_text, offer_of
from assay.providers.provider import Attempted, Meter, Wire
from assay.providers.transport import MAX_ERROR_BYTES, Reply
from assay.types import Event, OutputFormat, Request, Usage, UsageReport
from assay.weights.digest import sha256_of
from assay.weights.gguf import read_header

ENGINE = "xllamacpp"
QUIRKS = {
    "grammar": True,
    "top_k": True,
    "upstream": "the local engine",
    "capabilities": dict.fromkeys(("reasoning_effort", "reasoning_tokens"), "emulate"),  # overlooked without a word
}
TOOLS = ("schema", "native", "none")
MAX_TOLD_BYTES = 64 * 1024 * 1024

PIECES = MARK + "pieces"
"""In `extra` of a request that counts: its tokens come with their texts, for whoever reads the exchange."""

_CHAT = OpenAIChat()
_COMPLETIONS = Completions()
_URL = "local:"  # shown in place of an address that changes with every start
_OURS = ("id_slot", "cache_prompt", "stream", "n")  # fields that a client of this dialect cannot set


class LocalProvider:
    """Answers with a local engine.

    What a request leaves open is fixed so that equal requests get equal answers: temperature 0 and seed 0. The
    deployment's quirk `exact = false` trades that for requests that run side by side (see `engine.Engine`).

    The quirk `tools` says how tools are called: `schema` (default) tells them in the prompt and enforces the form of a
    call (see `tool_prompt`), `native` leaves both to the model's template, `none` refuses them.

    Args:
        deployment: its engine settings and limits.
        weights_path: the file of weights.
        pool: where the engine comes from.

    Raises:
        ConfigError: the quirk `tools` is none of these.
    """

    def __init__(self, deployment: Deployment, weights_path: Path, pool: EnginePool) -> None:
        self._deployment = deployment
        self._weights = weights_path
        self._pool = pool
        self._tools = deployment.quirks.get("tools", "schema")
        if self._tools not in TOOLS:
            raise ConfigError(f"quirks.tools = {self._tools!r}: expected one of {', '.join(TOOLS)}")
        self.engine = pool.share(weights_path, deployment.engine, exact=deployment.is_exact)

    async def stream(self, attempt: Attempted, meter: Meter) -> AsyncGenerator[Event, None]:
        """The answer as events; always streamed, so that closing the generator frees the slot.

        Raises:
            ProviderError: the engine refused, crashed or broke off.
            WeightsError: the file of weights is missing or damaged.
        """
        dialect, body, answer, meter.emulated = self._asked(attempt.request)
        async with self.engine.lease(_prompt_of(body), meter) as lease:
            if attempt.request.form == "count":
                tokens = await self._tokens(lease, body, meter, pieces=bool(attempt.request.extra.get(PIECES)))
                yield UsageReport(usage=Usage(input=len(tokens)))
                return
            payload = msgspec.json.encode(body | {"id_slot": lease.slot})
            meter.sent_bytes = len(payload)
            meter.send(Wire(_URL + _path(dialect), payload))
            try:
                async with aclosing(self._exchange(lease, dialect, payload, meter)) as events:
                    async for event in events:
                        for told in answer.read(event) if answer is not None else (event,):
                            yield told
            except (ConnectionFailed, MalformedReply) as error:
                if (crash := await self.engine.crash_of(lease.process)) is not None:
                    raise crash from error
                raise

    async def _exchange(
        self, lease: Lease, dialect: Dialect, payload: bytes, meter: Meter
    ) -> AsyncGenerator[Event, None]:
        async with (
            self._post(lease, _path(dialect), payload) as reply,
            aclosing(_decode(reply, dialect, meter)) as events,
        ):
            async for event in events:
                yield event

    @asynccontextmanager
    async def _post(self, lease: Lease, path: str, payload: bytes) -> AsyncIterator[Reply]:
        async with self.engine.transport.request(
            "POST",
            lease.process.address + path,
            headers={
                "content-type": "application/json",
                "authorization": f"Bearer {lease.process.api_key}",
                "connection": "close",  # the engine drops idle connections unasked, which a second use would meet
            },
            body=payload,
            connect_timeout_s=self._deployment.connect_timeout_s,
            idle_timeout_s=self._deployment.idle_timeout_s,
        ) as reply:
            if reply.status >= 400:
                raise _worded(_CHAT.read_error(reply.status, reply.headers, await reply.read(MAX_ERROR_BYTES)))
            yield reply

    async def _tokens(self, lease: Lease, body: dict[str, Any], meter: Meter, *, pieces: bool) -> list[Any]:
        """Tokens of the prompt, as the engine's template and tokeniser make them: numbers, or with their texts."""
        prompt = body.get("prompt")
        if prompt is None:
            prompt = (await self._told(lease, "/apply-template", body, meter))["prompt"]
        asked = {"content": prompt, "add_special": True, "parse_special": True, "with_pieces": pieces}
        tokens: list[Any] = (await self._told(lease, "/tokenize", asked, meter))["tokens"]
        return tokens

    async def _told(self, lease: Lease, path: str, body: dict[str, Any], meter: Meter) -> dict[str, Any]:
        """The engine's answer to a question that no model is needed for."""
        payload = msgspec.json.encode(body)
        meter.sent_bytes += len(payload)
        meter.send(Wire(_URL + path, payload))
        async with self._post(lease, path, payload) as reply:
            data = await reply.read(MAX_TOLD_BYTES)
        meter.receive(data)
        try:
            return msgspec.json.decode(data, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise MalformedReply(f"the engine's answer to {path} cannot be read: {error}") from error

    def preview(self, attempt: Attempted) -> Wire:
        """See `Provider.preview`; the number of the slot comes when one is free."""
        dialect, body, _, _ = self._asked(attempt.request)
        return Wire(_URL + _path(dialect), msgspec.json.encode(body))

    def _asked(self, request: Request) -> _Asked:
        """A request as the engine gets it, without the slot.

        Raises:
            BadRequest: the request holds something that cannot be done here.
        """
        if request.form == "embedding":
            raise BadRequest(
                "input: the local engine makes no embeddings; use a host that does", code="unsupported", field="input"
            )
        offer = None
        if self._tools != "native":
            offer = offer_of(request)
            if offer is not None and self._tools == "none":
                raise BadRequest(
                    "tools: this deployment calls none (quirks.tools = 'none')", code="unsupported", field="tools"
                )
            request = as_text(request, offer)
        if request.form == "count":
            request = msgspec.structs.replace(request, form="completion" if request.prompt is not None else "chat")
        dialect: Dialect = _COMPLETIONS if request.form == "completion" else _CHAT
        body, emulated = _write(request, dialect, self._weights.stem)
        if offer is None:
            return _Asked(dialect, body, None, emulated)
        answer = ToolAnswer(msgspec.json.encode(body), streams=offer.answer == TEXT)
        return _Asked(dialect, body, answer, ("tools", *emulated))

    async def identity(self, *, fresh: bool = False) -> dict[str, str]:
        """Digests of weights and chat template, the engine's version, and the form in which tools are called.

        Raises:
            WeightsError: the file is missing, damaged, or changes while it is read.
        """
        header = await asyncio.to_thread(read_header, self._weights)
        digest = await asyncio.to_thread(sha256_of, self._weights, fresh=fresh)
        try:
            engine = f"{ENGINE} {version(ENGINE)}"
        except PackageNotFoundError:
            engine = f"{ENGINE} (not installed)"
        return {
            "weights_sha256": digest,
            "engine": engine,
            "chat_template_sha256": header.chat_template_sha256 or "none",
            "tools": f"schema {VERSION}" if self._tools == "schema" else self._tools,
        }

    async def close(self) -> None:
        """Give the engine back to the pool; the last user stops it."""
        await self._pool.release(self.engine)


class _Asked(NamedTuple):
    dialect: Dialect
    body: dict[str, Any]
    answer: ToolAnswer | None
    emulated: tuple[str, ...]


def _path(dialect: Dialect) -> str:
    return "/v1/completions" if dialect is _COMPLETIONS else "/v1/chat/completions"


async def _decode(reply: Reply, dialect: Dialect, meter: Meter) -> AsyncGenerator[Event, None]:
    decoder = dialect.decoder()
    async with aclosing(reply.chunks()) as chunks:
        async for data in chunks:
            meter.receive(data)
            for event in decoder.feed(data):
                yield event
    for event in decoder.close():
        yield event


def _write(request: Request, dialect: Dialect, model: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body for the engine, without the slot, and what of the request is emulated.

    Raises:
        BadRequest: the request holds something that the engine cannot do.
    """
    if (request.sampling.n or 1) > 1:
        raise BadRequest("n: the local engine gives one answer per request", code="unsupported", field="n")
    plain = msgspec.structs.replace(request, output=None)
    hints = () if is_foreign(request, dialect.name) else require_known(request)
    try:
        wire = dialect.write_request(plain, model=model, stream=True, quirks=QUIRKS)
    except RequestError as error:
        raise BadRequest(str(error), code="unsupported", field=error.field) from error
    body: dict[str, Any] = msgspec.json.decode(wire.body)
    for field in _OURS:
        body.pop(field, None)
    body |= _limits(request.output)
    return {"temperature": 0, "seed": 0, **body, "stream": True, "cache_prompt": True}, (*wire.emulated, *hints)


def _limits(output: OutputFormat | None) -> dict[str, Any]:
    """How the engine is told what form the answer must have: alike for chats and completions."""
    match output:
        case OutputFormat(kind="grammar", grammar=str() as grammar):
            return {"grammar": grammar}
        case OutputFormat(kind="json_schema", schema=dict() as schema):
            return {"json_schema": schema}
        case OutputFormat(kind="json" | "json_schema"):
            return {"json_schema": {"type": "object"}}
        case _:
            return {}


def _worded(error: ProviderError) -> ProviderError:
    """The engine's error with what to do; a JSON schema's fault ends a sentence about something else."""
    if isinstance(error, ContextTooLong):
        said = str(error).removesuffix(", try increasing it")
        return ContextTooLong(
            f"{said}; shorten the request, or raise the deployment's engine.context_tokens",
            status=error.status,
            code=error.code,
        )
    _, found, reason = str(error).partition("JSON schema error at ")
    if not found or type(error) is not BadRequest:
        return error
    return BadRequest(
        f"the engine cannot limit an answer to this JSON schema: {reason}", status=error.status, code=error.code
    )


def _prompt_of(body: dict[str, Any]) -> bytes:
    """What the prompt will begin with, in a form that can be compared."""
    return msgspec.json.encode([body.get("tools"), body.get("messages"), body.get("prompt")])
