"""Answers in Gemini's form for tests: the same one whole, as server-sent events and as a JSON array."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from assay.dialects.gemini import Gemini
from assay.types import Event, Response, fold

GEMINI = Gemini()
HEAD = {"responseId": "r-1", "modelVersion": "gemini-2.5-flash-001"}
USAGE = {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 7, "totalTokenCount": 22}

texts = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=6)
signatures = st.none() | st.sampled_from(["c2ln", "AbC_-1=="])


def chunk(*parts: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One chunk of one candidate; `more` are fields of the candidate."""
    candidate = {"content": {"role": "model", "parts": list(parts)}, "index": 0, **more}
    return {"candidates": [candidate | ({"finishReason": finish} if finish else {})], **HEAD}


def sse(*chunks: Any, end: bytes = b"\r\n") -> bytes:
    """Chunks as Gemini sends them with `alt=sse`: CRLF, no end marker."""
    return b"".join(b"data: " + json.dumps(one).encode() + end * 2 for one in chunks)


def array(*chunks: Any) -> bytes:
    """Chunks as Gemini sends them without `alt=sse`."""
    return b"[" + b",\r\n".join(json.dumps(one, indent=1).encode() for one in chunks) + b"\n]"


def decode(body: bytes, cuts: Sequence[int] = ()) -> list[Event]:
    """The events of a stream, fed in pieces."""
    decoder, events, at = GEMINI.decoder(), [], 0
    for cut in [*sorted(cuts), len(body)]:
        events += decoder.feed(body[at:cut])
        at = max(at, cut)
    return events + decoder.close()


def streamed(*chunks: Any) -> Response:
    """The value of a stream of chunks."""
    return fold(decode(sse(*chunks)))


def whole(*parts: dict[str, Any], finish: str | None = "STOP", **more: Any) -> Response:
    """The value of a whole answer with these parts."""
    body = {**chunk(*parts, finish=finish, **more), "usageMetadata": USAGE}
    return fold(GEMINI.read_response(json.dumps(body).encode()))


# ------------------------------------------------------------------- one answer, whole and in chunks


def _signed(part: dict[str, Any], signature: str | None) -> dict[str, Any]:
    return part | ({"thoughtSignature": signature} if signature else {})


_said = st.builds(lambda text, sig: _signed({"text": text}, sig), texts, signatures)
_thoughts = st.builds(lambda text, sig: _signed({"text": text, "thought": True}, sig), texts, signatures)
_calls = st.builds(
    lambda name, value, sig: _signed({"functionCall": {"name": name, "args": {"x": value}}}, sig),
    st.sampled_from(["f", "g"]),
    st.integers() | texts,
    signatures,
)
_code = st.builds(
    lambda code, sig: _signed({"executableCode": {"language": "PYTHON", "code": code}}, sig), texts, signatures
)
answers = st.lists(_said | _thoughts | _calls | _code, min_size=1, max_size=6)


@st.composite
def chunked(draw: st.DrawFn, parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parts over chunks: texts in pieces, a signature with the last piece or in an empty part after it."""
    chunks: list[list[dict[str, Any]]] = [[]]
    before: dict[str, Any] = {}
    for part in parts:
        # Only within a chunk can two texts of a kind be told apart.
        together = "text" in part and "text" in before and bool(part.get("thought")) == bool(before.get("thought"))
        if not (together or draw(st.booleans())):
            chunks.append([])
        for piece in draw(_pieces(part)):
            if piece is not None:
                chunks[-1].append(piece)
            else:
                chunks.append([])
        before = part
    return [chunk(*one) for one in chunks] + [chunk(finish="STOP") | {"usageMetadata": USAGE}]


@st.composite
def _pieces(draw: st.DrawFn, part: dict[str, Any]) -> list[dict[str, Any] | None]:
    """A part in pieces, `None` between those that stand in different chunks."""
    text = part.get("text")
    if text is None:
        return [part]
    cut = draw(st.integers(0, len(text) - 1))
    if cut == 0:
        return [part]
    kind = {"thought": True} if part.get("thought") else {}
    first, last = {"text": text[:cut], **kind}, {**part, "text": text[cut:]}
    if part.get("thoughtSignature") and draw(st.booleans()):
        return [first, None, {"text": text[cut:], **kind}, None, {**part, "text": ""}]
    return [first, None, last]
