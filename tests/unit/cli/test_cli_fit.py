"""`assay fit` from the command line: lists, pages, JSON, exit codes and what a mistake is told."""

from __future__ import annotations

import asyncio
import io
import re
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from assay.ledger.measurements import add_measurement
from assay.ledger.rows import MeasurementRow
from assay.ledger.store import SqliteLedger
from assay.weights.digest import sha256_of
from fit_facts import TINY, a_file

Project = Any  # of this folder's conftest

OWN = """
as_of = "2026-11-01"
[sources.s]
title = "made up"
[devices.box]
name = "Box"
maker = "me"
kind = "gpu"
memory_gib = 8
bandwidth_gb_s = 100
tflops = 10
watts = 100
evidence = "s"
"""


@pytest.fixture
def box(project: Project, monkeypatch: pytest.MonkeyPatch) -> str:
    """A device of one's own; digests and headers are remembered in the project's folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(project.folder / "cache"))
    (project.folder / "box.toml").write_text(OWN)
    return "box.toml"


def test_the_list_has_every_open_model_the_best_first(project: Project, box: str) -> None:
    """What fits stands before what does not, and what is unknown names the fact."""
    ended = project.inside("fit", "--device", box, "--json")
    assert ended.code == 0, ended.err
    rows, device = ended.json["models"], ended.json["device"]
    assert (device["name"], device["memory_bytes"], device["doubt"]) == ("Box", 8 << 30, 1.0)
    assert len(rows) > 100
    order = [("fits", "tight", "no", "unknown").index(row["verdict"]) for row in rows]
    assert order == sorted(order)
    assert all(row["total_bytes"] <= device["usable_bytes"] for row in rows if row["verdict"] == "fits")
    assert all(row["missing"] for row in rows if row["verdict"] == "unknown")
    text = project.inside("fit", "--device", box).out
    assert text.startswith("Box: 8.0 GiB, 7.6 usable, 100 GB/s\n  made up, 2026-11-01\n")


def test_who_says_so_is_folded(project: Project) -> None:
    """A device with three sources fills a few lines, not one that leaves the terminal."""
    text = project.inside("fit", "--device", "rtx4090").out
    assert max(len(line) for line in text.split("\n\n")[0].splitlines()) <= 110


def test_a_page_says_everything_of_one_model(project: Project, box: str) -> None:
    """Bars that add up, limits, speed with its basis, licence, privacy, power, support, failures, formats."""
    ended = project.inside("fit", "llama-3.1-8b-instruct", "-d", box, "--context", "4096", "--concurrency", "2")
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[0] == "meta-llama/llama-3.1-8b-instruct on Box: FITS"
    bar = next(line for line in lines if "memory" in line and "|" in line)
    assert len(bar[bar.index("|") + 1 : -1]) in range(59, 62)
    for said in ("weights", "cache", "free", "2 x 4,096 tokens", "at most", "tokens/s", "formula: 0.58", "first token",
                 "licence     llama3.1: allowed", "private where the device is yours", "100 W under load", "support",
                 "if it fails degraded", "fallback:", "Q4_K_M"):  # fmt: skip
        assert said in ended.out
    assert "\x1b" not in ended.out


def test_json_of_a_model_has_stable_keys(project: Project, box: str) -> None:
    """Parts of the memory and what is free add up to what may be used."""
    [row] = project.inside("fit", "qwen2.5-0.5b-instruct", "-d", box, "--json").json["models"]
    parts = ("weights_bytes", "cache_bytes", "compute_bytes", "overhead_bytes", "free_bytes")
    assert sum(row[part] for part in parts) == int((8 << 30) * 0.95)
    assert set(row["decode_tok_s"]) == {"value", "low", "high", "method"}
    assert row["licence"]["verdict"] == "allowed"
    assert row["options"][0]["total_bytes"] > row["options"][-1]["total_bytes"]
    assert row["burden"]["engines"]
    assert row["failures"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("qwen2.5-0.5b-instruct",), 0),
        (("qwen2.5-72b-instruct",), 1),
        (("qwen2.5-0.5b-instruct", "--context", "1000000"), 1),
        (("gpt-4o",), 1),
    ],
)
def test_exit_codes_are_the_verdict(project: Project, box: str, words: tuple[str, ...], code: int) -> None:
    """0 it fits, 1 it does not."""
    assert project.inside("fit", *words, "-d", box).code == code


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("qwen2.5-0.5b-instrct",), "did you mean 'qwen2.5-0.5b-instruct'"),
        (("--device", "rtx4900"), "did you mean 'rtx4090'"),
        (("qwen2.5-0.5b-instruct", "--quantisation", "q4_k_mm"), "did you mean 'q4_k_m'"),
        (("none.gguf",), "No such file"),
        (("good",), "no local engine"),
        (("--measure",), "--measure needs a NAME"),
        (("qwen2.5-0.5b-instruct", "--measure", "-d", "rtx4090"), "not on 'rtx4090'"),
        (("--context", "0"), "0 is not in the range"),
        (("-d", "rtx4090", "-d", "l4"), "one at a time, not rtx4090, l4"),
    ],
)
def test_a_mistake_is_named(project: Project, box: str, words: tuple[str, ...], said: str) -> None:
    """Exit code 2 or 3, the value, and the nearest that is known."""
    ended = project.inside("fit", *(words if "-d" in words or "--device" in words else (*words, "-d", box)))
    assert ended.code in (2, 3)
    assert said in ended.err


def test_large_figures_are_grouped(project: Project, box: str) -> None:
    """A context that nothing holds is told in figures that can be read."""
    text = project.inside("fit", "llama-3.1-8b-instruct", "-d", box, "--context", str(10**12)).out
    assert "not 1,000,000,000,000" in text
    assert " 122,070,312.50 GiB" in text
    assert not re.search(r"\d{5}\.\d", text)


def test_a_file_is_exact(project: Project, box: str) -> None:
    """Its header says what it holds, and names it."""
    a_file(project.folder / "tiny.gguf")
    [row] = project.inside("fit", "tiny.gguf", "-d", box, "--context", "512", "--json").json["models"]
    assert (row["model"], row["weights_bytes"], row["quantisation"]) == ("file/tiny", 256, "F32")
    assert row["cache_bytes"] == 4 * 2 * 2 * 8 * 2 * 512
    assert row["memory_basis"] == "formula; header of tiny.gguf"
    (project.folder / "broken.gguf").write_bytes(b"GGUFnonsense")
    assert project.inside("fit", "broken.gguf", "-d", box).code == 3


def test_a_file_without_tensors_is_unknown(project: Project, box: str) -> None:
    """The first of several files may hold none: what nobody has weighed does not fit."""
    a_file(project.folder / "head.gguf", tensors={})
    [row] = project.inside("fit", "head.gguf", "-d", box, "--context", "512", "--json").json["models"]
    assert (row["verdict"], row["missing"]) == ("unknown", ["the tensors of its weights"])
    assert "not known: the tensors of its weights" in project.inside("fit", "head.gguf", "-d", box).out


def test_a_local_deployment_can_be_named(project: Project, box: str) -> None:
    """Its weights are what is fitted."""
    a_file(project.folder / "tiny.gguf")
    with (project.folder / "assay.toml").open("a") as file:
        file.write('\n[deployments.mine]\nmodel = "x/tiny"\ndialect = "local"\nweights = "tiny.gguf"\n')
    [row] = project.inside("fit", "mine", "-d", box, "--json").json["models"]
    assert row["weights_bytes"] == 256


def test_constraints_judge_the_licence(project: Project, box: str) -> None:
    """Of the configuration; the term that decides is named."""
    with (project.folder / "assay.toml").open("a") as file:
        file.write('\n[constraints]\ncommercial = true\nregion = "eu"\n')
    ended = project.inside("fit", "coherelabs/c4ai-command-r-v01", "-d", box, "--json")
    [row] = ended.json["models"]
    assert (row["licence"]["verdict"], row["licence"]["term"]) == ("forbidden", "commercial_use")


async def _keep(path: Path, row: MeasurementRow) -> None:
    ledger = SqliteLedger(path)
    await add_measurement(ledger, row)
    await ledger.close()


def test_a_measurement_replaces_the_estimate_while_the_file_is_the_same(project: Project, box: str) -> None:
    """Marked with its date; of a file that has changed since it says nothing."""
    path = a_file(project.folder / "tiny.gguf")
    row = MeasurementRow(
        id="1", created_at=time.time(), host=socket.gethostname(), model="file/tiny", weights_sha256=sha256_of(path),
        quantisation="F32", engine="e", context_tokens=2048, slots=1, threads=1, decode_tok_s=77.0, prefill_tok_s=200.0,
        memory_bytes=123_000_000, answers=5, disturbed=False,
    )  # fmt: skip
    asyncio.run(_keep(project.folder / "assay.db", row))
    [found] = project.inside("fit", "tiny.gguf", "--json").json["models"]
    assert (found["decode_tok_s"]["value"], found["total_bytes"]) == (77.0, 123_000_000)
    assert found["measured"].startswith("measured here, 20")
    text = project.inside("fit", "tiny.gguf").out
    assert "5 answers" in text
    a_file(path, {**TINY, "llama.block_count": 6, "more": "x" * 64})
    [found] = project.inside("fit", "tiny.gguf", "--json").json["models"]
    assert found["measured"] is None
    assert "formula" in found["decode_tok_s"]["method"]


def test_bars_are_coloured_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not where NO_COLOR forbids it."""
    from assay.cli import fit_page

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert fit_page._styled("█", "blue") == "\x1b[34m█\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert fit_page._styled("█", "blue") == "█"
