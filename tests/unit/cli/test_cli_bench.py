"""`assay bench`: figures side by side, errors as rows, what was measured kept on Ctrl-C."""

from __future__ import annotations

import re
import signal
import subprocess
from typing import Any

import pytest

Project = Any  # of this folder's conftest


def test_side_by_side(project: Project) -> None:
    """A row per target with tokens and cost, each one's answer below, progress on stderr only."""
    project.script("bad", default="no, \x1b[31mnever")
    ended = project.inside("bench", "-m", "good", "-m", "bad", "-m", "both", "-p", "Is it?", "-n", "2", "--warmup", "1")
    assert ended.code == 0, ended.err
    head, *rows = ended.out.splitlines()[:4]
    assert head.split()[:3] == ["p50", "min", "first"]
    assert [row.split()[0] for row in rows] == ["good", "bad", "both"]
    assert re.search(r"good .* 6 +1 .* 1\.4e-05 USD +stop +2 of 2 +-$", rows[0])
    assert "both (by bad): no, \\x1b[31mnever" in ended.out
    assert "\x1b" not in ended.out
    assert "good warm-up" in ended.err
    assert "good 2 of 2" in ended.err
    assert len(project.inside("logs", "--json", "-n", "99").json["attempts"]) == 9


def test_one_that_fails_is_a_row(project: Project) -> None:
    """The others go on; the error is counted and told, and exit code 3 says that one gave nothing."""
    project.script("bad", {"match": "", "error": "BadRequest"})
    ended = project.inside("bench", "-m", "bad", "-m", "good", "-p", "x", "--json")
    assert ended.code == 3
    bad, good = ended.json["targets"]
    assert (bad["answered"], bad["errors"], bad["p50_s"]) == (0, {"BadRequest: bad: scripted BadRequest": 3}, None)
    assert (good["answered"], good["text"]) == (3, "yes")
    text = project.inside("bench", "-m", "bad", "-p", "x", "-n", "1")
    assert text.code == 3
    assert "bad: 1 of 1 failed: BadRequest: bad: scripted BadRequest" in text.out


def test_the_prompt_from_standard_input(project: Project) -> None:
    """`--prompt-file -`; kind, system message and limit go with it, and the pinned route can be asked."""
    assert project.inside("choose").code == 0
    assert project.inside("pin").code == 0
    process = project.begin(
        "bench", "-m", "desk", "--prompt-file", "-", "-k", "words", "--system", "Short.", "-n", "1", "--json",
        stdin=subprocess.PIPE,
    )  # fmt: skip
    out, err = process.communicate("one two\nthree\n", timeout=30)
    assert process.returncode == 0, err
    assert '"prompt": "one two\\nthree"' in out
    assert '"deployment": "good"' in out
    assert '"input_tokens": 8' in out  # the deployment's four words, the message's one, and the prompt's three


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "either as --prompt or as --prompt-file"),
        (("-p", "x", "--prompt-file", "x"), "either as --prompt or as --prompt-file"),
        (("-p", " "), "the prompt is empty"),
        (("--prompt-file", "gone.txt"), "cannot read gone.txt"),
        (("-p", "x", "-m", "god"), "did you mean 'good'?"),
        (("-p", "x", "-n", "0"), "--repeats"),
    ],
)
def test_what_is_wrong_is_said(project: Project, words: tuple[str, ...], said: str) -> None:
    """Exit code 2, a message, nothing asked."""
    ended = project.inside("bench", *words)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_ctrl_c_keeps_what_was_measured(project: Project) -> None:
    """SIGINT while the second target is asked: the first one's figures are printed, exit code 130, all is settled."""
    project.script("bad", {"match": "", "answer": "x " * 100, "chunk_delay_s": 0.1})
    process = project.begin("bench", "-m", "good", "-m", "bad", "-p", "x", "-n", "1", "--json")
    assert process.stderr is not None
    assert "good 1 of 1" in process.stderr.readline()
    while not any(row["deployment"] == "bad" for row in project.inside("logs", "--json").json["attempts"]):
        pass
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "interrupted; what had been measured by then" in err
    assert "Traceback" not in err
    assert '"target": "good"' in out
    assert '"target": "bad"' not in out
    assert {row["outcome"] for row in project.inside("logs", "--json").json["attempts"]} == {"ok", "cancelled"}
