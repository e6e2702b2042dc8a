"""What a host says of its use before the answer's end is seen where bytes pass, too."""

from __future__ import annotations

import json

from assay.dialects.anthropic import Anthropic
from assay.dialects.openai_chat import OpenAIChat
from assay.dialects.skim import skim_of


def event(name: str, **more: object) -> bytes:
    """One event of a stream of Messages."""
    return f"event: {name}\ndata: {json.dumps({'type': name, **more})}\n\n".encode()


def test_messages_tell_the_input_first() -> None:
    """With the head of the answer, cached and written tokens in it; the rest of what is held is free from then on."""
    skim = skim_of(Anthropic())
    usage = {"input_tokens": 7, "cache_read_input_tokens": 90, "output_tokens": 1}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
    skim.feed(event("message_start", message=message))
    assert skim.used is not None
    assert skim.used.input == 97
    assert not skim.ending


def test_chats_tell_nothing_before_the_end() -> None:
    """Their usage is a part of the end."""
    skim = skim_of(OpenAIChat())
    skim.feed(b'data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{}}]}\n\n')
    assert skim.used is None
