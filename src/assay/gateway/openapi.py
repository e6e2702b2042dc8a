"""The gateway's OpenAPI 3.1 description, made from the formats that are registered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from assay import __version__
from assay.dialects.dialect import Inbound
from assay.errors import RequestError
from assay.gateway import feedback, headers, request_schemas
from assay.gateway.request_schemas import Schema

Document = dict[str, Any]
_JSON, _EVENTS = "application/json", "text/event-stream"

REQUEST_HEADERS = {
    headers.KIND: "The kind of work, as suites and pins call it. A pinned route needs it.",
    headers.LABEL: "`private-only`: the request stays on private deployments.",
    headers.SESSION: "Requests of one session get the same arm of a weighted split.",
    headers.TAGS: "What else a route's rules may look at: `tier=gold, team=search`.",
    feedback.HEADER: "What came of earlier answers: `request_id=ID, verdict=accepted`, further ones after `;`.",
    headers.CACHE: "`off`: nothing is read from the route's cache, or kept; `cache-control: no-cache, no-store`.",
    headers.DEADLINE: "Seconds after which the request is cut, whatever it is doing.",
}
ANSWER_HEADERS = {
    "x-assay-request-id": "The id of the request in ledger and log; also under the name that the client's format has.",
    "x-assay-route": "What was called.",
    "x-assay-deployment": "Who answered.",
    "x-assay-model": "Its model.",
    "x-assay-reason": "Why it was chosen.",
    "x-assay-attempts": "How many attempts at deployments were made.",
    "x-assay-tried": "Each of them, and what came of it.",
    "x-assay-cost-usd": "What it cost, of whole answers; `unknown` where nobody knows.",
    "x-assay-cost-basis": "How the cost is known: `measured`, `bound`, `none`, `unknown`.",
    "x-assay-emulated": "Features that the upstream was not told as the client said them.",
    feedback.HEADER: "What was recorded of the feedback in the request's header.",
    "x-assay-cached": "`hit` or `miss`, where the route has a cache; of a hit further headers tell its age and worth.",
    "x-assay-cached-age-s": "How old an answer from the cache is.",
    "x-assay-cached-worth-usd": "What it had cost when it was made.",
    "x-assay-guard": "What guards said: `before words=allow, after personal=revise`.",
    "x-assay-load-s": "Seconds that the request waited for a local engine to start.",
}
_GET = {
    "/v1/models": (
        "Models",
        "What can be called",
        "Deployments and routes. `created` is when they began to be served.",
    ),
    "/healthz": ("Operation", "Whether the process is alive", "With the state of its local engines."),
    "/metrics": ("Operation", "Figures for Prometheus", "Requests, latencies, tokens, cost, faults, breakers."),
    "/openapi.json": ("Operation", "This description", "OpenAPI 3.1."),
}


def describe(dialects: Iterable[Inbound], targets: tuple[str, ...], *, asks_key: bool) -> Document:
    """The description.

    Args:
        dialects: the formats that clients may speak.
        targets: names that can be called: examples of `model`.
        asks_key: whether a key must be shown.
    """
    order = list(request_schemas.TITLES)
    known = sorted(dialects, key=lambda one: order.index(one.name) if one.name in order else len(order))
    paths: Document = {f"/v1{path}": {"post": _call(one, targets)} for one in known for path in one.paths}
    paths |= {path: {"get": _get(*told)} for path, told in _GET.items()}
    paths["/v1/models/{name}"] = {"get": _get("Models", "One model", "404 for a name that nothing has.", named=True)}
    paths["/readyz"] = {"get": _get("Operation", "Whether requests can be answered", "503 with reasons.", busy=True)}
    paths[f"/v1{feedback.PATH}"] = {"post": _feedback()}
    components: Document = {"schemas": {"feedback-request": feedback.SCHEMA}}
    for one in known:
        components["schemas"] |= {_request(one): request_schemas.schema(one.name), _error(one): _error_schema(one)}
    document: Document = {
        "openapi": "3.1.0",
        "info": {
            "title": "assay",
            "version": __version__,
            "summary": "One endpoint before all deployments and routes, in the formats that clients speak.",
        },
        "paths": paths,
        "components": components,
    }
    if asks_key:
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
        }
        for path, operations in paths.items():
            if path.startswith("/v1/") or path == "/metrics":
                next(iter(operations.values()))["security"] = [{"bearer": []}, {"x-api-key": []}]
    return document


def _request(dialect: Inbound) -> str:
    return f"{dialect.name}-request"


def _error(dialect: Inbound) -> str:
    return f"{dialect.name}-error"


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _call(dialect: Inbound, targets: tuple[str, ...]) -> Document:
    error = {
        "description": "An error in the client's own format.",
        "content": {_JSON: {"schema": _ref(_error(dialect))}},
    }
    answer: Document = {
        "description": "The answer; server-sent events of the client's own format where a stream was asked for.",
        "headers": {
            name: {"description": text, "schema": {"type": "string"}}
            for name, text in {dialect.request_id_header: "The id of the request.", **ANSWER_HEADERS}.items()
        },
        "content": {_JSON: {"schema": {"type": "object"}}},
    }
    if "stream" in request_schemas.schema(dialect.name)["properties"]:
        answer["content"][_EVENTS] = {}  # a schema is read as that of the whole stream by some, of one event by others
    example = {"model": targets[0] if targets else "MODEL", **request_schemas.EXAMPLES.get(dialect.name, {})}
    return {
        "tags": ["Calls"],
        "operationId": dialect.name,
        "summary": request_schemas.TITLES.get(dialect.name, dialect.name),
        "parameters": [
            {"name": name, "in": "header", "description": text, "schema": _header_schema(name)}
            for name, text in REQUEST_HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {_JSON: {"schema": _ref(_request(dialect)), "example": example}},
        },
        "responses": {"200": answer, "4XX": error, "5XX": error},
    }


def _feedback() -> Document:
    error = {
        "description": "An error; 404: there is no such request.",
        "content": {_JSON: {"schema": {"type": "object"}}},
    }
    told = {"description": "What was recorded, with its id.", "content": {_JSON: {"schema": {"type": "object"}}}}
    return {
        "tags": ["Feedback"],
        "operationId": "feedback",
        "summary": "What came of an answer",
        "description": "It is kept beside the request; `assay suite from-ledger` makes samples of it.",
        "requestBody": {
            "required": True,
            "content": {_JSON: {"schema": _ref("feedback-request"), "example": feedback.EXAMPLE}},
        },
        "responses": {"200": told, "4XX": error, "5XX": error},
    }


def _header_schema(name: str) -> Schema:
    if name == headers.DEADLINE:
        return {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 86400}
    return {"type": "string", "enum": ["private-only"]} if name == headers.LABEL else {"type": "string"}


def _get(tag: str, summary: str, text: str, *, named: bool = False, busy: bool = False) -> Document:
    kind = "text/plain" if summary.endswith("Prometheus") else _JSON
    shape = {"schema": {"type": "string"} if kind != _JSON else {"type": "object"}}
    told = {"description": text, "content": {kind: shape}}
    error = {"description": "An error.", "content": {_JSON: {"schema": {"type": "object"}}}}
    operation: Document = {
        "tags": [tag],
        "summary": summary,
        "description": text,
        "responses": {"200": told, "4XX": error},
    }
    if named:
        operation["parameters"] = [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}]
    if busy:
        operation["responses"]["503"] = told
    return operation


def _error_schema(dialect: Inbound) -> Schema:
    """The form of a format's errors, read off one that it wrote."""
    written = dialect.write_error(RequestError("temperature must be a number, not a string", field="temperature"))
    return {**_shape(msgspec.json.decode(written.body)), "examples": [msgspec.json.decode(written.body)]}


def _shape(value: Any) -> Schema:
    if isinstance(value, dict):
        properties = {key: _shape(one) for key, one in value.items()}
        return {"type": "object", "required": list(value), "properties": properties}
    return {"type": ["string", "null"]} if isinstance(value, str) else {}
