"""Suites that show images, sounds and documents, against what real hosts answered to just such requests.

The file of a recorded request becomes the file of a suite, and the recording plays its host: the host must be sent the
same bytes in its own form, and its recorded answer must be graded.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from assay.evals.runs.runner import Runner
from assay.evals.suites.suite import read_suite
from assay.inference.spine import Spine

pytestmark = pytest.mark.shared

TOML = """
name = "seen"
version = "1"
[kinds.look]
samples = "look.jsonl"
graders = [{ check = "regex", ignore_case = true }]
"""
CASES = [
    ("openai", "chat/completions", "image/png", "png", "image"),
    ("openai", "chat/completions", "mp3", "mp3", "audio"),
    ("openai-responses", "responses", "image/png", "png", "image"),
    ("anthropic", "messages", "image/jpeg", "jpg", "image"),
    ("anthropic", "messages", "application/pdf", "pdf", "document"),
    ("gemini", "generateContent", "image/png", "png", "image"),
    ("gemini", "generateContent", "audio/mpeg", "mp3", "audio"),
]
MEDIA = re.compile(r'"(?:data:[\w/]+;base64,)?([A-Za-z0-9+/]{100,}={0,2})"')


@pytest.fixture(scope="module")
def recordings() -> list[dict[str, Any]]:
    """The recorded exchanges that were not streamed and went well."""
    shared = Path(os.environ.get("ASSAY_SHARED") or Path(__file__).parents[3] / "shared")
    folder = shared / "data" / "wire"
    if not folder.is_dir():
        pytest.skip(f"no recordings at {folder}; set ASSAY_SHARED")
    return [one for one in _all(folder) if one["status"] == 200 and not one["stream"]]


def _all(folder: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def shows(record: dict[str, Any], endpoint: str, media: str) -> bool:
    """Whether a recorded request is one message of the user with just one file of that kind."""
    body = record["request_body"]
    turns = (body.get("messages") or body.get("contents") or body.get("input")) if isinstance(body, dict) else None
    if record["endpoint"] != endpoint or not isinstance(turns, list):
        return False
    text = json.dumps(turns)
    said = [turn for turn in turns if turn.get("role") not in ("system", "developer")]
    return f"{media}" in text and len(MEDIA.findall(text)) == 1 and all(turn.get("role") == "user" for turn in said)


@pytest.mark.parametrize(("dialect", "endpoint", "media", "ending", "piece"), CASES)
async def test_a_recorded_host_sees_the_file_and_its_answer_is_graded(
    recordings: list[dict[str, Any]], make_spine: Callable[..., Spine], tmp_path: Path,
    dialect: str, endpoint: str, media: str, ending: str, piece: str,
) -> None:  # fmt: skip
    """The same bytes arrive in the host's own form; a word of the recorded answer passes and another does not."""
    record = next((one for one in recordings if shows(one, endpoint, media)), None)
    if record is None:
        pytest.skip(f"no recording of {endpoint} with {media}")
    (data,) = MEDIA.findall(json.dumps(record["request_body"]))
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / f"file.{ending}").write_bytes(base64.b64decode(data))
    (folder / "suite.toml").write_text(TOML)
    shown = [{"text": "What is it?"}, {piece: f"file.{ending}"}]
    lines = [{"id": "right", "input": shown, "target": r"\w"}, {"id": "wrong", "input": shown, "target": "xyzzyx"}]
    (folder / "look.jsonl").write_text("\n".join(map(json.dumps, lines)))

    bodies: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        bodies.append(await request.text())
        return web.Response(text=record["response_body"], content_type="application/json")

    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/{path:.*}", answer)
    server = web.AppRunner(app)
    await server.setup()
    try:
        await web.TCPSite(server, "127.0.0.1", 0).start()
        port = server.addresses[0][1]
        host = f'dialect = "{dialect}"\nbase_url = "http://127.0.0.1:{port}/v1"'
        spine = make_spine(f'[deployments.m]\nmodel = "x/m"\nretries = 0\n{host}\n')
        suite = read_suite(folder)
        runner = Runner(spine, suite)
        run = await runner.open("m")
        await runner.evaluate(run, suite.samples)
        values = {row.sample_id: row.value for row in await spine.ledger.results(run.row.id)}
    finally:
        await server.cleanup()
    assert bodies
    assert all(data in body for body in bodies)
    assert values == {"right": 1.0, "wrong": 0.0}
