"""The dialect `litellm`, with a library that answers as it is told in LiteLLM's place."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from types import ModuleType
from typing import Any

import msgspec
import pytest

from assay import errors
from assay.config.schema import Deployment
from assay.errors import AuthFailed, BadRequest, MalformedReply, ProviderError, RequestError, Timeout
from assay.providers import litellm as room
from assay.providers.litellm import LiteLLMProvider, litellm_provider
from assay.providers.provider import Attempted, Exchange, Meter
from assay.providers.unavailable import Unavailable
from assay.types import Event, Message, Request, Sampling, UsageReport, fold

HELLO = Request(messages=(Message.of("user", "hello"),), sampling=Sampling(max_tokens=5))
Answerer = Callable[..., Any]


class Answer:
    """Anything that LiteLLM would give as a model of pydantic's."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.usage = body.get("usage")

    def model_dump(self, *, mode: str, exclude_none: bool) -> dict[str, Any]:
        """The body, without its nulls, as pydantic does it."""
        assert (mode, exclude_none) == ("json", True)
        return self.body


class Stream:
    """A streamed answer with the attributes that LiteLLM's has."""

    def __init__(self, *chunks: dict[str, Any], then: Exception | None = None, finish: str | None = "stop") -> None:
        self._source = self._run(chunks, then)
        self.chunks = [Answer(chunk) for chunk in chunks if not chunk.get("counted")]
        self.received_finish_reason = finish
        self.closed = asyncio.Event()

    async def _run(self, chunks: tuple[dict[str, Any], ...], then: Exception | None) -> AsyncGenerator[Answer, None]:
        for chunk in chunks:
            if chunk == {}:
                await asyncio.Event().wait()
            yield Answer({key: value for key, value in chunk.items() if key != "counted"})
        if then is not None:
            raise then

    def __aiter__(self) -> AsyncIterator[Answer]:
        return self._source

    async def aclose(self) -> None:
        """Let go of the connection."""
        self.closed.set()


def chunk(text: str | None = None, finish: str | None = None) -> dict[str, Any]:
    """A chunk as LiteLLM passes it on."""
    delta = {"content": text} if text is not None else {}
    choice: dict[str, Any] = {"index": 0, "delta": delta, "provider_specific_fields": {}}
    return {"id": "c", "model": "m", "choices": [choice | ({"finish_reason": finish} if finish else {})]}


def usage(**more: Any) -> dict[str, Any]:
    """The chunk that tells the tokens."""
    return {"id": "c", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}, **more}


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answerer], list[dict[str, Any]]]:
    """Puts a library in LiteLLM's place that answers with what it is given; returns the calls it will get."""
    for name in room._QUIET:
        monkeypatch.setenv(name, "")  # so that what is set from now on is undone
        monkeypatch.delenv(name)

    def install(answer: Answerer) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []

        async def acompletion(**arguments: Any) -> Any:
            calls.append(arguments)
            return answer()

        library = ModuleType("litellm")
        library.acompletion = acompletion  # type: ignore[attr-defined]
        library.telemetry, library.success_callback = True, ["somebody"]  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "litellm", library)
        return calls

    return install


def provider(**said: Any) -> LiteLLMProvider:
    """A provider of a deployment."""
    deployment = msgspec.convert({"model": "acme/large", "dialect": "litellm", **said}, Deployment)
    return LiteLLMProvider(deployment, "1.110.2")


async def ask(
    one: LiteLLMProvider,
    request: Request = HELLO,
    *,
    stream: bool = True,
    meter: Meter | None = None,
    into: list[Event] | None = None,
) -> list[Event]:
    """The events of one attempt; `into` has those before an error, too."""
    events: list[Event] = [] if into is None else into
    async for event in one.stream(Attempted(request, stream=stream), meter or Meter()):
        events.append(event)
    return events


# ------------------------------------------------------------------------------------------- what it is asked


async def test_a_request_goes_out_whole_and_nothing_is_retried_or_dropped(
    answering: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages and settings of the chat format, key, address and headers as the deployment says them."""
    monkeypatch.setenv("ACME_KEY", "sk-1")
    calls = answering(lambda: Stream(chunk("hi"), chunk(finish="stop")))
    one = provider(
        upstream_model="bedrock/x", api_key_env="ACME_KEY", base_url="http://127.0.0.1:9", headers={"x-team": "a"}
    )
    await ask(one)
    (call,) = calls
    assert call["model"] == "bedrock/x"
    assert call["messages"] == [{"role": "user", "content": "hello"}]
    assert (call["stream"], call["max_tokens"]) == (True, 5)
    assert (call["api_key"], call["base_url"], call["extra_headers"]) == ("sk-1", "http://127.0.0.1:9", {"x-team": "a"})
    assert (call["num_retries"], call["max_retries"], call["drop_params"]) == (0, 0, False)


async def test_the_library_is_told_to_keep_quiet(answering: Any) -> None:
    """No telemetry, no callbacks, no list fetched, no .env file read."""
    import os

    answering(lambda: Stream(chunk("hi"), chunk(finish="stop")))
    await ask(provider())
    library = sys.modules["litellm"]
    assert (library.telemetry, library.success_callback, library.drop_params) == (False, [], False)
    assert os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"
    assert os.environ["LITELLM_MODE"] == "PRODUCTION"


async def test_without_a_key_nothing_is_asked(answering: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable, or a key that fits no header, is told before the library is even imported."""
    monkeypatch.delenv("ACME_KEY", raising=False)
    calls = answering(Stream)
    with pytest.raises(AuthFailed, match="ACME_KEY holds no key"):
        await ask(provider(api_key_env="ACME_KEY"))
    monkeypatch.setenv("ACME_KEY", "one\ntwo")
    with pytest.raises(AuthFailed, match="ACME_KEY holds a key with line breaks"):
        await ask(provider(api_key_env="ACME_KEY"))
    assert calls == []


async def test_what_is_no_chat_is_refused(answering: Any) -> None:
    """A raw completion has no place there."""
    answering(Stream)
    with pytest.raises(RequestError, match="sends chats only, not a completion"):
        await ask(provider(), Request(form="completion", prompt="once"))


def test_a_preview_shows_what_the_library_gets() -> None:
    """The body in the chat format; the key is not in it."""
    wire = provider(upstream_model="x/y").preview(Attempted(HELLO))
    assert wire.url == "litellm:x/y"
    assert msgspec.json.decode(wire.body)["messages"][0]["content"] == "hello"


# --------------------------------------------------------------------------------------------- its answers


async def test_a_stream_folds_to_the_answer(answering: Any) -> None:
    """Text, end, tokens; the library's empty additions are not passed on, and the connection is let go."""
    stream = Stream(chunk("Hel"), chunk("lo"), chunk(finish="length"), usage())
    answering(lambda: stream)
    meter = Meter(exchange=Exchange())
    response = fold(await ask(provider(), meter=meter))
    assert response.text == "Hello"
    assert response.finish is not None
    assert response.finish.kind == "length"
    assert response.usage is not None
    assert (response.usage.input, response.usage.output) == (3, 2)
    assert "provider_specific_fields" not in msgspec.json.encode(response).decode()
    assert stream.closed.is_set()
    assert meter.sent_bytes > 0
    assert meter.received_bytes > 0


async def test_a_whole_answer_is_read(answering: Any) -> None:
    """Not streamed, the answer is a chat completion."""
    body = {**chunk(), "choices": [{"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}]}
    answering(lambda: Answer({**body, "usage": usage()["usage"]}))
    response = fold(await ask(provider(), stream=False))
    assert response.text == "Hello"
    assert response.usage is not None


async def test_tokens_that_the_library_counted_itself_are_unknown(answering: Any) -> None:
    """A provider that tells no usage has none here: an estimate is not what was billed."""
    answering(lambda: Stream(chunk("Hello"), chunk(finish="stop"), usage(counted=True)))
    assert not [event for event in await ask(provider()) if isinstance(event, UsageReport)]


async def test_a_cut_stream_is_no_stop(answering: Any) -> None:
    """The library ends every stream with a `stop`; without one from the provider the answer was cut."""
    answering(lambda: Stream(chunk("Hel"), chunk(finish="stop"), finish=None))
    with pytest.raises(MalformedReply, match="before its end marker"):
        await ask(provider())


async def test_silence_is_cut(answering: Any) -> None:
    """Nothing for `idle_timeout_s` ends the attempt, and the connection is let go."""
    stream = Stream(chunk("Hel"), {})
    answering(lambda: stream)
    with pytest.raises(Timeout, match=r"nothing came for 0\.05 s"):
        await ask(provider(idle_timeout_s=0.05))
    assert stream.closed.is_set()


async def test_leaving_closes_the_stream(answering: Any) -> None:
    """A client that goes away takes the upstream's connection with it."""
    stream = Stream(chunk("Hel"), {})
    answering(lambda: stream)
    events = provider().stream(Attempted(HELLO), Meter())
    await anext(events)
    await events.aclose()
    assert stream.closed.is_set()


# ---------------------------------------------------------------------------------------------- its errors


def failing(name: str, status: int | None, message: str = "no: sk-secret", *bases: str, **more: Any) -> Exception:
    """An error of a class with this name, as the library's are."""
    kind: type[Exception] = Exception
    for one in (*bases, name):
        kind = type(one, (kind,), {})
    error = kind(message)
    error.message, error.status_code = message, status  # type: ignore[attr-defined]
    error.__dict__.update(more)
    return error


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("AuthenticationError", 401, "AuthFailed"),
        ("APIError", 403, "AuthFailed"),
        ("RateLimitError", 429, "RateLimited"),
        ("ContextWindowExceededError", 400, "ContextTooLong"),
        ("ContentPolicyViolationError", 400, "ContentFiltered"),
        ("NotFoundError", 404, "BadRequest"),
        ("APIError", 418, "BadRequest"),
        ("InternalServerError", 500, "ProviderFault"),
        ("APIError", 502, "ProviderFault"),
        ("ServiceUnavailableError", 503, "Overloaded"),
        ("APIConnectionError", 500, "ConnectionFailed"),
        ("Timeout", 408, "Timeout"),
        ("KeyError", None, "ProviderError"),
    ],
)
async def test_errors_are_those_of_our_tree(
    answering: Any, monkeypatch: pytest.MonkeyPatch, name: str, status: int | None, kind: str
) -> None:
    """By class, else by status; the key that a provider repeats is masked."""
    monkeypatch.setenv("ACME_KEY", "sk-secret")

    def fail() -> None:
        raise failing(name, status)

    answering(fail)
    with pytest.raises(ProviderError) as caught:
        await ask(provider(api_key_env="ACME_KEY"))
    assert type(caught.value) is getattr(errors, kind)
    assert caught.value.status == status
    assert "sk-secret" not in str(caught.value)
    assert "***" in str(caught.value)


async def test_a_break_in_the_middle_is_an_error_after_what_came(answering: Any) -> None:
    """The text so far is handed out, then the error; never a silent end."""
    broken = failing("MidStreamFallbackError", 500, "cut", "ServiceUnavailableError")
    answering(lambda: Stream(chunk("Hel"), then=broken))
    events: list[Event] = []
    with pytest.raises(MalformedReply):
        await ask(provider(), into=events)
    assert fold(events).text == "Hel"


async def test_the_wait_that_a_provider_asks_for_survives(answering: Any) -> None:
    """`retry-after` and the request's id are read from the headers of the answer."""

    class Refusal:
        headers = {"Retry-After": "7", "X-Request-Id": "r1"}

    def fail() -> None:
        raise failing("RateLimitError", 429, "slow down", response=Refusal())

    answering(fail)
    with pytest.raises(errors.RateLimited) as caught:
        await ask(provider())
    assert (caught.value.retry_after_s, caught.value.request_id) == (7.0, "r1")


async def test_a_field_that_a_provider_does_not_take_is_named(answering: Any) -> None:
    """The library's advice to drop it is not passed on, and nothing counts as sent."""
    said = "litellm.UnsupportedParamsError: cerebras does not support parameters: ['logit_bias', 'n'], for model=x."
    message = f"{said} To drop these, set `litellm.drop_params=True`"

    def fail() -> None:
        raise failing("UnsupportedParamsError", 400, message, "BadRequestError")

    answering(fail)
    meter = Meter()
    with pytest.raises(BadRequest) as caught:
        await ask(provider(), meter=meter)
    assert str(caught.value) == "logit_bias, n: cerebras cannot be told this (LiteLLM)"
    assert meter.sent_bytes == 0


# --------------------------------------------------------------------------------------------- the library


@pytest.mark.parametrize("found", [None, "1.82.8", "1.109.3"])
def test_a_missing_or_old_library_is_told_with_the_line_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, found: str | None
) -> None:
    """Not installed, or older than the floor: the deployment says so when it is called; nothing is imported."""

    def version(name: str) -> str:
        if found is None:
            raise room.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(room, "version", version)
    missing = litellm_provider(Deployment(model="m", dialect="litellm"))
    assert isinstance(missing, Unavailable)
    assert str(missing.reason).endswith("pip install 'assay[litellm]'")


async def test_the_librarys_version_is_part_of_what_a_pin_freezes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It decides what a provider is told, so that an upgrade is a change."""
    monkeypatch.setattr(room, "version", lambda name: "1.110.2")
    one = litellm_provider(Deployment(model="m", dialect="litellm"))
    assert await one.identity() == {"litellm": "1.110.2"}
