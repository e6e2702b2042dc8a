"""The long tail of providers, through LiteLLM: the extra `litellm` (docs/decisions/022-litellm-extra.md).

A request is written in OpenAI's chat format and handed to `litellm.acompletion`; its chunks have that format too and
are read by the same reader as a host's. LiteLLM retries nothing, drops nothing, calls nobody back and fetches no list:
what a provider cannot be told comes back as an error that names the field.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec

from assay.config.schema import Deployment
from assay.dialects.dialect import WireRequest
from assay.dialects.openai_chat import OpenAIChat
from assay.dialects.openai_errors import retry_after_s
from assay.errors import (
    AssayError,
    AuthFailed,
    BadRequest,
    ConnectionFailed,
    ContentFiltered,
    ContextTooLong,
    MalformedReply,
    Overloaded,
    ProviderError,
    ProviderFault,
    RateLimited,
    RequestError,
    Timeout,
)  # fmt: skip
from assay.providers.api_key import api_key
from assay.providers.provider import Attempted, Meter, Wire
from assay.providers.unavailable import Unavailable
from assay.types import Event, UsageReport

__all__ = ["LiteLLMProvider", "litellm_provider"]

_FLOOR = (1, 110)  # 1.82.7 and 1.82.8 stole credentials when they were imported
_REMEDY = "pip install 'assay[litellm]'"
_QUIET = {
    "LITELLM_MODE": "PRODUCTION",  # else it reads a .env file into the environment
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # these would each be fetched from a server
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_AUTOROUTER_PRESETS": "True",
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_LOCAL_POLICY_TEMPLATES": "True",
}
_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")
_MAX_MESSAGE = 2000
_CLASSES: dict[str, type[ProviderError]] = {
    "AuthenticationError": AuthFailed,
    "PermissionDeniedError": AuthFailed,
    "RateLimitError": RateLimited,
    "MidStreamFallbackError": MalformedReply,
    "ServiceUnavailableError": Overloaded,
    "Timeout": Timeout,
    "APIConnectionError": ConnectionFailed,
    "APIResponseValidationError": MalformedReply,
    "ContextWindowExceededError": ContextTooLong,
    "ContentPolicyViolationError": ContentFiltered,
    "BadRequestError": BadRequest,
    "NotFoundError": BadRequest,
    "UnprocessableEntityError": BadRequest,
    "InternalServerError": ProviderFault,
    "BadGatewayError": ProviderFault,
}
_STATUSES: dict[int, type[ProviderError]] = {401: AuthFailed, 403: AuthFailed, 429: RateLimited, 503: Overloaded}
_UNSUPPORTED = re.compile(r"(?P<provider>[\w-]+) does not support parameters: \[(?P<fields>[^\]]*)\]")
_CLASS_NAME = re.compile(r"\blitellm\.\w+: ")


def litellm_provider(deployment: Deployment) -> LiteLLMProvider | Unavailable:
    """The provider, or why there is none: LiteLLM is not installed, or too old."""
    try:
        found = version("litellm")
    except PackageNotFoundError:
        return Unavailable(ProviderError(f"the dialect 'litellm' needs LiteLLM, which is not installed; {_REMEDY}"))
    if tuple(int(number) for number in re.findall(r"\d+", found)[:2]) < _FLOOR:
        wanted = ".".join(map(str, _FLOOR))
        return Unavailable(ProviderError(f"LiteLLM {found} is installed and {wanted} is needed; {_REMEDY}"))
    return LiteLLMProvider(deployment, found)


class LiteLLMProvider:
    """One deployment that LiteLLM reaches.

    Args:
        deployment: its configuration; `upstream_model`, else `model`, is LiteLLM's name (`bedrock/...`).
        library: the installed version.
    """

    def __init__(self, deployment: Deployment, library: str) -> None:
        self._deployment = deployment
        self._version = library
        self._model = deployment.upstream_model or deployment.model
        self._dialect = OpenAIChat()

    async def stream(self, attempt: Attempted, meter: Meter) -> AsyncGenerator[Event, None]:
        """See `Provider.stream`."""
        wire = self._write(attempt)
        meter.send(self._shown(wire))
        meter.emulated = wire.emulated
        key = api_key(self._deployment)
        litellm = await asyncio.to_thread(_library)  # its import takes seconds
        meter.sent_bytes = len(wire.body)
        try:
            async with asyncio.timeout(self._deployment.idle_timeout_s):
                answer = await litellm.acompletion(**self._arguments(wire.body, key))
            read = self._streamed if attempt.stream else self._whole
            async with aclosing(read(answer, meter)) as events:
                async for event in events:
                    yield event
        except AssayError:
            raise
        except TimeoutError as error:
            silence = self._deployment.idle_timeout_s
            raise Timeout(f"nothing came for {silence:g} s; idle_timeout_s is the limit") from error
        except Exception as error:  # the door to a library that raises whatever its providers' code raises
            if _is_unsupported(error):
                meter.sent_bytes = 0  # found out before anything was sent
            raise _told(error, key) from error

    async def _streamed(self, answer: Any, meter: Meter) -> AsyncGenerator[Event, None]:
        decoder = self._dialect.decoder()
        usage: UsageReport | None = None
        async with aclosing(answer):
            chunks = aiter(answer)
            while True:
                async with asyncio.timeout(self._deployment.idle_timeout_s):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    break
                for event in decoder.feed(b"data: " + _plain(chunk, meter) + b"\n\n"):
                    if isinstance(event, UsageReport):
                        usage = event
                    else:
                        yield event
        if getattr(answer, "received_finish_reason", "unknown") is None:
            raise MalformedReply("the stream ended before its end marker")  # LiteLLM tells that as a `stop`
        for event in decoder.close():
            yield event
        if usage is not None and _is_reported(answer):
            yield usage

    async def _whole(self, answer: Any, meter: Meter) -> AsyncGenerator[Event, None]:
        for event in self._dialect.read_response(_plain(answer, meter)):
            yield event

    def preview(self, attempt: Attempted) -> Wire:
        """See `Provider.preview`: what LiteLLM gets; what it makes of that is its own."""
        return self._shown(self._write(attempt))

    def _shown(self, wire: WireRequest) -> Wire:
        return Wire(f"litellm:{self._model}", wire.body)

    def _write(self, attempt: Attempted) -> WireRequest:
        if attempt.request.form != "chat":
            raise RequestError(f"the dialect 'litellm' sends chats only, not a {attempt.request.form}", field="model")
        return self._dialect.write_request(
            attempt.request, model=self._model, stream=attempt.stream, quirks=self._deployment.quirks
        )

    def _arguments(self, body: bytes, key: str | None) -> dict[str, Any]:
        deployment = self._deployment
        arguments: dict[str, Any] = {
            **msgspec.json.decode(body),
            "timeout": deployment.idle_timeout_s,
            "num_retries": 0,
            "max_retries": 0,
            "drop_params": False,
        }
        for name, value in (
            ("api_key", key),
            ("base_url", deployment.base_url),
            ("extra_headers", deployment.headers or None),
        ):
            if value is not None:
                arguments[name] = value
        return arguments

    async def identity(self, *, fresh: bool = False) -> dict[str, str]:
        """LiteLLM's version: it decides what a provider is told."""
        return {"litellm": self._version}

    async def close(self) -> None:
        """LiteLLM keeps its connections to itself."""


def _library() -> Any:
    """LiteLLM, silent: it tells nobody, fetches nothing, prints nothing."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    import logging

    import litellm

    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.drop_params = False
    for hooks in ("callbacks", "input_callback", "success_callback", "failure_callback", "service_callback"):
        setattr(litellm, hooks, [])
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return litellm


def _plain(answer: Any, meter: Meter) -> bytes:
    """A chunk or an answer as JSON, without what LiteLLM adds where it has nothing to say."""
    body: dict[str, Any] = answer.model_dump(mode="json", exclude_none=True)
    for choice in body.get("choices", ()):
        for holder in (choice, choice.get("delta"), choice.get("message")):
            if isinstance(holder, dict) and not holder.get("provider_specific_fields"):
                holder.pop("provider_specific_fields", None)
    data = msgspec.json.encode(body)
    meter.receive(data)
    return data


def _is_reported(answer: Any) -> bool:
    """Whether the provider told its usage: where it does not, LiteLLM counts with a tokeniser of its own."""
    chunks = getattr(answer, "chunks", None)
    return chunks is None or any(getattr(chunk, "usage", None) is not None for chunk in chunks)


def _told(error: Exception, key: str | None) -> ProviderError:
    """LiteLLM's error in our tree, without the key, which providers like to repeat."""
    message = _CLASS_NAME.sub("", str(getattr(error, "message", None) or error)).strip()
    if key is not None:
        message = message.replace(key, "***")
    message = message[:_MAX_MESSAGE]
    status = getattr(error, "status_code", None)
    status = status if isinstance(status, int) else None
    if _is_unsupported(error):
        return BadRequest(_unsupported(message), status=status)
    headers = dict(_headers(error))
    return _class(error, status)(
        f"LiteLLM: {message or type(error).__name__}",
        status=status,
        code=_code(error),
        retry_after_s=retry_after_s(headers),
        request_id=headers.get("x-request-id"),
    )


def _is_unsupported(error: Exception) -> bool:
    return type(error).__name__ == "UnsupportedParamsError"


def _class(error: Exception, status: int | None) -> type[ProviderError]:
    for kind in type(error).__mro__:
        if kind.__name__ in _CLASSES:
            return _CLASSES[kind.__name__]
    if status is None:
        return ProviderError
    return _STATUSES.get(status, ProviderFault if status >= 500 else BadRequest)


def _code(error: Exception) -> str | None:
    code = getattr(error, "code", None)
    return str(code) if code is not None else None


def _headers(error: Exception) -> Iterator[tuple[str, str]]:
    headers = getattr(getattr(error, "response", None), "headers", None)
    if isinstance(headers, Mapping):
        yield from ((str(name).lower(), str(value)) for name, value in headers.items())


def _unsupported(message: str) -> str:
    """The fields that a provider does not take, instead of advice to drop them."""
    found = _UNSUPPORTED.search(message)
    if found is None:
        return f"LiteLLM: {message}"
    fields = re.sub(r"['\"]", "", found["fields"])
    return f"{fields}: {found['provider']} cannot be told this (LiteLLM)"
