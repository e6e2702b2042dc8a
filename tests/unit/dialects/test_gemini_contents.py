"""The turns of a conversation for Gemini."""

import json
from typing import Any

import pytest

from assay.dialects.gemini import Gemini
from assay.dialects.opaque import ANTHROPIC, encrypted, signed, with_call_signature
from assay.dialects.opaque import GEMINI as MAKER
from assay.errors import RequestError
from assay.types import (
    Audio,
    Document,
    Image,
    Message,
    Part,
    Reasoning,
    Refusal,
    Request,
    Text,
    ToolCall,
    ToolResult,
    Unknown,
    Video,
    fold,
)  # fmt: skip

IMAGE = Image(data="aQ==", media_type="image/png")
INLINE = {"inlineData": {"mimeType": "image/png", "data": "aQ=="}}
YOUTUBE = "https://www.youtube.com/watch?v=x"


def sent(
    *messages: Message, model: str = "gemini-2.5-flash", quirks: dict[str, Any] | None = None, **fields: Any
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body for these messages, and what is emulated."""
    request = Request(messages=messages, **fields)
    wire = Gemini().write_request(request, model=model, stream=False, quirks=quirks or {})
    return json.loads(wire.body), wire.emulated


def turns(*messages: Message, **more: Any) -> Any:
    """The turns: role and parts."""
    return [(turn["role"], turn["parts"]) for turn in sent(*messages, **more)[0]["contents"]]


def user(*parts: Part) -> Message:
    """A user's message."""
    return Message(role="user", parts=parts)


def model(*parts: Part) -> Message:
    """An assistant's message."""
    return Message(role="assistant", parts=parts)


def result(call_id: str, *parts: Any, **more: Any) -> Message:
    """A tool's answer."""
    return Message(role="tool", parts=(ToolResult(call_id=call_id, parts=parts, **more),))


CALL = ToolCall(id="c1", name="f", arguments='{"x": 1.0}')
CALLED = {"functionCall": {"name": "f", "args": {"x": 1.0}, "id": "c1"}}


def test_every_instruction_in_order() -> None:
    """Trap 14: all system and developer messages are kept in order; one that came later is noted."""
    body, emulated = sent(
        Message.of("system", "a"), Message.of("developer", "b"), Message.of("user", "hi"), Message.of("system", "c")
    )
    assert body["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}, {"text": "c"}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "hi"}]}]
    assert emulated == ("system.later",)
    assert sent(Message.of("system", "a"), Message.of("user", "hi"))[1] == ()


def test_instructions_alone_get_an_empty_turn() -> None:
    """A conversation has a turn: where there are instructions only, an empty one, which is noted."""
    body, emulated = sent(Message.of("system", "a"))
    assert body["contents"] == [{"role": "user", "parts": [{"text": " "}]}]
    assert emulated == ("system.only",)


def test_neighbours_of_one_role_are_one_turn() -> None:
    """Trap 13: turns alternate; tools' answers and what the user says after them are one turn."""
    call = model(CALL, ToolCall(id="c2", name="g"))
    found = turns(Message.of("user", "a"), Message.of("user", "b"), call, result("c1", Text(text="1")),
                  result("c2", Text(text="2")), Message.of("user", "c"))  # fmt: skip
    assert [role for role, _ in found] == ["user", "model", "user"]
    assert [sorted(part) for part in found[2][1]] == [["functionResponse"], ["functionResponse"], ["text"]]


def test_a_tools_answer_has_the_name_of_the_function() -> None:
    """Trap 13: the name is looked up by the id of the call; an unknown id without a name is refused."""
    found = turns(Message.of("user", "a"), model(CALL), result("c1", Text(text="1")))
    assert found[1:] == [
        ("model", [CALLED]),
        ("user", [{"functionResponse": {"name": "f", "response": {"result": "1"}, "id": "c1"}}]),
    ]
    assert turns(result("c9", name="h"))[0][1][0]["functionResponse"]["name"] == "h"
    old = turns(model(ToolCall(id="", name="f")), model(ToolCall(id="", name="g")), result("", name="f"))
    assert old[1][1] == [{"functionResponse": {"name": "f", "response": {"result": ""}}}]
    with pytest.raises(RequestError, match=r"messages\[1\]\.tool_call_id.*'c9'"):
        sent(model(CALL), result("c9"))


@pytest.mark.parametrize(("text", "is_error", "want"), [
    ('{"a": 1}', False, {"a": 1}), ("[1]", False, {"result": "[1]"}), ("", False, {"result": ""}),
    ("{broken", False, {"result": "{broken"}), ("no", True, {"error": "no"}), ('{"a": 1}', True, {"error": {"a": 1}}),
])  # fmt: skip
def test_a_tools_answer_is_an_object(text: str, is_error: bool, want: dict[str, Any]) -> None:
    """Trap 13: an object goes as it is, other text as a result, an error as an error."""
    found = turns(model(CALL), result("c1", Text(text=text), is_error=is_error))
    assert found[1][1][0]["functionResponse"]["response"] == want


def test_numbers_are_not_rewritten() -> None:
    """Arguments and answers that are objects go byte for byte: no digit of a large number is lost."""
    call = ToolCall(id="c1", name="f", arguments='{"id": 12345678901234567890123, "p": 1.10}')
    request = Request(messages=(model(call), result("c1", Text(text='{"n": 0.10}'))))
    body = Gemini().write_request(request, model="gemini-2.5-flash", stream=False, quirks={}).body
    assert b'{"id": 12345678901234567890123, "p": 1.10}' in body
    assert b'{"n": 0.10}' in body


@pytest.mark.parametrize(("arguments", "want", "noted"), [
    ("", {}, ()), ("[]", {}, ()), ("null", {}, ()), ('{"a": ', {"arguments": '{"a": '}, ("tools.arguments",)),
    ("[1]", {"arguments": "[1]"}, ("tools.arguments",)),
])  # fmt: skip
def test_arguments_that_are_no_object(arguments: str, want: dict[str, Any], noted: tuple[str, ...]) -> None:
    """No arguments are none; broken ones of an earlier turn go as a text, noted, so that the conversation can go on."""
    body, emulated = sent(model(ToolCall(id="c", name="f", arguments=arguments)))
    assert body["contents"][0]["parts"][0]["functionCall"]["args"] == want
    assert emulated == noted


def test_images_in_a_tools_answer() -> None:
    """Trap 13: an image of a tool goes beside the answer, or inside where the model takes that."""
    messages = (model(CALL), result("c1", Text(text="see"), IMAGE))
    body, emulated = sent(*messages)
    assert body["contents"][1]["parts"][1] == INLINE
    assert emulated == ("tool_result.media",)
    body, emulated = sent(*messages, model="gemini-3-flash-preview")
    assert body["contents"][1]["parts"][0]["functionResponse"]["parts"] == [INLINE]
    assert "tool_result.media" not in emulated


def test_signatures_go_back_to_their_calls() -> None:
    """Trap 3: the signature stands on the same call again."""
    signed_call = ToolCall(id="c1", name="f", extra=with_call_signature("c2ln"))
    parts = turns(model(signed_call, ToolCall(id="c2", name="f")))[0][1]
    assert [part.get("thoughtSignature") for part in parts] == ["c2ln", None]


def test_signatures_go_back_to_their_texts() -> None:
    """Trap 3: a blob stands again on the text before it, on an empty part after nothing or a call, on its thought."""
    blob = Reasoning(opaque=(encrypted("c2ln", MAKER),))
    assert turns(model(Text(text="a"), blob, Text(text="b")))[0][1] == [
        {"text": "a", "thoughtSignature": "c2ln"}, {"text": "b"},
    ]  # fmt: skip
    assert turns(model(blob, Text(text="a")))[0][1] == [{"text": "", "thoughtSignature": "c2ln"}, {"text": "a"}]
    assert turns(model(CALL, blob))[0][1] == [CALLED, {"text": "", "thoughtSignature": "c2ln"}]
    assert turns(model(Text(text="a"), blob, blob))[0][1] == [
        {"text": "a", "thoughtSignature": "c2ln"}, {"text": "", "thoughtSignature": "c2ln"},
    ]  # fmt: skip
    thought = Reasoning(text="t", opaque=(signed("c2ln", MAKER),))
    assert turns(model(thought, Text(text="a")))[0][1] == [
        {"text": "t", "thought": True, "thoughtSignature": "c2ln"}, {"text": "a"},
    ]  # fmt: skip


def test_a_signature_in_front_of_its_text() -> None:
    """Trap 3: a chat message has one place for thoughts and signatures; a text's signature finds its text again."""
    joined = Reasoning(text="t", opaque=(encrypted("c2ln", MAKER),))
    assert turns(model(joined, Text(text="a"), CALL))[0][1] == [{"text": "a", "thoughtSignature": "c2ln"}, CALLED]
    assert turns(model(joined, CALL))[0][1] == [CALLED, {"text": "", "thoughtSignature": "c2ln"}]


def test_an_answer_comes_back_as_it_was() -> None:
    """Trap 3: the parts of an answer, read and sent back, are the parts that Gemini wrote."""
    parts = [
        {"text": "t", "thought": True, "thoughtSignature": "c2ln"},
        {"executableCode": {"code": "1", "language": "PYTHON"}, "thoughtSignature": "Yw=="},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK"}},
        {"text": "a", "thoughtSignature": "ZA=="},
        {"functionCall": {"name": "f", "args": {"x": 1}, "id": "q1"}, "thoughtSignature": "ZQ=="},
        {"functionCall": {"name": "f", "args": {}, "id": "q2"}},
    ]
    body = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}
    answer = fold(Gemini().read_response(json.dumps(body).encode()))
    written, emulated = sent(Message.of("user", "q"), Message(role="assistant", parts=answer.parts))
    assert written["contents"][1] == {"role": "model", "parts": parts}
    assert emulated == ()


def test_reasoning_of_others_stays_out() -> None:
    """Trap 4, 5: another maker's signature, and thoughts nobody signed, are left out and noted, never sent as text."""
    foreign = Reasoning(text="t", opaque=(signed("x", ANTHROPIC),))
    for part in (foreign, Reasoning(text="t")):
        body, emulated = sent(model(part, Text(text="a")))
        assert body["contents"][0]["parts"] == [{"text": "a"}]
        assert emulated == ("reasoning",)


def test_calls_of_another_model_get_googles_stand_in() -> None:
    """Trap 3: generation 3 refuses a first call without a signature; Google's word for such calls is sent and noted."""
    messages = (model(CALL, ToolCall(id="c2", name="f")), result("c1"), result("c2"))
    body, emulated = sent(*messages, model="gemini-3-pro-preview")
    parts = body["contents"][0]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == ["skip_thought_signature_validator", None]
    assert emulated == ("reasoning",)
    assert sent(*messages, model="gemini-flash-latest")[1] == ("reasoning",)
    assert sent(*messages, model="gemini-3-pro-preview", quirks={"sign_calls": False})[1] == ()
    own = model(ToolCall(id="c1", name="f", extra=with_call_signature("c2ln")))
    assert sent(own, result("c1"), model="gemini-3-pro-preview")[1] == ()


def test_ids_can_be_left_out() -> None:
    """A host that knows no ids gets none."""
    found = turns(model(CALL), result("c1", Text(text="1")), quirks={"call_ids": False})
    assert "id" not in found[0][1][0]["functionCall"]
    assert "id" not in found[1][1][0]["functionResponse"]


@pytest.mark.parametrize(("part", "want"), [
    (IMAGE, INLINE),
    (Image(data="/9j/4AA"), {"inlineData": {"mimeType": "image/jpeg", "data": "/9j/4AA"}}),
    (Image(url="gs://b/i.png"), {"fileData": {"fileUri": "gs://b/i.png", "mimeType": "image/png"}}),
    (Audio(data="YQ==", format="mp3"), {"inlineData": {"mimeType": "audio/mp3", "data": "YQ=="}}),
    (Audio(data="data:audio/ogg;base64,YQ==", format=""), {"inlineData": {"mimeType": "audio/ogg", "data": "YQ=="}}),
    (Video(data="dg==", media_type="video/mp4"), {"inlineData": {"mimeType": "video/mp4", "data": "dg=="}}),
    (Video(url=YOUTUBE), {"fileData": {"fileUri": YOUTUBE}}),
    (Document(data="cA==", name="a.PDF"), {"inlineData": {"mimeType": "application/pdf", "data": "cA=="}}),
    (Document(data="data:text/plain;base64,cA=="), {"inlineData": {"mimeType": "text/plain", "data": "cA=="}}),
    (Document(file_id="https://generativelanguage.googleapis.com/v1beta/files/x", media_type="application/pdf"),
     {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x",
                   "mimeType": "application/pdf"}}),
])  # fmt: skip
def test_media(part: Part, want: dict[str, Any]) -> None:
    """Trap 19: data goes inline with its media type, files that Google can reach by their address."""
    body, emulated = sent(user(Text(text="see"), part))
    assert body["contents"][0]["parts"] == [{"text": "see"}, want]
    assert emulated == ()


@pytest.mark.parametrize(("part", "words"), [
    (Image(url="https://x/i.png"), "send the data"),
    (Video(url="https://x/v.mp4"), "send the data"),
    (Document(url="https://x/d.pdf"), "send the data"),
    (Image(url="https://evil/?https://www.youtube.com/"), "send the data"),
    (Document(file_id="file-123"), "another provider"),
    (Image(data="????"), "media type is not known"),
    (Image(), "neither data nor an address"),
])  # fmt: skip
def test_media_that_is_refused(part: Part, words: str) -> None:
    """Trap 19: what Google cannot fetch or read is refused by its place, with the reason."""
    with pytest.raises(RequestError, match=words) as caught:
        sent(user(Text(text="see"), part))
    assert (caught.value.field or "").startswith("messages[0].content[1]")


def test_media_as_an_operator_wants_it() -> None:
    """A host may be said to take addresses, or images may be left out on purpose."""
    image = user(Text(text="see"), Image(url="https://x/i.png"))
    kept = turns(image, quirks={"capabilities": {"image.url": "keep"}})
    assert kept[0][1][1] == {"fileData": {"fileUri": "https://x/i.png", "mimeType": "image/png"}}
    body, emulated = sent(image, quirks={"ignore": ["image.url"]})
    assert body["contents"][0]["parts"] == [{"text": "see"}]
    assert emulated == ("image.url",)


def test_detail_of_an_image_is_noted() -> None:
    """Trap 19: how closely to look cannot be said; auto asks for nothing."""
    for detail, noted in (("high", ("image.detail",)), ("auto", ())):
        assert sent(user(Image(data="aQ==", media_type="image/png", detail=detail)))[1] == noted


def test_other_parts() -> None:
    """A refusal goes as the text that it was, a name is left out, both noted; Gemini's own parts go verbatim."""
    own = Unknown(dialect="gemini", raw={"executableCode": {"code": "1"}})
    body, emulated = sent(Message(role="user", parts=(Text(text="a"),), name="ann"), model(own, Refusal(text="no")))
    assert body["contents"][1]["parts"] == [own.raw, {"text": "no"}]
    assert emulated == ("message.name", "refusal")
    with pytest.raises(RequestError, match="another provider"):
        sent(user(Unknown(dialect="x", raw={})))


def test_empty_texts_are_no_parts() -> None:
    """A text without characters is not sent, and a message of nothing is no turn."""
    assert turns(user(Text(text="")), model(Text(text=""), CALL)) == [("model", [CALLED])]


@pytest.mark.parametrize("message", [
    user(CALL), user(Reasoning(text="t")), model(ToolResult(call_id="c")), Message(role="system", parts=(IMAGE,)),
])  # fmt: skip
def test_misplaced_parts(message: Message) -> None:
    """A part that has no place in its message is refused."""
    with pytest.raises(RequestError, match="cannot stand"):
        sent(message)


def test_a_begun_answer() -> None:
    """An answer that the client begins goes as the last turn, unless the host is said to take none."""
    messages = (Message.of("user", "a"), Message.of("assistant", "b"))
    assert turns(*messages)[-1] == ("model", [{"text": "b"}])
    with pytest.raises(RequestError, match=r"messages\[1\]"):
        sent(*messages, quirks={"capabilities": {"prefill": "reject"}})
