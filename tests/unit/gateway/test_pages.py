"""What the gateway says without a model: lists, health, figures, its description."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import Any

import aiohttp
import pytest

from assay.errors import AuthFailed, LedgerError
from assay.gateway.asgi import inbound_dialects
from assay.gateway.request_schemas import SCHEMAS, TITLES
from assay.ledger.store import SqliteLedger

Served = Any  # of this folder's conftest
ANTHROPIC = {"anthropic-version": "2023-06-01"}


async def fetch(
    served: Served, path: str, headers: dict[str, str] | None = None, method: str = "GET"
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one request without a body."""
    url = f"http://127.0.0.1:{served.port}{path}"
    async with aiohttp.ClientSession() as session, session.request(method, url, headers=headers) as answer:
        return answer.status, {k.lower(): v for k, v in answer.headers.items()}, await answer.read()


async def fetch_json(served: Served, path: str, headers: dict[str, str] | None = None) -> Any:
    """The JSON of a page that must be there."""
    status, _, body = await fetch(served, path, headers)
    assert status == 200, body
    return json.loads(body)


# -------------------------------------------------------------------------------------------- models


async def test_models_are_listed_in_the_clients_form(served: Served) -> None:
    """OpenAI's form; Anthropic's for clients that name its version. Routes and deployments are in both."""
    openai = await fetch_json(served, "/v1/models")
    names = [model["id"] for model in openai["data"]]
    assert names == ["small", "other", "abroad", "keyless", "desk"]
    assert all(model["object"] == "model" and model["created"] > 1_700_000_000 for model in openai["data"])
    anthropic = await fetch_json(served, "/v1/models", ANTHROPIC)
    assert [model["id"] for model in anthropic["data"]] == names
    assert (anthropic["has_more"], anthropic["first_id"], anthropic["last_id"]) == (False, "small", "desk")
    for model in anthropic["data"]:
        assert (model["type"], model["display_name"]) == ("model", model["id"])
        assert datetime.fromisoformat(model["created_at"]).timestamp() == openai["data"][0]["created"]


async def test_pages_of_anthropics_list(served: Served) -> None:
    """`limit`, `after_id` and `before_id` walk through the list in both directions."""
    first = await fetch_json(served, "/v1/models?limit=2", ANTHROPIC)
    assert ([one["id"] for one in first["data"]], first["has_more"]) == (["small", "other"], True)
    rest = await fetch_json(served, "/v1/models?limit=9&after_id=other", ANTHROPIC)
    assert ([one["id"] for one in rest["data"]], rest["has_more"]) == (["abroad", "keyless", "desk"], False)
    back = await fetch_json(served, "/v1/models?limit=1&before_id=abroad", ANTHROPIC)
    assert ([one["id"] for one in back["data"]], back["has_more"]) == (["other"], True)
    for query in ("limit=0", "limit=x", "limit=99999999999", "after_id=nobody"):
        assert (await fetch(served, f"/v1/models?{query}", ANTHROPIC))[0] == 400


async def test_one_model(served: Served) -> None:
    """By its name, in both forms; an unknown one is told with the nearest."""
    assert (await fetch_json(served, "/v1/models/desk"))["id"] == "desk"
    assert (await fetch_json(served, "/models/desk", ANTHROPIC))["type"] == "model"
    status, _, body = await fetch(served, "/v1/models/smal")
    assert status == 404
    assert json.loads(body)["error"]["code"] == "model_not_found"
    assert "did you mean 'small'?" in json.loads(body)["error"]["message"]


@pytest.mark.parametrize("prefix", ["", "/v1", "/v1/v1"])
async def test_the_base_url_may_end_in_v1_or_not(served: Served, prefix: str) -> None:
    """Some SDKs put `/v1` before their paths, some expect it in the base URL: either works."""
    body = {"model": "small", "messages": [{"role": "user", "content": "x"}]}
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{served.port}{prefix}/chat/completions"
        async with session.post(url, json=body) as answer:
            assert answer.status == 200


# --------------------------------------------------------------------------------------------- paths


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/chat/completions", "POST"),
        ("OPTIONS", "/v1/chat/completions", "POST"),
        ("POST", "/v1/models", "GET, HEAD"),
        ("DELETE", "/v1/models/small", "GET, HEAD"),
        ("PUT", "/metrics", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_tells_the_right_one(served: Served, method: str, path: str, allowed: str) -> None:
    """405 with `allow`; a browser's preflight gets no leave."""
    status, headers, body = await fetch(served, path, {"origin": "http://localhost:3000"}, method)
    assert (status, headers["allow"]) == (405, allowed)
    assert json.loads(body)["error"]["message"].startswith(f"{path} takes {allowed.split(', ')[0]}")
    assert not any(name.startswith("access-control-") for name in headers)


@pytest.mark.parametrize("path", ["/v1/foo", "/foo", "/v1/v1/chat", "/v1"])
async def test_a_wrong_path_is_named_as_it_was_asked(served: Served, path: str) -> None:
    """With its `/v1`: who reads the message finds the URL that they wrote."""
    status, _, body = await fetch(served, path)
    assert (status, f"there is nothing at {path};" in json.loads(body)["error"]["message"]) == (404, True)


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/v1/models", "/metrics", "/docs", "/openapi.json"])
async def test_head_is_get_without_a_body(served: Served, path: str) -> None:
    """Monitors ask so."""
    status, headers, body = await fetch(served, path, method="HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 10


async def test_errors_carry_the_id_of_the_request(served: Served) -> None:
    """What went wrong before a model was asked has an id, too, under both names."""
    for path in ("/v1/nothing", "/v1/chat/completions"):
        _, headers, _ = await fetch(served, path)
        assert len(headers["x-assay-request-id"]) == 32
        assert headers["x-request-id"] == headers["x-assay-request-id"]


@pytest.mark.skipif("anthropic" not in inbound_dialects(), reason="the format is not registered")
async def test_an_unknown_path_is_told_in_the_form_that_the_client_speaks(served: Served) -> None:
    """A client that names Anthropic's version gets Anthropic's form."""
    status, headers, body = await fetch(served, "/v1/complete", ANTHROPIC)
    assert status == 404
    assert json.loads(body)["type"] == "error"
    assert len(headers["request-id"]) == 32


# -------------------------------------------------------------------------------------------- health


async def test_ready_says_of_each_deployment_whether_it_can_be_asked(served: Served) -> None:
    """One that can be asked is enough; what stands in the way of others is told."""
    ready = await fetch_json(served, "/readyz")
    assert (ready["status"], ready["ledger"], ready["reasons"]) == ("ready", "ok", [])
    assert ready["deployments"]["small"] == {"ready": True, "breaker": "closed", "reason": None, "retry_after_s": None}
    assert ready["deployments"]["keyless"]["ready"] is False
    assert "ASSAY_TEST_NO_SUCH_KEY" in ready["deployments"]["keyless"]["reason"]
    assert "desk" not in ready["deployments"]


async def test_a_blank_variable_holds_no_key(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """White space is no key, as it is none when the deployment is called."""
    monkeypatch.setenv("ASSAY_TEST_NO_SUCH_KEY", " ")
    assert (await fetch_json(served, "/readyz"))["deployments"]["keyless"]["ready"] is False


async def test_not_ready_when_nothing_can_be_asked(served: Served) -> None:
    """503 with the reasons, each deployment's and the whole."""
    for name in ("small", "other", "abroad"):
        served.spine.targets[name].missing = AuthFailed("its weights are gone")
    status, _, body = await fetch(served, "/readyz")
    assert (status, json.loads(body)["reasons"]) == (503, ["no deployment can be asked"])
    assert json.loads(body)["deployments"]["small"]["reason"] == "its weights are gone"


async def test_a_deployment_whose_host_is_left_alone_is_not_ready(served: Served) -> None:
    """The circuit breaker's state is told, with when it will be tried again."""
    await served.ask("busy")  # asks for a pause of 7 s
    state = (await fetch_json(served, "/readyz"))["deployments"]["small"]
    assert (state["ready"], state["breaker"]) == (False, "open")
    assert 0 < state["retry_after_s"] <= 7
    figures = (await fetch(served, "/metrics"))[2].decode()
    assert 'assay_breaker_state{deployment="small"} 2.0' in figures
    assert 'assay_breaker_state{deployment="other"} 0.0' in figures


async def test_not_ready_when_the_ledger_cannot_be_written(served: Served, ledger: SqliteLedger) -> None:
    """What cannot be recorded is not sent, so the gateway is not ready; it stays alive."""
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as other:
        other.execute("alter table sessions rename to elsewhere")
        with pytest.raises(LedgerError):
            await ledger.touch()
        status, _, body = await fetch(served, "/readyz")
        assert status == 503
        [reason] = json.loads(body)["reasons"]
        assert reason.count("the ledger cannot be written") == 1
        assert (await fetch(served, "/healthz"))[0] == 200
        other.execute("alter table elsewhere rename to sessions")


async def test_strangers_are_told_nothing_of_this_machine(serving: Callable[..., Any]) -> None:
    """Open pages of a gateway that other machines reach name no file, variable, fault, deployment or engine."""
    async with serving(host="0.0.0.0", allow_no_key=True) as served:  # noqa: S104 - what is tested
        assert "engines" not in await fetch_json(served, "/healthz")
        ready = await fetch_json(served, "/readyz")
        assert ready["deployments"] == {"ready": 3, "all": 4}


# ------------------------------------------------------------------------------------------- figures


async def test_figures_of_what_was_served(served: Served) -> None:
    """Requests by outcome, times, tokens, cost and faults, by names of the configuration."""
    await served.ask("one two")
    await served.ask("fail now")
    await served.ask("x", model="nobody-knows-this")
    await served.ask("x", model="desk")  # names no kind
    await served.post("/chat/completions", b"{")
    text = (await fetch(served, "/metrics"))[2].decode()
    labels = 'dialect="openai",outcome="{}",status="{}",target="{}"'
    for deployment, outcome, status, target, count in [
        ("small", "answered", 200, "small", 1),
        ("-", "failed", 502, "small", 1),
        ("-", "rejected", 404, "-", 1),
        ("-", "rejected", 400, "-", 1),
        ("-", "refused", 403, "desk", 1),
    ]:
        wanted = f'assay_requests_total{{deployment="{deployment}",{labels.format(outcome, status, target)}}} {count}.0'
        assert wanted in text
    assert 'assay_request_seconds_count{dialect="openai",target="small"} 2.0' in text
    assert 'assay_first_byte_seconds_count{dialect="openai",target="desk"} 1.0' in text
    assert 'assay_first_token_seconds_count{deployment="small"} 1.0' in text
    assert 'assay_tokens_total{deployment="small",direction="input"} 2.0' in text
    assert 'assay_tokens_total{deployment="small",direction="output"} 4.0' in text
    assert 'assay_cost_usd_total{basis="measured",deployment="small"}' in text
    assert 'assay_upstream_errors_total{deployment="small",error="ProviderFault"} 1.0' in text
    assert "assay_requests_in_flight 1.0" in text  # the one that asks
    assert re.search(r"assay_connections [1-9]", text)
    assert "assay_ledger_waiting_writes 0.0" in text


async def test_clients_cannot_make_new_labels(served: Served) -> None:
    """A thousand made-up names are one line of figures."""
    before = len((await fetch(served, "/metrics"))[2].splitlines())
    for number in range(20):
        await served.ask("x", {"x-assay-kind": f"kind-{number}"}, model=f"made-up-{number}")
    text = (await fetch(served, "/metrics"))[2].decode()
    assert "made-up" not in text
    assert "kind-" not in text
    assert len(text.splitlines()) - before < 10


# --------------------------------------------------------------------------------------- description


async def test_the_description_has_every_path_that_is_served(served: Served) -> None:
    """OpenAPI 3.1 with each registered format, its request and error, and the pages."""
    told = await fetch_json(served, "/openapi.json")
    assert told["openapi"] == "3.1.0"
    wanted = {f"/v1{path}" for dialect in inbound_dialects().values() for path in dialect.paths}
    pages = {"/v1/models", "/v1/models/{name}", "/healthz", "/readyz", "/metrics", "/openapi.json", "/v1/feedback"}
    assert set(told["paths"]) == wanted | pages
    call = told["paths"]["/v1/chat/completions"]["post"]
    assert {one["name"] for one in call["parameters"]} >= {"x-assay-kind", "x-assay-label", "x-assay-deadline-s"}
    assert "x-assay-deployment" in call["responses"]["200"]["headers"]
    assert "x-request-id" in call["responses"]["200"]["headers"]
    assert "security" not in call
    for path in told["paths"].values():
        for operation in path.values():
            assert "200" in operation["responses"]


def test_every_format_of_ours_is_described() -> None:
    """What is registered has a schema, a title and an example, so that the page shows no bare name."""
    ours = {name for name, one in inbound_dialects().items() if type(one).__module__.startswith("assay.")}
    assert ours <= set(SCHEMAS)
    assert set(SCHEMAS) == set(TITLES)


async def test_examples_of_the_description_are_valid_requests(served: Served) -> None:
    """Each can be sent as it stands; what it comes to depends on the model alone."""
    told = await fetch_json(served, "/openapi.json")
    for path, methods in told["paths"].items():
        if "post" in methods:
            example = methods["post"]["requestBody"]["content"]["application/json"]["example"]
            status, _, data = await served.post(path.removeprefix("/v1"), example)
            assert status == 200 or b"embeddings" in data or b"no request has this id" in data, (path, data)


async def test_the_page_for_people_loads_nothing(served: Served) -> None:
    """One HTML page with its style inside, under a policy that forbids everything else."""
    status, headers, body = await fetch(served, "/docs")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert headers["content-security-policy"].startswith("default-src 'none'")
    text = body.decode()
    assert "/v1/chat/completions" in text
    assert f"http://127.0.0.1:{served.port}/v1" in text
    assert not re.search(r"<script|<link|<img|@import|url\(", text)


async def test_a_made_up_host_is_not_put_into_the_page(served: Served) -> None:
    """The page's examples use the address that the reader used, if it is one."""
    _, _, body = await fetch(served, "/docs", {"host": "x<script>alert(1)</script>"})
    assert b"<script" not in body
    assert b"127.0.0.1:8080" in body
