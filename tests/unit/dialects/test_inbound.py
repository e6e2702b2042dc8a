"""Requests whose format was not said are read by the dialect that can."""

from __future__ import annotations

import pytest

from assay.dialects.inbound import read_inbound
from assay.errors import PluginError, RequestError

CHAT = b'{"model": "m", "messages": [{"role": "user", "content": "hi"}]}'
PLAIN = b'{"model": "m", "prompt": "Once"}'
BOTH = b'{"model": "m", "prompt": "Once", "messages": [{"role": "user", "content": "hi"}]}'


@pytest.mark.parametrize(("body", "name"), [(CHAT, "openai"), (PLAIN, "completions")])
def test_the_dialect_is_found(body: bytes, name: str) -> None:
    """Messages make a chat, a prompt a plain completion; the client's bytes are kept."""
    found = read_inbound(body)
    assert found.dialect.name == name
    assert found.request.native is not None
    assert found.request.native.raw == body


def test_what_reads_alike_is_a_chat() -> None:
    """A plain question is the same in chat completions and in Messages; a field of the one settles which it is."""
    assert read_inbound(CHAT).dialect.name == "openai"
    assert read_inbound(CHAT[:-1] + b', "system": "Be brief."}').dialect.name == "anthropic"


def test_what_can_be_read_twice_must_be_named() -> None:
    """Guessing could answer another question; a name settles it."""
    with pytest.raises(RequestError, match="completions and openai; say which"):
        read_inbound(BOTH)
    assert read_inbound(BOTH, "openai").request.form == "chat"


def test_what_nobody_can_read_has_every_reason() -> None:
    """Each dialect says what it misses; no JSON at all is said once."""
    with pytest.raises(RequestError, match=r"completions: prompt is missing; .*openai: messages is missing"):
        read_inbound(b'{"model": "m"}')
    with pytest.raises(RequestError, match=r"^the body is not JSON"):
        read_inbound(b"no json")
    with pytest.raises(RequestError, match="must be a JSON object"):
        read_inbound(b"[]")


def test_an_unknown_dialect_is_an_error() -> None:
    """It names the nearest; a named dialect that cannot read it says why."""
    with pytest.raises(PluginError, match="did you mean 'openai'"):
        read_inbound(CHAT, "openia")
    with pytest.raises(RequestError, match="prompt is missing"):
        read_inbound(CHAT, "completions")
