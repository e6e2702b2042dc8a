"""The outer door: what is printed whatever it holds."""

from __future__ import annotations

import asyncio
import json

import pytest

from assay.cli.door import INTERRUPTED, emit, guarded, run


def test_json_holds_names_that_are_no_utf8(capsys: pytest.CaptureFixture[str]) -> None:
    """Files may be called anything; what is printed is JSON all the same."""
    emit({"path": "\udcff.gguf", "n": 1}, True, "")
    assert json.loads(capsys.readouterr().out) == {"path": "\udcff.gguf", "n": 1}


@pytest.mark.parametrize("continues", [True, False])
def test_only_work_that_goes_on_is_said_to_go_on(capsys: pytest.CaptureFixture[str], continues: bool) -> None:
    """Ctrl-C on a list that was read, with "what was done is kept", would make one look for what that was."""

    async def interrupted() -> None:
        raise asyncio.CancelledError

    assert guarded(lambda: run(interrupted(), continues=continues)) == INTERRUPTED
    kept = "; what was done is kept, the same command continues"
    assert capsys.readouterr().err == f"assay: interrupted{kept if continues else ''}\n"
