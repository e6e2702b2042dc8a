"""`/docs`: the OpenAPI description as a page for people, in one piece: nothing is loaded, nothing is run."""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import Any

from assay.gateway.openapi import ANSWER_HEADERS, REQUEST_HEADERS, Document

HEADERS = (
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]{1,255}")
_OUTCOMES = (
    ("400", "The request is wrong; the message names the field."),
    ("401", "A key is needed, or the one shown is not valid."),
    ("403", "A key, policy or hard constraint says no: another's route, an unproven kind, private data, a licence."),
    ("404", "No model has this name (the nearest one is told), or there is nothing at this path."),
    ("405", "The path takes another method: see <code>allow</code>."),
    ("408", "The head or body of the request took too long."),
    ("413, 415, 431", "The body is too large, its encoding is not known, or the head is too large."),
    ("429", "A rate of the key or upstream, with <code>retry-after</code>; or no budget holds what it may cost."),
    ("502, 503, 504", "No upstream answered: a fault, no key for it, no capacity, out of time."),
)


def render(document: Document, host: str) -> bytes:
    """The page.

    Args:
        document: from `openapi.describe`.
        host: how the reader reached the gateway, for the examples.
    """
    base = f"http://{host if _HOST.fullmatch(host) else '127.0.0.1:8080'}"
    style = Path(__file__).with_name("reference.css").read_text(encoding="utf-8")
    info = document["info"]
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>assay: the gateway</title>
<style>
{style}</style>
</head>
<body>
<main>
<header>
<h1>assay<span class="version">{escape(info["version"])}</span></h1>
<p class="lead">{escape(info["summary"])}</p>
<p class="quiet">Machines read <a href="/openapi.json">/openapi.json</a>.</p>
</header>
{_clients(base, document)}
{_operations(base, document)}
<h2>Headers that a request may carry</h2>
{_table(REQUEST_HEADERS)}
<h2>Headers of an answer</h2>
{_table(ANSWER_HEADERS)}
<h2>Errors</h2>
<p>Each comes in the form of the client's own format. Inside a stream that has begun, the last event is an error.</p>
<table><tbody>{"".join(f"<tr><th>{status}</th><td>{text}</td></tr>" for status, text in _OUTCOMES)}</tbody></table>
</main>
</body>
</html>
"""
    return page.encode()


def _clients(base: str, document: Document) -> str:
    """How existing clients are pointed here."""
    key = "KEY" if "securitySchemes" in document["components"] else "none"
    clients = {"OpenAI's SDK": _snippet("OpenAI", f"{base}/v1", key)}
    if "/v1/messages" in document["paths"]:
        clients["Anthropic's SDK"] = _snippet("Anthropic", base, key)
    boxes = "".join(f"<div><h3>{escape(name)}</h3><pre>{escape(code)}</pre></div>" for name, code in clients.items())
    return f'<h2>Point a client here</h2><p>Only the base URL changes.</p><div class="clients">{boxes}</div>'


def _snippet(maker: str, url: str, key: str) -> str:
    return f'{maker}(\n    base_url="{url}",\n    api_key="{key}",\n)'


def _operations(base: str, document: Document) -> str:
    groups: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            told = _operation(base, path, method, operation, document)
            groups.setdefault(operation["tags"][0], []).append(told)
    return "".join(f"<h2>{escape(name)}</h2>{''.join(items)}" for name, items in groups.items())


def _operation(base: str, path: str, method: str, operation: dict[str, Any], document: Document) -> str:
    inside = f"<p>{_text(operation['description'])}</p>" if operation.get("description") else ""
    example = None
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]["application/json"]
        example = content["example"]
        inside += _fields(document["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]])
    inside += f"<h3>Example</h3><pre>{escape(_curl(base, path, operation, example))}</pre>"
    return (
        f'<details><summary><span class="method {method}">{method.upper()}</span><code>{escape(path)}</code>'
        f'<span class="quiet">{escape(operation["summary"])}</span></summary>{inside}</details>'
    )


def _fields(schema: dict[str, Any]) -> str:
    rows = []
    for name, field in schema["properties"].items():
        kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
        needed = ' <span class="needed">needed</span>' if name in schema["required"] else ""
        kind = " or ".join(one for one in kinds if one != "null")
        rows.append(
            f'<tr><th><code>{escape(name)}</code>{needed}</th><td class="type">{escape(kind)}</td>'
            f"<td>{_text(field['description'])}</td></tr>"
        )
    return f"<table><tbody>{''.join(rows)}</tbody></table>"


def _curl(base: str, path: str, operation: dict[str, Any], example: dict[str, Any] | None) -> str:
    parts = [f"curl {base}{path}".replace("{name}", "NAME")]
    if "security" in operation:
        parts.append("-H 'authorization: Bearer KEY'")
    if example is not None:
        parts += ["-H 'content-type: application/json'", "-d '" + json.dumps(example).replace("'", "'\\''") + "'"]
    return " \\\n  ".join(parts)


def _table(rows: dict[str, str]) -> str:
    cells = "".join(
        f"<tr><th><code>{escape(name)}</code></th><td>{_text(text)}</td></tr>" for name, text in rows.items()
    )
    return f"<table><tbody>{cells}</tbody></table>"


def _text(text: str) -> str:
    """A description, with its `code` set as such."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))
