"""The outer door: what is printed whatever it holds."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from assay.cli.door import INTERRUPTED, emit, guarded, note, run
from assay.cli.main import assay
from assay.errors import ConfigError, did_you_mean


def test_json_holds_names_that_are_no_utf8(capsys: pytest.CaptureFixture[str]) -> None:
    """Files may be called anything; what is printed is JSON all the same."""
    emit({"path": "\udcff.gguf", "n": 1}, True, "")
    assert json.loads(capsys.readouterr().out) == {"path": "\udcff.gguf", "n": 1}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_is_no_mistake_of_assay(tmp_path: Path) -> None:
    """What is printed into a file that takes no more ends with a word on that, and exit code 3."""
    (tmp_path / "assay.toml").write_text("")
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "assay", "config", "show"],
            stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False,
        )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (
        3,
        "assay: cannot write to standard output: No space left on device\n",
    )


@pytest.mark.parametrize("command", [("logs",), ("batch", "list")])
def test_more_rows_than_sqlite_can_count_are_all(command: tuple[str, ...], tmp_path: Path) -> None:
    """A number that is meant as "all of them" is none that the ledger breaks at."""
    (tmp_path / "assay.toml").write_text("")
    ended = CliRunner().invoke(assay, [*command, "-n", "99999999999999999999", "-c", str(tmp_path)])
    assert ended.exit_code == 0, ended.output


@pytest.mark.parametrize("continues", [True, False])
def test_only_work_that_goes_on_is_said_to_go_on(capsys: pytest.CaptureFixture[str], continues: bool) -> None:
    """Ctrl-C on a list that was read, with "what was done is kept", would make one look for what that was."""

    async def interrupted() -> None:
        raise asyncio.CancelledError

    assert guarded(lambda: run(interrupted(), continues=continues)) == INTERRUPTED
    kept = "; what was done is kept, the same command continues"
    assert capsys.readouterr().err == f"assay: interrupted{kept if continues else ''}\n"


@pytest.mark.parametrize(
    "words",
    [("choose", "--bar"), ("choose", "--tolerance"), ("choose", "--error"), ("check", "--error"),
     ("pin", "--tolerance"), ("migrate", "--margin"), ("migrate", "--canary"), ("context", "--bar"),
     ("context", "--error")],
)  # fmt: skip
def test_no_number_is_a_usage_error(words: tuple[str, ...]) -> None:
    """`nan` passes every comparison of a range; it is refused before anything is asked and paid."""
    shown = CliRunner().invoke(assay, [*words, "nan"])
    assert shown.exit_code == 2
    assert "'nan' is no number" in shown.output


def test_an_error_does_not_write_upon_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Names of clients and words of hosts stand in errors, too; what would move the cursor is written out."""

    def fails(error: Exception) -> Callable[[], None]:
        def main() -> None:
            raise error

        return main

    told = did_you_mean("x", ["a\x1b[2Jb", "c\x9bd"])
    assert guarded(fails(ConfigError(f"unknown;\n{told}"))) == 2
    assert guarded(fails(click.UsageError(told))) == 2
    note(told)
    shown = capsys.readouterr().err
    assert shown.count(r"a\x1b[2Jb, c\x9bd") == 3
    assert not {"\x1b", "\x9b"} & set(shown)
    assert "unknown;\nknown" in shown, "lines stay lines"
