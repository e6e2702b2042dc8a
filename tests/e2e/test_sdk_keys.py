"""The official SDKs with virtual keys: what the gateway refuses they raise as their own classes of errors."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import anthropic
import openai
import pytest
from recorded import serving

from assay.cli.door import guarded
from assay.cli.main import assay

CONFIG = """
[deployments.small]
model = "x/small"
dialect = "scripted"
script = "small.json"
settings = { max_tokens = 8 }
price_usd_per_mtok = { input = 1.0, output = 1.0 }
[deployments.other]
like = "small"
"""


class Gate(NamedTuple):
    """A running gateway, and where its configuration is."""

    url: str
    folder: Path

    def key(self, name: str, *terms: str) -> str:
        """A new key."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            words = ["keys", *terms[:1], name, *terms[1:], "-c", str(self.folder)]
            assert guarded(lambda: assay.main(words, standalone_mode=False)) == 0
        return out.getvalue().strip()


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A gateway with a key, so that all others are asked for one."""
    folder = tmp_path_factory.mktemp("keys")
    (folder / "small.json").write_text(json.dumps({"rules": [], "default": "yes"}))
    (folder / "assay.toml").write_text(CONFIG)
    made = Gate("", folder)
    made.key("first", "add")
    with serving(folder, CONFIG) as url:
        yield Gate(url, folder)


def chat(url: str, secret: str, model: str = "small") -> str | None:
    """`openai`, chat completions."""
    with openai.OpenAI(base_url=f"{url}/v1", api_key=secret, max_retries=0) as client:
        messages: Any = [{"role": "user", "content": "hi"}]
        return client.chat.completions.create(model=model, messages=messages).choices[0].message.content


def message(url: str, secret: str, model: str = "small") -> str:
    """`anthropic`, messages."""
    with anthropic.Anthropic(base_url=url, api_key=secret, max_retries=0) as client:
        messages: Any = [{"role": "user", "content": "hi"}]
        answer: Any = client.messages.create(model=model, messages=messages, max_tokens=8)
        return str(answer.content[0].text)


ASK: Any = pytest.mark.parametrize(("ask", "sdk"), [(chat, openai), (message, anthropic)], ids=["openai", "anthropic"])


def taken_up(gate: Gate, ask: Any, secret: str) -> None:
    """Wait until the gateway knows a key."""
    import time

    end = time.monotonic() + 2
    while True:
        try:
            assert ask(gate.url, secret) == "yes"
            return
        except (openai.AuthenticationError, anthropic.AuthenticationError):
            assert time.monotonic() < end


def until_refused(ask: Any, url: str, secret: str, unknown: type[Exception] = StopIteration) -> None:
    """Ask until the gateway has taken up what it shall refuse."""
    for _ in range(1000):
        with contextlib.suppress(unknown):
            ask(url, secret)


@ASK
def test_a_wrong_key(gate: Gate, ask: Any, sdk: Any) -> None:
    """401 is an AuthenticationError."""
    with pytest.raises(sdk.AuthenticationError, match="a valid key is needed"):
        ask(gate.url, "sk-assay-wrong")


@ASK
def test_a_revoked_key(gate: Gate, ask: Any, sdk: Any) -> None:
    """Likewise, with its own reason."""
    secret = gate.key(f"gone-{sdk.__name__}", "add")
    taken_up(gate, ask, secret)
    gate.key(f"gone-{sdk.__name__}", "revoke")
    with pytest.raises(sdk.AuthenticationError, match="this key was revoked"):
        until_refused(ask, gate.url, secret)


@ASK
def test_a_route_that_the_key_may_not_call(gate: Gate, ask: Any, sdk: Any) -> None:
    """403 is a PermissionDeniedError."""
    secret = gate.key(f"narrow-{sdk.__name__}", "add", "--route", "small")
    taken_up(gate, ask, secret)
    with pytest.raises(sdk.PermissionDeniedError, match="may not call 'other'; it may call: small"):
        ask(gate.url, secret, "other")


@ASK
def test_too_many_requests(gate: Gate, ask: Any, sdk: Any) -> None:
    """429 is a RateLimitError, with the header by which SDKs know how long to wait."""
    secret = gate.key(f"slow-{sdk.__name__}", "add", "--rpm", "1")
    taken_up(gate, ask, secret)
    with pytest.raises(sdk.RateLimitError, match="1 request per minute") as caught:
        ask(gate.url, secret)
    assert 0 < int(caught.value.response.headers["retry-after"]) <= 61


@ASK
def test_a_budget_that_is_used_up(gate: Gate, ask: Any, sdk: Any) -> None:
    """It is a RateLimitError too."""
    secret = gate.key(f"poor-{sdk.__name__}", "add", "--usd", "0")
    with pytest.raises(sdk.RateLimitError, match="budget"):
        until_refused(ask, gate.url, secret, sdk.AuthenticationError)


def test_models_are_those_of_the_key(gate: Gate) -> None:
    """Both SDKs list what the key may call."""
    secret = gate.key("lister", "add", "--route", "other")
    with openai.OpenAI(base_url=f"{gate.url}/v1", api_key=secret, max_retries=5) as client:
        taken_up(gate, lambda url, key: "yes" if client.models.list() else "", secret)
        assert [one.id for one in client.models.list()] == ["other"]
    with anthropic.Anthropic(base_url=gate.url, api_key=secret) as other:
        assert [one.id for one in other.models.list()] == ["other"]
