"""Recorded answers of real providers, served again by the measuring harness beside the checkout."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.wire import shared
from benchmarks.wire_formats import load

DATA, HARNESS = shared() / "data" / "wire", shared() / "measure" / "wire"
HERE = DATA.is_dir() and HARNESS.is_dir()

UPSTREAMS = {
    "openai": ("chat/completions",),
    "openai-responses": ("responses",),
    "anthropic": ("messages",),
    "gemini": ("generateContent", "streamGenerateContent"),
}
"""Dialect of a deployment -> endpoints whose recordings it is played."""
FEATURES = ("text", "tools", "parallel", "image", "json_schema", "thinking", "refusal", "truncated", "cached", "error")
_FLAGS = {
    "tools": "tool_call_out", "parallel": "parallel_out", "image": "image_in", "json_schema": "json_schema",
    "thinking": "reasoning_out", "truncated": "truncated", "cached": "cache_usage",
}  # fmt: skip
_BASES = {"gemini": "/v1beta"}
_FINISH = {"function_call": "tool_calls", "eos": "stop", "model_length": "length", "completed": "stop", None: "stop"}
_NUMBERS = ("input", "output", "total", "cached", "reason_tok")

Recording = dict[str, Any]
Canonical = dict[str, Any]


def canon() -> Any:
    """The independent reader."""
    return load(HARNESS / "canon.py")


def pick(records: list[Recording], dialect: str, feature: str, *, stream: bool, most: int) -> list[Recording]:
    """Some recordings of a dialect that show a feature, from as many providers as there are."""
    found: dict[str, list[Recording]] = {}
    for record in records:
        if record["endpoint"] not in UPSTREAMS[dialect] or record["stream"] is not stream:
            continue
        if _shows(record, feature):
            found.setdefault(record["provider"], []).append(record)
    turns = (one for row in _columns(found) for one in row)
    return [record for record, _ in zip(turns, range(most), strict=False)]


def _columns(found: dict[str, list[Recording]]) -> Iterator[list[Recording]]:
    for place in range(max(map(len, found.values()), default=0)):
        yield [rows[place] for _, rows in sorted(found.items()) if place < len(rows)]


def _shows(record: Recording, feature: str) -> bool:
    body = record.get("response_body")
    if not isinstance(body, str) or not body.strip():
        return False
    if feature == "error":
        return record["status"] >= 400
    if record["endpoint"] == "messages" and "data: [DONE]" in body:
        return False  # an end that only chat has: Anthropic's SDK breaks on it, with or without a gateway
    if record["status"] != 200 or {"server_tool", "n>1"} & set(record["features"]):
        return False
    read = canon().upstream(record)
    if read is None or read.get("err") or read.get("iterations") or not _readable(read):
        return False
    if feature == "refusal":
        return bool(read["refusal"]) or read["finish"] == "content_filter"
    if feature == "text":
        return bool(read["text"]) and not read["tools"]
    return _FLAGS[feature] in record["features"]


def _readable(read: Canonical) -> bool:
    """Whether the reader and the SDKs make sense of it: it ends in a word, and its calls are whole and in one place."""
    if not isinstance(read["finish"], str):
        return False
    if read.get("arg_deltas") and not read["tools"]:  # a last event that leaves out what was streamed
        return False
    return not any(isinstance(tool[2], dict) and "_unparsed" in tool[2] for tool in read["tools"])


def changes_its_id(record: Recording) -> bool:
    """Whether a recorded stream of Responses names its answer twice, differently: the SDK refuses that."""
    events = canon().sse(record["response_body"]) if record["stream"] else ()
    return len({event["response"].get("id") for event in events if isinstance(event.get("response"), dict)}) > 1


def wrong_fields(want: Canonical, got: Canonical) -> dict[str, tuple[Any, Any]]:
    """What is not in `got` as it is in `want`, by field; tokens count where the upstream told them."""
    pairs: dict[str, tuple[Any, Any]] = {
        "text": (want["text"], got["text"]),
        "tools": (_calls(want), _calls(got)),
        "finish": (_finish(want), _finish(got)),
        "reasoning": (want["reasoning"], got["reasoning"]),
    }
    if want["refusal"]:
        pairs["refusal"] = (want["refusal"], got["refusal"] or got["text"])
        del pairs["text"]  # Messages have no other place for the words of a refusal, but a word for its end
        if got["finish"] == "content_filter":
            del pairs["finish"]
    for number in _NUMBERS:
        if want[number]:
            pairs[number] = (want[number], got[number])
    if want["sig"]:
        missing = [secret for secret in want["sig"] if secret not in json.dumps(got["raw"])]
        pairs["signatures"] = ([], missing)
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _calls(read: Canonical) -> list[tuple[str, Any]]:
    return [(name, arguments or {}) for _, name, arguments in read["tools"]]


def _finish(read: Canonical) -> str:
    """In one vocabulary; the reader of Responses says `tool_calls` also where the answer was cut after a call."""
    word = _FINISH.get(read["finish"], read["finish"])
    return "tool_calls" if read["tools"] and word == "length" else word


@contextmanager
def replaying(folder: Path) -> Iterator[str]:
    """The replay server; gives its address."""
    command = [sys.executable, str(HARNESS / "replay.py"), "--port", "0", str(DATA)]
    port = _free_port()
    command[3] = str(port)
    with (folder / "replay.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield _until_up(f"http://127.0.0.1:{port}", "/__ids?provider=none", process)
        finally:
            process.terminate()
            process.wait(10)


@contextmanager
def serving(folder: Path, config: str) -> Iterator[str]:
    """`assay serve` with a configuration; gives its address."""
    (folder / "assay.toml").write_text(config)
    port = _free_port()
    command = [sys.executable, "-m", "assay", "serve", "--port", str(port)]
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            yield _until_up(f"http://127.0.0.1:{port}", "/healthz", process)
        finally:
            process.terminate()
            process.wait(20)


def deployments(records: dict[str, list[Recording]], replay: str, chunks: str = "event") -> str:
    """A configuration with one deployment for each recording, by its id."""
    lines = []
    for dialect, found in records.items():
        for record in {record["id"]: record for record in found}.values():
            base = f"{replay}/x/{record['id']}~{chunks}{_BASES.get(dialect, '/v1')}"
            lines.append(
                f'[deployments."{record["id"]}"]\nmodel = "x/recorded"\ndialect = "{dialect}"\nbase_url = "{base}"\n'
                "retries = 0\n"
            )
    return "\n".join(lines)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _until_up(url: str, path: str, process: subprocess.Popen[bytes], within_s: float = 60.0) -> str:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        assert process.poll() is None, f"it ended with {process.returncode}"
        try:
            with urllib.request.urlopen(url + path, timeout=5):  # noqa: S310 - loopback
                return url
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"nothing answers at {url}")
