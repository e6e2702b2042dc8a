"""Embeddings: clients, and hosts of the dialect `openai`."""

import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.dialects.completions import Completions
from assay.dialects.embeddings import Embeddings
from assay.dialects.openai_chat import OpenAIChat
from assay.errors import MalformedReply, RateLimited, RequestError
from assay.types import Embedded, Failed, Request, Response, Usage, fold

CLIENT, HOST = Embeddings(), OpenAIChat()
VECTOR = (0.0023064255, -0.009327292, 1.0)


def read(**fields: Any) -> Request:
    """A request with `fields`."""
    return CLIENT.read_request(json.dumps({"model": "m", "input": "a", **fields}).encode())


def written(request: Request, **quirks: Any) -> dict[str, Any]:
    """The body that a host would get."""
    wire = HOST.write_request(request, model="m", stream=True, quirks=quirks)
    assert wire.path == "/embeddings"
    return json.loads(wire.body)


def whole(**fields: Any) -> bytes:
    """A host's answer with one vector."""
    data = [{"object": "embedding", "index": 0, "embedding": list(VECTOR)}]
    return json.dumps({"object": "list", "model": "m-1", "data": data, **fields}).encode()


@pytest.mark.parametrize("value", ["a", ["a", "b"], [1, 2], [[1], [2, 3]], [""]])
def test_every_form_of_input_is_kept(value: Any) -> None:
    """A text, several, tokens of one, tokens of several: the host gets the same inputs."""
    got = written(read(input=value, dimensions=4, user="u", input_type="query"))
    same = value[0] if isinstance(value, list) and len(value) == 1 else value
    assert got == {"model": "m", "input": same, "dimensions": 4, "user": "u", "input_type": "query"}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", 1]}, "input"),
        ({"input": [[]]}, "input"),
        ({"input": [-1]}, "input"),
        ({"input": [True]}, "input"),
        ({"dimensions": 0}, "dimensions"),
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"stream": True}, "stream"),
        ({"model": 1}, "model"),
    ],
)
def test_wrong_fields_are_named(fields: dict[str, Any], field: str) -> None:
    """A client is told which field is wrong."""
    with pytest.raises(RequestError) as caught:
        read(**fields)
    assert caught.value.field == field


def test_the_bytes_of_a_client_pass() -> None:
    """Raw bytes go to the same path with the model exchanged and nothing else: there is no stream to ask usage of."""
    body = b'{"input": [1, 2],\n "stream": true, "model": "x"}'
    native = CLIENT.read_request(b'{"input":"a"}').native
    assert native is not None
    assert native.dialect in HOST.takes_raw
    wire = HOST.pass_request(type(native)(dialect="embeddings", raw=body), model="m", quirks={})
    assert (wire.path, wire.body) == ("/embeddings", body.replace(b'"x"', b'"m"'))


def test_answers_are_read() -> None:
    """Vectors, model, usage and what the host adds."""
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    response = fold(HOST.read_response(whole(usage=usage, id="e1", cost=0.5)))
    assert response.embeddings == (VECTOR,)
    assert (response.model, response.extra) == ("m-1", {"cost": 0.5})
    assert response.usage == Usage(input=3, total=3, native=usage)


def test_vectors_are_put_in_their_order() -> None:
    """The index counts, where there is one."""
    data = [{"index": 1, "embedding": [1]}, {"index": 0, "embedding": [0]}]
    assert fold(HOST.read_response(whole(data=data))).embeddings == ((0.0,), (1.0,))
    bare = [{"embedding": [0]}, {"embedding": [1]}]
    assert fold(HOST.read_response(whole(data=bare))).embeddings == ((0.0,), (1.0,))


@given(
    st.lists(
        st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=4).map(tuple),
        min_size=1,
        max_size=3,
    )
)
def test_both_encodings_give_the_vectors_back(vectors: list[tuple[float, ...]]) -> None:
    """What is written for a client, as numbers or packed, a host's reader reads as the same vectors."""
    answer = Response(embeddings=tuple(vectors), model="m", usage=Usage(input=1, output=0, total=1))
    for form in ("float", "base64"):
        body = CLIENT.write_response(answer, read(encoding_format=form))
        got = fold(HOST.read_response(body))
        assert got.embeddings == tuple(vectors)
        assert json.loads(body)["usage"] == {"prompt_tokens": 1, "total_tokens": 1}


def test_packed_vectors_are_little_endian_floats() -> None:
    """The client that unpacks them is the official SDK."""
    body = CLIENT.write_response(Response(embeddings=((1.5, -2.0),)), read(encoding_format="base64"))
    packed = base64.b64decode(json.loads(body)["data"][0]["embedding"])
    assert struct.unpack("<2f", packed) == (1.5, -2.0)


@pytest.mark.parametrize(
    "body",
    [b'{"embedding"', b'["embedding"]', whole(data=[{"x": 1}]), whole(data=[{"embedding": "AAA"}]),
     whole(data=[{"embedding": "AAAAAAA="}]), whole(data=[{"embedding": ["x"]}]), whole(data=None)],
)  # fmt: skip
def test_unreadable_answers(body: bytes) -> None:
    """An answer that holds no vectors is a malformed reply, whatever is wrong with it."""
    with pytest.raises(MalformedReply):
        HOST.read_response(body)


def test_an_error_under_status_200() -> None:
    """An error object becomes the event of a failure."""
    events = HOST.read_response(whole(error={"message": "no embedding", "code": "rate_limit_exceeded"}))
    assert events == [
        Failed(
            error="RateLimited",
            message="no embedding",
            native={"message": "no embedding", "code": "rate_limit_exceeded"},
        )
    ]


@pytest.mark.parametrize(("feature", "fields"), [("tokens", {"input": [1]}), ("dimensions", {"dimensions": 3})])
def test_what_a_host_does_not_take(feature: str, fields: dict[str, Any]) -> None:
    """Token numbers and a length of the vectors are refused by name where the host has neither."""
    with pytest.raises(RequestError) as caught:
        written(read(**fields), capabilities={feature: "reject"})
    assert caught.value.field in fields


def test_leave_to_ignore() -> None:
    """The length may be left out; the input never."""
    assert "dimensions" not in written(read(dimensions=3), ignore=["dimensions"], capabilities={"dimensions": "reject"})
    with pytest.raises(RequestError, match="input"):
        written(read(input=[1]), ignore=["tokens"], capabilities={"tokens": "reject"})


def test_other_hosts_refuse_plainly() -> None:
    """A plain completion gives no vectors."""
    with pytest.raises(RequestError, match="an embedding") as caught:
        Completions().write_request(read(), model="m", stream=False, quirks={})
    assert caught.value.field == "input"


def test_a_stream_is_the_whole_at_its_end() -> None:
    """The encoder waits for the end; a failure is told as an error."""
    encoder = CLIENT.encoder(read())
    assert encoder.encode(Embedded(index=0, vector=VECTOR)) == b""
    assert json.loads(encoder.close())["data"][0]["embedding"] == list(VECTOR)
    broken = CLIENT.encoder(read())
    assert broken.encode(Failed(error="Timeout", message="late")) == b""
    assert json.loads(broken.close())["error"]["message"] == "late"


def test_errors() -> None:
    """Clients get OpenAI's error object."""
    error = CLIENT.write_error(RateLimited("slow down", retry_after_s=2.0))
    assert (error.status, error.headers["retry-after"]) == (429, "2")
