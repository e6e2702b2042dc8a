"""The gateway against its own description: schemathesis makes requests from `/openapi.json`, right and wrong ones.

`ASSAY_FUZZ` is how many examples each operation gets.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import (
    CHECKS,
    load_all_checks,
    not_a_server_error,
)

from assay.catalog.load import builtin
from assay.config.load import parse
from assay.config.schema import Serve
from assay.gateway import server
from assay.gateway.asgi import Gateway, inbound_dialects
from assay.inference.build import Builder
from assay.ledger.store import SqliteLedger

EXAMPLES = int(os.environ.get("ASSAY_FUZZ", "8"))
CONFIG = """
[deployments.m]
model = "x/m"
dialect = "scripted"
script = "m.json"
"""
load_all_checks()
checks = CHECKS.get_by_names(
    ["status_code_conformance", "content_type_conformance", "response_schema_conformance", "unsupported_method"]
)
PATHS = sorted({f"/v1{path}" for dialect in inbound_dialects().values() for path in dialect.paths})
STREAMED = [path for path in PATHS if path not in ("/v1/embeddings", "/v1/messages/count_tokens")]
fire = settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway in a thread of its own, for clients that block."""
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "m.json").write_text('{"default": "hello"}')
    listener = server.listen(Serve(port=0))
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        ledger = SqliteLedger(folder / "ledger.db")
        config = parse(CONFIG.encode(), folder / "assay.toml")
        spine = Builder(builtin(), config.local).spine(config, ledger)
        work = asyncio.create_task(server.run(Gateway(spine, config.serve), listener, signals=False))
        await stop.wait()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await spine.close()
        await ledger.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """Kept-alive connections."""
    with requests.Session() as made:
        yield made


@pytest.fixture(scope="module")
def description(url: str, session: requests.Session) -> Any:
    """What the gateway says of itself; its requests name a model that there is."""
    told = session.get(f"{url}/openapi.json", timeout=5).json()
    for name, schema in told["components"]["schemas"].items():
        if name.endswith("-request"):
            schema["properties"]["model"] = {"enum": ["m"]}
    for path in PATHS:  # a deadline that has passed on arrival is answered with 504, and rightly
        parameters = told["paths"][path]["post"]["parameters"]
        parameters[:] = [one for one in parameters if one["name"] != "x-assay-deadline-s"]
    return schemathesis.openapi.from_dict(told)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_the_description_holds(
    description: Any, url: str, session: requests.Session, path: str, mode: GenerationMode
) -> None:
    """Whatever is sent to a path is answered in the form that is described, and never by a fault of ours."""
    operation = description[path]["POST"]

    @fire
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        answer = case.call(base_url=url, session=session, timeout=10)
        case.validate_response(answer, checks=[not_a_server_error, *checks])
        assert len(answer.headers["x-assay-request-id"][0]) == 32

    check()


@pytest.mark.parametrize("path", STREAMED)
def test_a_stream_is_as_described(description: Any, url: str, session: requests.Session, path: str) -> None:
    """The example of each path, streamed: no event contradicts the description."""
    operation = description[path]["POST"]
    content = operation.definition.raw["requestBody"]["content"]["application/json"]
    body = content["example"] | {"model": "m", "stream": True}
    case = operation.Case(body=body, media_type="application/json")
    answer = case.call(base_url=url, session=session, timeout=10)
    assert (answer.status_code, answer.headers["content-type"][0].partition(";")[0]) == (200, "text/event-stream")
    case.validate_response(answer, checks=[not_a_server_error, *checks])


def test_the_gateway_is_alive_after_all_that(url: str, session: requests.Session) -> None:
    """And says so."""
    assert session.get(f"{url}/readyz", timeout=5).status_code == 200
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    answer = session.post(f"{url}/v1/chat/completions", data=json.dumps(body), timeout=5)
    assert answer.json()["choices"][0]["message"]["content"] == "hello"
